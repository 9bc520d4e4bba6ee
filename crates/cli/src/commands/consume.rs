//! `klamm consume`: records become lines of standard output.

mod line;

use std::io::{self, BufWriter, Stdout, Write as _};
use std::num::NonZeroU64;

use futures_util::FutureExt as _;
use klamm_kafka::{ConsumeError, ConsumedRecord, Consumer, ConsumerOptions, Isolation, StartAt, StopAt};

use crate::error::CliError;
use crate::exit;
use crate::invocation::Invocation;
use crate::kafka_session::{About, KafkaSession, PATIENCE, UserArgs};
use line::Form;

/// Read a topic: one line for each record
///
/// Begins with what is written from now on, and goes on until Ctrl-C. Reads every partition at once, without a group,
/// so it takes nothing away from anybody. The order is kept within each partition. A value that is none is printed
/// as `null`. With `--output json` each line is an object with partition, offset, timestamp, key and value.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  klamm consume orders                                  what comes from now on
  klamm consume orders --from-beginning --exit-at-end   what is there
  klamm consume orders --from-beginning -n 10 --output json")]
pub(crate) struct Args {
    /// The topic
    #[arg(value_name = "TOPIC")]
    topic: String,
    /// Begin with the oldest record
    #[arg(long)]
    from_beginning: bool,
    /// End when everything was read that was there at the start
    #[arg(long)]
    exit_at_end: bool,
    /// End after N records
    #[arg(short = 'n', long, value_name = "N")]
    max_messages: Option<NonZeroU64>,
    /// Print keys too, and this between key and value
    #[arg(long, value_name = "TEXT")]
    key_separator: Option<String>,
    /// What is made of transactions
    #[arg(long, value_enum, value_name = "KIND", default_value = "read_uncommitted")]
    isolation: IsolationArg,
    #[command(flatten)]
    user: UserArgs,
}

/// Spelled as Kafka's own `isolation.level`.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
enum IsolationArg {
    /// Also records of transactions that are open or were aborted
    ReadUncommitted,
    /// Only records of committed transactions and of none; waits at the first open transaction
    ReadCommitted,
}

pub(crate) async fn run(invocation: &Invocation, args: Args) -> Result<u8, CliError> {
    let Args { topic, from_beginning, exit_at_end, max_messages, key_separator, isolation, user } = args;
    let session = KafkaSession::open(invocation, &user.user, "klamm consume").await?;
    let start = if from_beginning { StartAt::Earliest } else { StartAt::Latest };
    let stop = if exit_at_end { StopAt::HighWatermark } else { StopAt::Never };
    let isolation = match isolation {
        IsolationArg::ReadUncommitted => Isolation::ReadUncommitted,
        IsolationArg::ReadCommitted => Isolation::ReadCommitted,
    };
    let options = ConsumerOptions { isolation, ..ConsumerOptions::default() };
    let consumer = Consumer::open(&session.kafka, &topic, (start, stop), options, PATIENCE).await;
    let doing = format!("reading topic {topic}");
    let mut printing = Printing {
        consumer: session.told(&doing, About::Topic(&topic), consumer).await?,
        out: BufWriter::new(std::io::stdout()),
        form: Form::new(invocation.terminal.format, key_separator),
        left: max_messages.map(NonZeroU64::get),
    };
    let ended = tokio::select! {
        ended = printing.run() => ended,
        _ = tokio::signal::ctrl_c() => Err(Stopped::Interrupted),
    };
    let result = match ended {
        Ok(()) => Ok(exit::DONE),
        Err(Stopped::Interrupted) => Err(CliError::Interrupted { goes_on: None }),
        Err(Stopped::Output(source)) => Err(CliError::Output { source }),
        Err(Stopped::Consume(failure)) => session.told(doing, About::Topic(&topic), Err(*failure)).await,
    };
    // A reader that went away is not told a second time.
    let flushed = printing.out.flush().map_err(|source| CliError::Output { source });
    result.and_then(|code| flushed.map(|()| code))
}

/// Why printing stopped before its end.
enum Stopped {
    Consume(Box<ConsumeError>),
    Output(io::Error),
    Interrupted,
}

struct Printing {
    consumer: Consumer,
    out: BufWriter<Stdout>,
    form: Form,
    left: Option<u64>,
}

impl Printing {
    async fn run(&mut self) -> Result<(), Stopped> {
        while self.left != Some(0) {
            // What is there is printed in one go; before waiting for more, everything is out.
            let ready = self.consumer.next().now_or_never();
            let next = match ready {
                Some(next) => next,
                None => {
                    self.out.flush().map_err(Stopped::Output)?;
                    self.consumer.next().await
                }
            };
            match next.map_err(|failure| Stopped::Consume(Box::new(failure)))? {
                Some(record) => self.print(&record).map_err(Stopped::Output)?,
                None => return Ok(()),
            }
        }
        Ok(())
    }

    fn print(&mut self, record: &ConsumedRecord) -> io::Result<()> {
        self.form.write(record, &mut self.out)?;
        self.left = self.left.map(|left| left - 1);
        Ok(())
    }
}
