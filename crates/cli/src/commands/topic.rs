//! `klamm topic …`: topics, straight from Kafka.

mod describe;
mod list;

use std::collections::BTreeMap;

use clap::Subcommand;
use klamm_kafka::{NewTopic, Refusal};

use super::confirm::confirm;
use crate::error::CliError;
use crate::exit;
use crate::invocation::Invocation;
use crate::kafka_session::{About, KafkaSession, PATIENCE, UserArgs};
use crate::output::count;

/// Make, list, describe and delete topics
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  klamm topic create orders --partitions 6
  klamm topic create audit --config retention.ms=604800000
  klamm topic list
  klamm topic describe orders")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make a topic
    Create {
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
        /// How many partitions; without it what the brokers are configured for
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
        partitions: Option<i32>,
        /// How many replicas of each; without it what the brokers are configured for
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(i16).range(1..))]
        replicas: Option<i16>,
        /// A setting of the topic; may be given several times
        #[arg(long = "config", value_name = "KEY=VALUE", value_parser = key_and_value)]
        config: Vec<(String, String)>,
        #[command(flatten)]
        user: UserArgs,
    },
    /// List the topics that the user may see
    List {
        /// Kafka's own too
        #[arg(long)]
        internal: bool,
        #[command(flatten)]
        user: UserArgs,
    },
    /// Show a topic's partitions, replicas and settings
    Describe {
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        user: UserArgs,
    },
    /// Delete a topic with all its records
    Delete {
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        user: UserArgs,
    },
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        Some(_) | None => Err("write KEY=VALUE, such as retention.ms=604800000".to_owned()),
    }
}

pub(crate) async fn run(invocation: &Invocation, Args { verb }: Args) -> Result<u8, CliError> {
    match verb {
        Verb::Create { name, partitions, replicas, config, user } => {
            let config: BTreeMap<_, _> = config.into_iter().collect();
            let topic = NewTopic { name, partitions, replication_factor: replicas, config };
            create(invocation, topic, &user).await?;
        }
        Verb::List { internal, user } => {
            let session = KafkaSession::open(invocation, &user.user, "klamm topic list").await?;
            list::run(invocation, &session, internal).await?;
        }
        Verb::Describe { name, user } => {
            let session = KafkaSession::open(invocation, &user.user, "klamm topic describe").await?;
            describe::run(invocation, &session, &name).await?;
        }
        Verb::Delete { name, yes, user } => delete(invocation, name, yes, &user).await?,
    }
    Ok(exit::DONE)
}

async fn create(invocation: &Invocation, topic: NewTopic, user: &UserArgs) -> Result<(), CliError> {
    let session = KafkaSession::open(invocation, &user.user, "klamm topic create").await?;
    let (name, doing) = (topic.name.clone(), format!("creating topic {}", topic.name));
    let created = session.kafka.create_topics(vec![topic.clone()], false, PATIENCE).await;
    let created = session.told(&doing, About::NewTopic(&topic), created).await?;
    let created = session.told(&doing, About::NewTopic(&topic), only_answer(created)).await?;
    let partitions = created.partitions.map(|number| count(number, "partition"));
    let replicas = created.replication_factor.map(|number| match number {
        1 => "1 replica of each".to_owned(),
        number => format!("{number} replicas of each"),
    });
    // Kafka does not tell who may not describe the topic.
    let facts: Vec<_> = [partitions, replicas].into_iter().flatten().collect();
    let told = format!("created topic {name}: {}", facts.join(", "));
    invocation.terminal.tell(told.trim_end_matches(": "));
    Ok(())
}

async fn delete(invocation: &Invocation, name: String, yes: bool, user: &UserArgs) -> Result<(), CliError> {
    if !yes {
        invocation.terminal.tell(&format!("this deletes topic {name} with all its records"));
        confirm(&invocation.terminal, &format!("the deletion of topic {name}"), &name)?;
    }
    let session = KafkaSession::open(invocation, &user.user, "klamm topic delete").await?;
    let doing = format!("deleting topic {name}");
    let deleted = session.kafka.delete_topics(vec![name.clone()], PATIENCE).await;
    let deleted = session.told(&doing, About::Topic(&name), deleted).await?;
    session.told(&doing, About::Topic(&name), only_answer(deleted)).await?;
    invocation.terminal.tell(&format!("deleted topic {name}"));
    Ok(())
}

/// The answer about the one thing that was asked about.
fn only_answer<N, T>(answers: Vec<(N, Result<T, Refusal>)>) -> Result<T, Refusal> {
    let unnamed = || Refusal {
        code: klamm_kafka::ErrorCode::UNKNOWN_SERVER_ERROR,
        message: Some("the answer leaves out what was asked".to_owned()),
    };
    answers.into_iter().next().map_or_else(|| Err(unnamed()), |(_, answer)| answer)
}
