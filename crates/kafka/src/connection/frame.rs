//! Frames: a four-byte length, checked before anything is reserved for it, and that many bytes.

use std::io;

use bytes::{BufMut, Bytes, BytesMut};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::transport::is_tls_refusal;

/// Reserved at first; a frame then grows with what has really arrived.
const FIRST_PIECE: usize = 64 << 10;

/// Why a connection is of no more use.
#[derive(Debug, Error)]
pub enum FrameError {
    /// The network or TLS failed.
    #[error("the connection broke")]
    Broken {
        /// What the socket said.
        source: io::Error,
    },
    /// The other side closed it between two frames.
    #[error("the other side closed the connection")]
    Closed,
    /// A frame longer than allowed, or of negative length.
    #[error("a frame of {length} bytes was announced, {limit} are allowed")]
    TooLarge {
        /// The length announced.
        length: i32,
        /// The bound.
        limit: usize,
    },
    /// An answer to another request than the oldest one waiting.
    #[error("an answer to request {expected} was due, but it names {}", .found.map_or("none".to_owned(), |found| found.to_string()))]
    Correlation {
        /// The request whose answer was due.
        expected: i32,
        /// The id in the answer, when it had one.
        found: Option<i32>,
    },
    /// An answer although nothing was asked.
    #[error("an answer came although nothing was asked")]
    Unexpected,
    /// A request was not answered in time, so that no answer on this connection can be waited for.
    #[error("an earlier request on the connection was not answered in time")]
    GivenUp,
}

impl FrameError {
    /// Whether a new connection may do better: not when TLS refused or the peer does not speak Kafka.
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Broken { source } => !is_tls_refusal(source),
            Self::Closed | Self::GivenUp => true,
            Self::TooLarge { .. } | Self::Correlation { .. } | Self::Unexpected => false,
        }
    }
}

/// The next frame, without its length.
pub(super) async fn read(socket: &mut (impl AsyncRead + Unpin), limit: usize) -> Result<Bytes, FrameError> {
    let mut prefix = [0; 4];
    let mut filled = 0;
    while filled < prefix.len() {
        match socket.read(&mut prefix[filled..]).await {
            Ok(0) if filled == 0 => return Err(FrameError::Closed),
            Ok(0) => return Err(cut_short()),
            Ok(count) => filled += count,
            Err(source) => return Err(FrameError::Broken { source }),
        }
    }
    let announced = i32::from_be_bytes(prefix);
    let length = usize::try_from(announced)
        .ok()
        .filter(|length| *length <= limit)
        .ok_or(FrameError::TooLarge { length: announced, limit })?;
    let mut frame = BytesMut::with_capacity(length.min(FIRST_PIECE));
    while frame.len() < length {
        let missing = length - frame.len();
        if frame.capacity() == frame.len() {
            frame.reserve(missing.min(frame.len()));
        }
        match socket.read_buf(&mut (&mut frame).limit(missing)).await {
            Ok(0) => return Err(cut_short()),
            Ok(_) => {}
            Err(source) => return Err(FrameError::Broken { source }),
        }
    }
    Ok(frame.freeze())
}

fn cut_short() -> FrameError {
    FrameError::Broken { source: io::ErrorKind::UnexpectedEof.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_frame_comes_out_whole_however_it_arrives() {
        let body: Vec<u8> = (0..200_000u32).map(|index| index as u8).collect();
        let mut bytes = 200_000u32.to_be_bytes().to_vec();
        bytes.extend(&body);
        let (head, tail) = bytes.split_at(70_001);
        let mut socket = tokio_test_chain(head, tail);
        assert_eq!(read(&mut socket, 1 << 20).await.expect("a frame"), body);
        assert!(matches!(read(&mut socket, 1 << 20).await, Err(FrameError::Closed)));
    }

    #[tokio::test]
    async fn a_frame_over_the_limit_is_refused_by_its_length_alone() {
        let mut socket: &[u8] = &[0x7f, 0xff, 0xff, 0xff];
        let refused = read(&mut socket, 1024).await.expect_err("too large");
        assert_eq!(refused.to_string(), "a frame of 2147483647 bytes was announced, 1024 are allowed");
        let mut socket: &[u8] = &[0xff, 0xff, 0xff, 0xff];
        assert!(matches!(read(&mut socket, 1024).await, Err(FrameError::TooLarge { length: -1, .. })));
    }

    #[tokio::test]
    async fn a_frame_cut_short_is_a_broken_connection() {
        let mut socket: &[u8] = &[0, 0, 0, 5, 1, 2];
        assert!(matches!(read(&mut socket, 1024).await, Err(FrameError::Broken { .. })));
    }

    fn tokio_test_chain<'a>(head: &'a [u8], tail: &'a [u8]) -> impl AsyncRead + Unpin + 'a {
        head.chain(tail)
    }
}
