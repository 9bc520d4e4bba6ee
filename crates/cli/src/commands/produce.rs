//! `klamm produce`: lines of standard input become records.

use std::io::{BufRead, BufReader, IsTerminal as _, Read};
use std::time::Duration;

use bytes::Bytes;
use klamm_kafka::{Compression, Producer, ProducerOptions, Record};
use tokio::sync::mpsc;

use crate::error::CliError;
use crate::exit;
use crate::invocation::Invocation;
use crate::kafka_session::{About, KafkaSession, UserArgs};
use crate::output::count;

/// Lines are handed on as soon as no more are waiting, at the latest when they are this many bytes.
const CHUNK: usize = 1 << 20;
/// What may be read ahead of Kafka, in chunks.
const AHEAD: usize = 4;
/// How long Kafka may take to acknowledge a chunk: an election, or a node that comes back.
const PATIENCE: Duration = Duration::from_secs(60);

/// Write records: one for each line of standard input
///
/// Each record is acknowledged by every in-sync replica, and none is written twice, whatever is retried. Ends at the
/// end of the input.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  echo hello | klamm produce orders
  klamm produce orders --key-separator : < keyed.txt    lines like `42:hello`")]
pub(crate) struct Args {
    /// The topic
    #[arg(value_name = "TOPIC")]
    topic: String,
    /// What stands between key and value; without it records have no key
    #[arg(long, value_name = "TEXT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    key_separator: Option<String>,
    /// The partition; without it the key decides
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(0..))]
    partition: Option<i32>,
    /// How batches are compressed
    #[arg(long, value_enum, value_name = "KIND", default_value = "none")]
    compression: CompressionArg,
    #[command(flatten)]
    user: UserArgs,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum CompressionArg {
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

pub(crate) async fn run(invocation: &Invocation, args: Args) -> Result<u8, CliError> {
    let Args { topic, key_separator, partition, compression, user } = args;
    let session = KafkaSession::open(invocation, &user.user, "klamm produce").await?;
    let compression = match compression {
        CompressionArg::None => Compression::None,
        CompressionArg::Gzip => Compression::Gzip,
        CompressionArg::Snappy => Compression::Snappy,
        CompressionArg::Lz4 => Compression::Lz4,
        CompressionArg::Zstd => Compression::Zstd,
    };
    let producer =
        Producer::new(&session.kafka, ProducerOptions { compression, ..ProducerOptions::default() });
    if std::io::stdin().is_terminal() {
        invocation.terminal.tell("each line becomes a record; end with Ctrl-D");
    }
    let (send, chunks) = mpsc::channel(AHEAD);
    let cut = Cut { separator: key_separator, partition };
    // A read of a terminal or a pipe cannot be called off, so it has a thread that nobody waits for.
    std::thread::spawn(move || {
        read_records(BufReader::with_capacity(CHUNK / 4, std::io::stdin()), &cut, &send)
    });
    let written = write_all(producer, &topic, &session, chunks).await?;
    if invocation.terminal.live {
        invocation.terminal.tell(&format!("{} to topic {topic}", count(written, "record")));
    }
    Ok(exit::DONE)
}

/// Writes every chunk; how many records that were.
async fn write_all(
    mut producer: Producer,
    topic: &str,
    session: &KafkaSession,
    mut chunks: mpsc::Receiver<Result<Vec<Record>, CliError>>,
) -> Result<u64, CliError> {
    let mut written = 0;
    while let Some(chunk) = chunks.recv().await {
        let sent = producer.send(topic, chunk?, PATIENCE).await;
        let doing = match written {
            0 => format!("writing to topic {topic}"),
            some => format!("writing to topic {topic} after {}", count(some, "record")),
        };
        written += session.told(doing, About::Topic(topic), sent).await?.len() as u64;
    }
    Ok(written)
}

/// How a line becomes a record.
#[derive(Debug)]
struct Cut {
    separator: Option<String>,
    partition: Option<i32>,
}

/// Reads lines to the end and hands them on in chunks, until nobody takes them.
fn read_records<R: Read>(
    mut input: BufReader<R>,
    cut: &Cut,
    chunks: &mpsc::Sender<Result<Vec<Record>, CliError>>,
) {
    let (mut number, mut chunk, mut bytes) = (0, Vec::new(), 0);
    loop {
        let mut line = Vec::new();
        let record = match input.read_until(b'\n', &mut line) {
            Ok(0) => break,
            Ok(_) => {
                number += 1;
                cut.record(line, number)
            }
            Err(source) => Err(CliError::Input { source }),
        };
        match record {
            Ok(record) => {
                bytes +=
                    record.value.as_ref().map_or(0, Bytes::len) + record.key.as_ref().map_or(0, Bytes::len);
                chunk.push(record);
            }
            Err(failure) => {
                // What stands before it is good.
                if !chunk.is_empty() {
                    chunks.blocking_send(Ok(std::mem::take(&mut chunk))).ok();
                }
                chunks.blocking_send(Err(failure)).ok();
                return;
            }
        }
        if input.buffer().is_empty() || bytes >= CHUNK {
            bytes = 0;
            if chunks.blocking_send(Ok(std::mem::take(&mut chunk))).is_err() {
                return;
            }
        }
    }
    if !chunk.is_empty() {
        chunks.blocking_send(Ok(chunk)).ok();
    }
}

impl Cut {
    fn record(&self, mut line: Vec<u8>, number: u64) -> Result<Record, CliError> {
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        let line = Bytes::from(line);
        let (key, value) = match &self.separator {
            None => (None, line),
            Some(separator) => {
                let found = line.windows(separator.len()).position(|window| window == separator.as_bytes());
                let Some(at) = found else {
                    return Err(CliError::NoKey { line: number, separator: separator.clone() });
                };
                (Some(line.slice(..at)), line.slice(at + separator.len()..))
            }
        };
        Ok(Record { key, value: Some(value), partition: self.partition, ..Record::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: &[u8], separator: Option<&str>) -> Vec<Result<Vec<Record>, CliError>> {
        let (send, mut chunks) = mpsc::channel(1024);
        let cut = Cut { separator: separator.map(str::to_owned), partition: None };
        read_records(BufReader::with_capacity(8, input), &cut, &send);
        drop(send);
        std::iter::from_fn(|| chunks.blocking_recv()).collect()
    }

    fn texts(chunks: &[Result<Vec<Record>, CliError>]) -> Vec<(Option<Bytes>, Option<Bytes>)> {
        let records = chunks.iter().filter_map(|chunk| chunk.as_ref().ok()).flatten();
        records.map(|record| (record.key.clone(), record.value.clone())).collect()
    }

    #[test]
    fn every_line_is_a_record_also_an_empty_one_and_one_without_an_end() {
        let values: Vec<_> =
            texts(&read(b"one\n\nthree and more\nlast", None)).into_iter().map(|(_, value)| value).collect();
        let wanted = ["one", "", "three and more", "last"].map(|text| Some(Bytes::from(text)));
        assert_eq!(values, wanted);
        assert!(read(b"", None).is_empty());
    }

    #[test]
    fn the_first_separator_ends_the_key_and_a_line_without_one_stops_after_what_was_good() {
        let chunks = read(b"a::b::c\nd::\nnone\ne::f\n", Some("::"));
        let wanted =
            [("a", "b::c"), ("d", "")].map(|(key, value)| (Some(Bytes::from(key)), Some(Bytes::from(value))));
        assert_eq!(texts(&chunks), wanted);
        let failure = chunks.into_iter().find_map(Result::err).unwrap();
        assert_eq!(
            failure.to_string(),
            "line 3 of standard input has no \"::\", which separates key and value"
        );
    }
}
