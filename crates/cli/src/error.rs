//! Everything that can go wrong in a command, each with its code, its hint and its exit code.

mod report;
#[cfg(test)]
mod tests;

use std::io;
use std::path::PathBuf;

use klamm_core::api::{Failure, InvalidToken};
use klamm_core::model::{ClusterName, InvalidName, UserName};
use klamm_daemon::{DaemonError, JoinError, StartError};
use klamm_disk::DiskError;
use klamm_kafka::AddressError;
use thiserror::Error;

use crate::exit;
use crate::kafka_session::KafkaTrouble;
use crate::root::RootError;

pub(crate) use report::print;

/// Why a command did not do what was asked.
#[derive(Debug, Error)]
pub(crate) enum CliError {
    #[error(transparent)]
    Root(#[from] RootError),
    #[error(transparent)]
    Name(#[from] InvalidName),
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error("the server could not be started")]
    Daemon(#[source] anyhow::Error),
    #[error("the {what} could not run")]
    Service { what: &'static str, source: Box<DaemonError> },
    #[error("{file} holds no token")]
    Token { file: String, source: InvalidToken },
    #[error("no server answers on {socket}")]
    NoServer { socket: PathBuf, source: io::Error },
    #[error("{}", no_cluster(.wanted.as_ref(), .names))]
    NoCluster { wanted: Option<ClusterName>, names: Vec<String> },
    #[error("asking the server for {path} failed")]
    Talk { path: String, source: reqwest::Error },
    #[error("the server's answer to {path} is not understood")]
    Answer { path: String, source: serde_json::Error },
    #[error("the server answered {path} with status {status}: {body}")]
    Status { path: String, status: u16, body: String },
    #[error("{}", .0.message)]
    Refused(Failure),
    #[error("several clusters are here: {}", .names.join(", "))]
    WhichCluster { names: Vec<String> },
    #[error("the spec {file} is of cluster {found}, not of {wanted}")]
    OtherCluster { file: String, found: ClusterName, wanted: ClusterName },
    #[error("{path} could not be read")]
    Read { path: String, source: io::Error },
    #[error("{path} could not be written")]
    Write { path: String, source: io::Error },
    #[error("{path} is there already")]
    Exists { path: String },
    #[error("the path {path} is not UTF-8, which the files for clients need")]
    NotUtf8 { path: PathBuf },
    #[error("{file} has {}", crate::output::count(.count, "problem"))]
    Spec { file: String, count: usize, rendered: String },
    #[error("the spec has no key {key}")]
    NoSuchKey { key: String },
    #[error("mirror {url} is not usable")]
    Mirror { url: String, source: klamm_artifacts::InvalidMirror },
    #[error("the files that say where downloads come from cannot be used")]
    Sources { source: klamm_artifacts::SourcesError },
    #[error(transparent)]
    Cache(#[from] klamm_artifacts::CacheError),
    #[error("the cache {path} cannot be read or written")]
    CacheFiles { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Kafkas(Box<klamm_artifacts::EnsureKafkaError>),
    #[error(transparent)]
    Java(Box<klamm_artifacts::EnsureJavaError>),
    #[error(transparent)]
    Bundle(Box<klamm_artifacts::BundleError>),
    #[error("there is no lock file for Kafka {version}")]
    NoLock { version: String, known: String },
    #[error("{count} of the verified files are damaged")]
    Damaged { count: usize, command: String },
    #[error("run {run} of cluster {cluster} stopped: {reason}")]
    RunFailed { cluster: ClusterName, run: u64, reason: String, again: String },
    #[error("run {run} of cluster {cluster} was aborted by {by}")]
    RunAborted { cluster: ClusterName, run: u64, by: String, again: String },
    #[error("cluster {cluster} has no pool or node {name}")]
    NoNode { cluster: ClusterName, name: String },
    #[error("cluster {cluster} has no run yet")]
    NoRuns { cluster: ClusterName },
    #[error("the server went away during run {run} of cluster {cluster}")]
    RunLost { cluster: ClusterName, run: u64, again: String },
    #[error("{what} was not confirmed, so nothing was done")]
    Unconfirmed { what: String, confirm: String },
    #[error("no certificate could be asked for in the name of user {user}")]
    Certificate { user: UserName, source: anyhow::Error },
    #[error("no TLS client could be made")]
    Tls { source: klamm_pki::TlsError },
    #[error("the server names a bootstrap address that is none")]
    Bootstrap { source: AddressError },
    #[error("cluster {cluster} is down")]
    Down { cluster: ClusterName, command: String },
    #[error("{doing} {}", .source.outcome())]
    Kafka { doing: String, advice: String, source: KafkaTrouble },
    #[error("line {line} of standard input has no {separator:?}, which separates key and value")]
    NoKey { line: u64, separator: String },
    #[error("standard input could not be read")]
    Input { source: io::Error },
    #[error("standard output could not be written")]
    Output { source: io::Error },
    #[error("{}", .goes_on.as_deref().unwrap_or("interrupted"))]
    Interrupted { goes_on: Option<String> },
}

fn no_cluster(wanted: Option<&ClusterName>, names: &[String]) -> String {
    match (wanted, names) {
        (None, []) => "there is no cluster here yet".to_owned(),
        (Some(wanted), []) => format!("there is no cluster {wanted}, nor any other"),
        (None, names) => format!("there is no such cluster, only {}", names.join(", ")),
        (Some(wanted), names) => format!("there is no cluster {wanted}, only {}", names.join(", ")),
    }
}

impl CliError {
    /// The failure as it is told, its chain included.
    pub(crate) fn to_failure(&self) -> Failure {
        if let Self::Refused(failure) = self {
            return failure.clone();
        }
        let (code, hint) = self.code_and_hint();
        let mut causes: Vec<String> = Vec::new();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            // Layers of other libraries often repeat what is below them.
            let text = error.to_string();
            if causes.last().is_none_or(|last| *last != text) {
                causes.push(text);
            }
            cause = error.source();
        }
        Failure { code: code.to_owned(), message: self.to_string(), causes, hint }
    }

    /// Whether there is nobody to tell, or nothing to tell.
    pub(crate) fn is_silent(&self) -> bool {
        matches!(self, Self::Interrupted { goes_on: None }) || self.is_closed_output()
    }

    /// Whether somebody pressed Ctrl-C.
    pub(crate) fn is_interruption(&self) -> bool {
        matches!(self, Self::Interrupted { .. })
    }

    /// Whether who read our output has had enough of it.
    fn is_closed_output(&self) -> bool {
        matches!(self, Self::Output { source } if source.kind() == io::ErrorKind::BrokenPipe)
    }

    /// What the process ends with.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::NoServer { .. } => exit::NO_SERVER,
            Self::Interrupted { .. } => exit::INTERRUPTED,
            Self::Output { .. } if self.is_closed_output() => exit::DONE,
            Self::WhichCluster { .. } => exit::USAGE,
            Self::Root(_)
            | Self::Name(_)
            | Self::Disk(_)
            | Self::Daemon(_)
            | Self::Service { .. }
            | Self::Token { .. }
            | Self::Talk { .. }
            | Self::Answer { .. }
            | Self::Status { .. }
            | Self::Refused(_)
            | Self::NoCluster { .. }
            | Self::OtherCluster { .. }
            | Self::Read { .. }
            | Self::Write { .. }
            | Self::Exists { .. }
            | Self::NotUtf8 { .. }
            | Self::Spec { .. }
            | Self::NoSuchKey { .. }
            | Self::Mirror { .. }
            | Self::Sources { .. }
            | Self::Cache(_)
            | Self::CacheFiles { .. }
            | Self::Kafkas(_)
            | Self::Java(_)
            | Self::Bundle(_)
            | Self::NoLock { .. }
            | Self::Damaged { .. }
            | Self::RunFailed { .. }
            | Self::RunAborted { .. }
            | Self::RunLost { .. }
            | Self::NoRuns { .. }
            | Self::NoNode { .. }
            | Self::Unconfirmed { .. }
            | Self::Certificate { .. }
            | Self::Tls { .. }
            | Self::Bootstrap { .. }
            | Self::Down { .. }
            | Self::Kafka { .. }
            | Self::NoKey { .. }
            | Self::Input { .. }
            | Self::Output { .. } => exit::FAILED,
        }
    }

    fn code_and_hint(&self) -> (&'static str, Option<String>) {
        let hint = |text: &str| Some(text.to_owned());
        match self {
            Self::Root(_) => ("klamm/cli/root", hint("say where with `--root DIR` or KLAMM_ROOT")),
            Self::Name(_) => ("klamm/name/invalid", None),
            Self::Disk(_) => ("klamm/cli/disk", None),
            Self::Daemon(source) => match source.downcast_ref() {
                Some(StartError::OwnServer { .. }) => {
                    ("klamm/server/none", hint("start it as it was started before: `klamm server`"))
                }
                Some(_) | None => {
                    ("klamm/daemon/start", hint("its log is below the log folder, see `klamm versions`"))
                }
            },
            Self::Service { source, .. } => ("klamm/service/start", service_hint(source)),
            Self::Token { .. } => {
                ("klamm/token/invalid", hint("make one on the server: `klamm token create`"))
            }
            Self::NoServer { .. } => {
                ("klamm/server/none", hint("`klamm up` starts it; `klamm server` starts one that hosts join"))
            }
            Self::NoCluster { wanted, names } => {
                let hint = match (wanted, names.as_slice()) {
                    (Some(wanted), []) => format!("`klamm up --cluster {wanted}` makes it"),
                    (None, []) => "`klamm up` makes one".to_owned(),
                    (_, _) => "say one of these: `--cluster NAME`".to_owned(),
                };
                ("klamm/cluster/unknown", Some(hint))
            }
            Self::Talk { .. } => ("klamm/server/talk", hint("try again; the server's log says more")),
            Self::Answer { .. } | Self::Status { .. } => (
                "klamm/server/answer",
                hint("server and `klamm` may differ in version: compare `klamm versions`"),
            ),
            Self::Refused(_) => ("klamm/server/refused", None),
            Self::WhichCluster { .. } => ("klamm/cli/which-cluster", hint("say which: `--cluster NAME`")),
            Self::OtherCluster { wanted, .. } => (
                "klamm/cli/other-cluster",
                Some(format!("leave `--cluster {wanted}` out, or write `cluster: {wanted}` into the spec")),
            ),
            Self::Read { .. } => ("klamm/cli/read", None),
            Self::Write { .. } => ("klamm/cli/write", None),
            Self::Exists { path } => {
                ("klamm/cli/exists", Some(format!("choose another name, or move {path} away first")))
            }
            Self::NotUtf8 { .. } => ("klamm/cli/path", hint("choose another folder")),
            Self::Spec { rendered, .. } => ("klamm/spec/invalid", Some(rendered.clone())),
            Self::NoSuchKey { .. } => (
                "klamm/spec/no-such-key",
                hint(
                    "`klamm init -` shows most of them; Kafka's own keys are explained too, written in full",
                ),
            ),
            Self::Mirror { .. } => ("klamm/artifacts/mirror", hint("give an absolute http or https URL")),
            Self::Sources { .. } => ("klamm/artifacts/sources", None),
            Self::Cache(_) | Self::CacheFiles { .. } => ("klamm/artifacts/cache", None),
            Self::Kafkas(_) | Self::Java(_) => (
                "klamm/artifacts/fetch",
                hint(
                    "a mirror (`klamm up --mirror URL`), a proxy (HTTPS_PROXY) or a bundle of another machine \
                     (`klamm artifacts export`, `import`) helps where the default hosts cannot be reached",
                ),
            ),
            Self::Bundle(_) => ("klamm/artifacts/bundle", None),
            Self::NoLock { known, .. } => {
                ("klamm/artifacts/no-lock", Some(format!("there is one for {known}")))
            }
            Self::Damaged { command, .. } => {
                ("klamm/artifacts/damaged", Some(format!("`{command}` fetches them again")))
            }
            Self::RunFailed { .. } => (
                "klamm/run/failed",
                hint("`klamm status` and `klamm logs NODE` tell more; `klamm up` goes on"),
            ),
            Self::RunAborted { again, .. } => (
                "klamm/run/aborted",
                Some(format!("what was done stays; `{again}` goes on, `klamm apply` plans anew")),
            ),
            Self::NoNode { .. } => (
                "klamm/node/unknown",
                hint("`klamm status` lists the nodes; a pool is a node's name without its number"),
            ),
            Self::NoRuns { .. } => {
                ("klamm/run/none", hint("`klamm apply` begins one where there is something to do"))
            }
            Self::RunLost { again, .. } => ("klamm/run/lost", Some(format!("`{again}` takes it up again"))),
            Self::Unconfirmed { confirm, .. } => ("klamm/cli/unconfirmed", Some(confirm.clone())),
            Self::Certificate { .. } => ("klamm/certificate/request", None),
            Self::Tls { .. } => ("klamm/cli/tls", None),
            Self::Bootstrap { .. } => ("klamm/cli/bootstrap", None),
            Self::Down { command, .. } => ("klamm/cluster/down", Some(format!("`{command} up` starts it"))),
            Self::Kafka { advice, source, .. } => (source.code(), Some(advice.clone())),
            Self::NoKey { .. } => {
                ("klamm/cli/no-key", hint("records before this line were written; mend it and send the rest"))
            }
            Self::Input { .. } => ("klamm/cli/input", None),
            Self::Output { .. } => ("klamm/cli/output", None),
            Self::Interrupted { .. } => ("klamm/cli/interrupted", None),
        }
    }
}

/// What helps a server or an agent that does not start.
fn service_hint(error: &DaemonError) -> Option<String> {
    let hint = match error {
        DaemonError::NoListen => "say where, once: `klamm server --listen ADDRESS:PORT`",
        DaemonError::Taken { .. } => "end the other one first, or give this one a root of its own",
        DaemonError::Join(JoinError::NotJoined { .. }) => {
            "`klamm token create` on the server, then `klamm agent join --token-file FILE` here"
        }
        DaemonError::Join(JoinError::Elsewhere { .. }) => {
            "a host that shall obey another server must be destroyed on the old one, and its agent's folder removed"
        }
        DaemonError::Join(JoinError::Link(_)) => "look at the address, at the clock, and at the server's log",
        DaemonError::Join(_)
        | DaemonError::Disk(_)
        | DaemonError::Socket { .. }
        | DaemonError::Server(_)
        | DaemonError::Agent(_)
        | DaemonError::Cache(_)
        | DaemonError::Listening { .. }
        | DaemonError::Tls(_) => return None,
    };
    Some(hint.to_owned())
}
