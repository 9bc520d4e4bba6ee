//! The only place that knows the generated protocol messages: our calls in, frames out, and back.
//!
//! Everything else in this crate names [`Call`] and the crate's own types, so that the library underneath
//! can be swapped. Two rules keep a hostile peer from aborting the process, since the library reserves
//! memory for whatever array length it reads: only flexible versions are spoken, whose lengths are all
//! unsigned varints, and [`Guarded`] refuses a varint that the rest of the frame cannot hold.

pub(crate) mod calls;
mod compression;
mod guard;
pub(crate) mod records;

use std::collections::BTreeMap;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::{RequestHeader, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Message, Request, StrBytes};
use thiserror::Error;

use crate::kafka_id::KafkaId;
use crate::refusal::Refusal;
use guard::Guarded;

pub use compression::Compression;

/// The client id in every request; shows up in broker logs, quotas and metrics.
pub const CLIENT_ID: &str = "klamm";

/// The first header version with tagged fields: what makes a request version flexible.
const FLEXIBLE_HEADER: i16 = 2;

/// A message that could not be written or read.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct CodecError(String);

impl CodecError {
    fn new(why: impl std::fmt::Display) -> Self {
        Self(format!("{why:#}"))
    }
}

/// One request of ours and what its answer means.
pub(crate) trait Call {
    /// The API's name in Kafka's protocol.
    const NAME: &'static str;
    /// The newest version this code understands, where that is older than the library's newest.
    const NEWEST: i16 = i16::MAX;
    /// Whether sending it twice is harmless, so that a lost answer may be followed by another attempt.
    const REPEATABLE: bool = true;
    /// The generated request.
    type Wire: Request;
    /// Our own answer type.
    type Reply;

    /// The request in the library's terms.
    fn wire(&self, version: i16) -> Self::Wire;
    /// The answer in ours; a refusal when the call failed as a whole.
    fn reply(answer: <Self::Wire as Request>::Response) -> Result<Self::Reply, Refusal>;
}

/// The API's number and the versions of it this library could speak to any broker.
pub(crate) fn own_versions<C: Call>() -> (i16, i16, i16) {
    let library = <C::Wire as Message>::VERSIONS;
    let newest = library.max.min(C::NEWEST);
    let oldest = (library.min..=newest)
        .find(|version| <C::Wire as HeaderVersion>::header_version(*version) >= FLEXIBLE_HEADER)
        .unwrap_or(newest);
    (<C::Wire as Request>::KEY, oldest, newest)
}

/// A request with its length prefix, ready to be written.
pub(crate) fn encode<C: Call>(call: &C, version: i16, correlation: i32) -> Result<Bytes, CodecError> {
    let header = RequestHeader::default()
        .with_request_api_key(<C::Wire as Request>::KEY)
        .with_request_api_version(version)
        .with_correlation_id(correlation)
        .with_client_id(Some(StrBytes::from_static_str(CLIENT_ID)));
    let mut frame = BytesMut::new();
    frame.put_i32(0);
    header
        .encode(&mut frame, <C::Wire as HeaderVersion>::header_version(version))
        .map_err(CodecError::new)?;
    call.wire(version).encode(&mut frame, version).map_err(CodecError::new)?;
    let length = i32::try_from(frame.len() - 4).map_err(CodecError::new)?;
    frame[..4].copy_from_slice(&length.to_be_bytes());
    Ok(frame.freeze())
}

/// The correlation id at the start of every answer.
pub(crate) fn correlation_id(frame: &[u8]) -> Option<i32> {
    frame.first_chunk().map(|bytes| i32::from_be_bytes(*bytes))
}

/// An answer to a request that was sent in `version`.
pub(crate) fn decode<C: Call>(frame: Bytes, version: i16) -> Result<Result<C::Reply, Refusal>, CodecError> {
    let mut frame = Guarded::new(frame);
    let header = <<C::Wire as Request>::Response as HeaderVersion>::header_version(version);
    ResponseHeader::decode(&mut frame, header).map_err(CodecError::new)?;
    let answer = <<C::Wire as Request>::Response as Decodable>::decode(&mut frame, version)
        .map_err(CodecError::new)?;
    Ok(C::reply(answer))
}

/// Version ranges by API number, as a listener announced them.
pub(crate) type Ranges = BTreeMap<i16, (i16, i16)>;

/// The answer of a listener that does not know our version of `ApiVersions`: code
/// `UNSUPPORTED_VERSION` in the oldest layout, read by hand because it alone is not flexible.
/// Nothing when the frame is an ordinary answer.
pub(crate) fn unsupported_api_versions(frame: &[u8]) -> Option<Ranges> {
    const UNSUPPORTED_VERSION: i16 = 35;
    let mut rest = frame.get(4..)?;
    let mut number = || -> Option<i16> {
        let (head, tail) = rest.split_first_chunk()?;
        rest = tail;
        Some(i16::from_be_bytes(*head))
    };
    if number()? != UNSUPPORTED_VERSION {
        return None;
    }
    // The count is four bytes; the entries are read until the frame ends, whatever it says.
    number()?;
    number()?;
    let mut ranges = Ranges::new();
    while let (Some(api), Some(oldest), Some(newest)) = (number(), number(), number()) {
        ranges.insert(api, (oldest, newest));
    }
    Some(ranges)
}

pub(crate) fn error_name(code: i16) -> Option<String> {
    let known = ResponseError::try_from_code(code)?;
    (!matches!(known, ResponseError::Unknown(_))).then(|| known.to_string())
}

pub(crate) fn error_is_retriable(code: i16) -> bool {
    ResponseError::try_from_code(code).is_some_and(|known| known.is_retriable())
}

/// A Kafka id out of the library's.
macro_rules! kafka_id {
    ($uuid:expr) => {
        $crate::kafka_id::KafkaId(*$uuid.as_bytes())
    };
}
pub(crate) use kafka_id;

fn some_id(id: KafkaId) -> Option<KafkaId> {
    (!id.is_zero()).then_some(id)
}

fn text(value: &str) -> StrBytes {
    StrBytes::from_string(value.to_owned())
}

fn owned(value: StrBytes) -> String {
    value.as_str().to_owned()
}

/// Kafka writes "no such node" as -1.
fn node(id: i32) -> Option<i32> {
    (id >= 0).then_some(id)
}

fn nodes<Id: Into<i32>>(ids: Vec<Id>) -> Vec<i32> {
    ids.into_iter().map(Into::into).collect()
}

#[cfg(test)]
mod tests;
