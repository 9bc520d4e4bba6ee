//! Commands as lines of text, there and back.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

use super::{Command, Fault, Host, Order, Question};

/// Why a line is no command.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CommandError {
    /// No command begins like this.
    #[error("no command is called `{0}`; `help` lists them")]
    Unknown(String),
    /// The command needs something else after its name.
    #[error("`{line}`: {problem}")]
    Shape {
        /// The line.
        line: String,
        /// What is expected.
        problem: &'static str,
    },
}

/// Reads a line.
pub fn parse(line: &str) -> Result<Command, CommandError> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let wrong = |problem| CommandError::Shape { line: line.to_owned(), problem };
    let command = match words.as_slice() {
        ["run", time] => Command::Run(duration(time).ok_or_else(|| wrong("a time such as 250ms, 5s or 3m"))?),
        ["settle"] => Command::Settle,
        ["up"] => Command::Order(Order::Up),
        ["down"] => Command::Order(Order::Down),
        ["destroy"] => Command::Order(Order::Destroy),
        ["revert"] => Command::Order(Order::Revert),
        ["abort"] => Command::Order(Order::Abort),
        ["resume"] => Command::Order(Order::Resume),
        ["set", setting] => {
            let (key, value) = setting.split_once('=').ok_or_else(|| wrong("`set KEY=VALUE`"))?;
            Command::Order(Order::Set { key: key.to_owned(), value: value.to_owned() })
        }
        ["unset", key] => Command::Order(Order::Unset { key: (*key).to_owned() }),
        ["topic", name, shape] => {
            let (partitions, replicas) = shape
                .split_once('x')
                .and_then(|(partitions, replicas)| Some((partitions.parse().ok()?, replicas.parse().ok()?)))
                .ok_or_else(|| wrong("`topic NAME PARTITIONSxREPLICAS`"))?;
            Command::Order(Order::Topic { name: (*name).to_owned(), partitions, replicas })
        }
        ["user", name] => Command::Order(Order::User { name: (*name).to_owned() }),
        ["drop-user", name] => Command::Order(Order::DropUser { name: (*name).to_owned() }),
        ["status"] => Command::Ask(Question::Status),
        ["plan"] => Command::Ask(Question::Plan),
        ["journal"] => Command::Ask(Question::Journal),
        ["check"] => Command::Ask(Question::Check),
        words => Command::Fault(fault(words, line)?),
    };
    Ok(command)
}

fn fault(words: &[&str], line: &str) -> Result<Fault, CommandError> {
    let wrong = |problem| CommandError::Shape { line: line.to_owned(), problem };
    let host = |word: &str| host(word).ok_or_else(|| wrong("a host is `server`, `h1`, `h2`, …"));
    let slot = |word: &str| word.parse().map_err(|_| wrong("a node is named as its slot, such as brokers-1"));
    let percent = |word: &str| {
        let number = word.strip_suffix('%').and_then(|number| number.parse().ok());
        number.filter(|number| *number <= 100).ok_or_else(|| wrong("a share such as 20%"))
    };
    Ok(match words {
        ["kill", "server"] => Fault::KillServer,
        ["start", "server"] => Fault::StartServer,
        ["kill", "agent", name] => Fault::KillAgent(host(name)?),
        ["start", "agent", name] => Fault::StartAgent(host(name)?),
        ["kill", name] => Fault::KillNode(slot(name)?),
        ["freeze", name] => Fault::FreezeNode(slot(name)?),
        ["thaw", name] => Fault::ThawNode(slot(name)?),
        ["lose-data", name] => Fault::LoseData(slot(name)?),
        ["segments", name, count] => {
            let count = count.parse().map_err(|_| wrong("`segments NODE COUNT`"))?;
            Fault::Segments { slot: slot(name)?, count }
        }
        ["power-off", name] => Fault::PowerOff(host(name)?),
        ["power-on", name] => Fault::PowerOn(host(name)?),
        ["snapshot", "server"] => Fault::SnapshotServer,
        ["restore", "server"] => Fault::RestoreServer,
        ["old-server", name] => Fault::OldServer(host(name)?),
        ["snapshot", name] => Fault::Snapshot(host(name)?),
        ["restore", name] => Fault::Restore(host(name)?),
        ["cut", from, "->", to] => Fault::Cut { from: host(from)?, to: host(to)? },
        ["isolate", name] => Fault::Isolate(host(name)?),
        ["heal"] => Fault::Heal,
        ["delay", time] => {
            Fault::Delay(duration(time).ok_or_else(|| wrong("a time such as 250ms, 5s or 3m"))?)
        }
        ["drop", share] => Fault::Drop(percent(share)?),
        ["duplicate", share] => Fault::Duplicate(percent(share)?),
        ["skew", name, seconds] => {
            let seconds = seconds.strip_suffix('s').and_then(|seconds| seconds.parse().ok());
            Fault::SkewClock { host: host(name)?, seconds: seconds.ok_or_else(|| wrong("`skew HOST -30s`"))? }
        }
        ["fill-disk", name] => Fault::FillDisk(host(name)?),
        ["empty-disk", name] => Fault::EmptyDisk(host(name)?),
        [] => return Err(CommandError::Unknown(String::new())),
        [name, ..] => return Err(CommandError::Unknown((*name).to_owned())),
    })
}

fn host(word: &str) -> Option<Host> {
    match word {
        "server" => Some(Host::Server),
        word => word.strip_prefix('h')?.parse().ok().map(Host::Agent),
    }
}

fn duration(word: &str) -> Option<Duration> {
    let digits = word.bytes().take_while(u8::is_ascii_digit).count();
    let number: u64 = word[..digits].parse().ok()?;
    match &word[digits..] {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_secs(number.checked_mul(60)?)),
        _ => None,
    }
}

/// A time in the unit that needs the fewest digits: `250ms`, `5s`, `3m`.
pub(crate) fn short(time: Duration) -> String {
    match time.as_millis() {
        millis if millis % 1000 != 0 => format!("{millis}ms"),
        millis if millis % 60_000 != 0 || millis == 0 => format!("{}s", millis / 1000),
        millis => format!("{}m", millis / 60_000),
    }
}

impl FromStr for Command {
    type Err = CommandError;
    fn from_str(line: &str) -> Result<Self, CommandError> {
        parse(line)
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(time) => write!(f, "run {}", short(*time)),
            Self::Settle => f.write_str("settle"),
            Self::Order(order) => order.fmt(f),
            Self::Fault(fault) => fault.fmt(f),
            Self::Ask(Question::Status) => f.write_str("status"),
            Self::Ask(Question::Plan) => f.write_str("plan"),
            Self::Ask(Question::Journal) => f.write_str("journal"),
            Self::Ask(Question::Check) => f.write_str("check"),
        }
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Up => f.write_str("up"),
            Self::Down => f.write_str("down"),
            Self::Destroy => f.write_str("destroy"),
            Self::Set { key, value } => write!(f, "set {key}={value}"),
            Self::Unset { key } => write!(f, "unset {key}"),
            Self::Topic { name, partitions, replicas } => write!(f, "topic {name} {partitions}x{replicas}"),
            Self::User { name } => write!(f, "user {name}"),
            Self::DropUser { name } => write!(f, "drop-user {name}"),
            Self::Revert => f.write_str("revert"),
            Self::Abort => f.write_str("abort"),
            Self::Resume => f.write_str("resume"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KillNode(slot) => write!(f, "kill {slot}"),
            Self::FreezeNode(slot) => write!(f, "freeze {slot}"),
            Self::ThawNode(slot) => write!(f, "thaw {slot}"),
            Self::LoseData(slot) => write!(f, "lose-data {slot}"),
            Self::Segments { slot, count } => write!(f, "segments {slot} {count}"),
            Self::KillAgent(host) => write!(f, "kill agent {host}"),
            Self::StartAgent(host) => write!(f, "start agent {host}"),
            Self::KillServer => f.write_str("kill server"),
            Self::StartServer => f.write_str("start server"),
            Self::PowerOff(host) => write!(f, "power-off {host}"),
            Self::PowerOn(host) => write!(f, "power-on {host}"),
            Self::Snapshot(host) => write!(f, "snapshot {host}"),
            Self::Restore(host) => write!(f, "restore {host}"),
            Self::SnapshotServer => f.write_str("snapshot server"),
            Self::RestoreServer => f.write_str("restore server"),
            Self::OldServer(host) => write!(f, "old-server {host}"),
            Self::Cut { from, to } => write!(f, "cut {from} -> {to}"),
            Self::Isolate(host) => write!(f, "isolate {host}"),
            Self::Heal => f.write_str("heal"),
            Self::Delay(time) => write!(f, "delay {}", short(*time)),
            Self::Drop(percent) => write!(f, "drop {percent}%"),
            Self::Duplicate(percent) => write!(f, "duplicate {percent}%"),
            Self::SkewClock { host, seconds } => write!(f, "skew {host} {seconds}s"),
            Self::FillDisk(host) => write!(f, "fill-disk {host}"),
            Self::EmptyDisk(host) => write!(f, "empty-disk {host}"),
        }
    }
}
