//! A record as a line: its bytes as they are, or an object.

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use klamm_kafka::ConsumedRecord;
use serde_json::{Map, Value, json};

use crate::output::Format;

/// What is printed where there is no value or no key, as Kafka's own consumer does.
const NONE: &[u8] = b"null";

/// How records are printed.
#[derive(Debug)]
pub(super) enum Form {
    /// The value, after the key where there is a separator.
    Bytes {
        /// What stands between the two.
        key_separator: Option<String>,
    },
    /// One object a line.
    Json,
}

impl Form {
    pub(super) fn new(format: Format, key_separator: Option<String>) -> Self {
        match format {
            Format::Table => Self::Bytes { key_separator },
            Format::Json => Self::Json,
        }
    }

    /// Writes one record and the end of its line.
    pub(super) fn write(&self, record: &ConsumedRecord, out: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Bytes { key_separator } => {
                if let Some(separator) = key_separator {
                    out.write_all(record.key.as_deref().unwrap_or(NONE))?;
                    out.write_all(separator.as_bytes())?;
                }
                out.write_all(record.value.as_deref().unwrap_or(NONE))?;
            }
            Self::Json => serde_json::to_writer(&mut *out, &object(record))?,
        }
        out.write_all(b"\n")
    }
}

fn object(record: &ConsumedRecord) -> Value {
    let ConsumedRecord { topic, partition, offset, timestamp_ms, key, value, headers } = record;
    let mut object = Map::new();
    object.insert("topic".into(), json!(**topic));
    object.insert("partition".into(), json!(partition));
    object.insert("offset".into(), json!(offset));
    object.insert("timestamp".into(), json!(timestamp_ms));
    insert(&mut object, "key", key.as_ref());
    insert(&mut object, "value", value.as_ref());
    if !headers.is_empty() {
        let header = |(name, value): &(String, Option<Bytes>)| {
            let mut header = Map::new();
            header.insert("name".into(), json!(name));
            insert(&mut header, "value", value.as_ref());
            Value::Object(header)
        };
        object.insert("headers".into(), headers.iter().map(header).collect());
    }
    Value::Object(object)
}

/// Text as it is; bytes that are no UTF-8 as base64 under a name that says so.
fn insert(object: &mut Map<String, Value>, name: &str, content: Option<&Bytes>) {
    match content.map(|bytes| std::str::from_utf8(bytes).map_err(|_| bytes)) {
        None => object.insert(name.to_owned(), Value::Null),
        Some(Ok(text)) => object.insert(name.to_owned(), json!(text)),
        Some(Err(bytes)) => object.insert(format!("{name}_base64"), json!(STANDARD.encode(bytes))),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(key: Option<&'static [u8]>, value: Option<&'static [u8]>) -> ConsumedRecord {
        ConsumedRecord {
            topic: "orders".into(),
            partition: 1,
            offset: 7,
            timestamp_ms: 1_700_000_000_000,
            key: key.map(Bytes::from_static),
            value: value.map(Bytes::from_static),
            headers: vec![],
        }
    }

    fn line(form: &Form, record: &ConsumedRecord) -> Vec<u8> {
        let mut out = Vec::new();
        form.write(record, &mut out).unwrap();
        out
    }

    #[test]
    fn bytes_are_printed_as_they_are() {
        let plain = Form::Bytes { key_separator: None };
        assert_eq!(line(&plain, &record(Some(b"k"), Some(b"\xff\x00"))), b"\xff\x00\n");
        assert_eq!(line(&plain, &record(None, None)), b"null\n");
        let keyed = Form::Bytes { key_separator: Some("\t".into()) };
        assert_eq!(line(&keyed, &record(Some(b"k"), Some(b"v"))), b"k\tv\n");
    }

    #[test]
    fn an_object_tells_text_from_bytes_and_nothing_from_empty() {
        let text = String::from_utf8(line(&Form::Json, &record(Some(b""), Some(b"\xff")))).unwrap();
        assert_eq!(
            text,
            "{\"topic\":\"orders\",\"partition\":1,\"offset\":7,\"timestamp\":1700000000000,\"key\":\"\",\"value_base64\":\"/w==\"}\n"
        );
    }
}
