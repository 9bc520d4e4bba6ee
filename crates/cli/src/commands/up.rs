//! `klamm up`: as the spec says, running.

use std::path::{Path, PathBuf};

use klamm_artifacts::{Mirrors, SourceFiles};
use klamm_core::api::{ClusterStatus, PlanRequest, Want};
use klamm_core::model::ClusterName;

use super::artifacts::supply;
use super::tell_warnings;
use crate::api::{Api, Start};
use crate::error::CliError;
use crate::exit;
use crate::follow::{apply, apply_after_others, follow};
use crate::invocation::{Invocation, default_cluster};
use crate::output::{self, Format, Terminal, count, print_json};
use crate::specs::{self, GivenSpec};
use crate::summary;

/// Make the cluster as its spec says, and running
///
/// The first time this downloads Kafka (and Java, where there is none that fits), makes keys and starts the nodes.
/// Later it applies what changed in the spec; with nothing to do it says so and ends at once. The spec is FILE,
/// else ./klamm.yaml, else the one that the cluster has, else a built-in one: three nodes on this machine, TLS
/// with client certificates on every listener, everything denied that the spec does not allow.
///
/// Ctrl-C ends the showing of progress, not the work.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  klamm up
  klamm init && klamm up              write ./klamm.yaml first, to change it
  klamm up -f telemetry.yaml
  klamm up --mirror https://mirror.example.com/maven")]
pub(crate) struct Args {
    /// The spec; `-` reads standard input
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Download from this base URL first; remembered, and may be given several times
    #[arg(long = "mirror", value_name = "URL")]
    mirrors: Vec<String>,
    /// Trust the authorities of this PEM file for downloads, beside the machine's own; remembered
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Do not wait: the run goes on by itself
    #[arg(long)]
    detach: bool,
    /// Give existing nodes the defaults and the code of this Klamm, sized for the hosts of today, with the restarts
    /// that this needs; without it they keep what they were made with
    #[arg(long)]
    refresh_defaults: bool,
}

pub(crate) async fn run(invocation: &Invocation, args: Args) -> Result<u8, CliError> {
    let given = specs::find(args.file.as_deref(), &invocation.terminal)?;
    remember_sources(invocation, &args.mirrors, args.ca_file.as_deref())?;
    let bringing_up = invocation.ask(Start::Always, async |api| {
        tokio::select! {
            // First, because it knows more about what an interruption leaves going on.
            biased;
            result = bring_up(invocation, api, given, &args) => result,
            _ = tokio::signal::ctrl_c() => {
                let look = format!("`{} status` shows what was begun", invocation.command());
                Err(CliError::Interrupted { goes_on: Some(format!("interrupted; {look}")) })
            }
        }
    });
    bringing_up.await.map(|()| exit::DONE)
}

async fn bring_up(
    invocation: &Invocation,
    api: &Api,
    given: Option<GivenSpec>,
    args: &Args,
) -> Result<(), CliError> {
    let terminal = &invocation.terminal;
    let Asked { cluster, request, is_known } = request(invocation, api, given, args.refresh_defaults).await?;
    let started = if args.detach {
        apply(api, &cluster, request).await?
    } else {
        apply_after_others(invocation, api, &cluster, request).await?
    };
    tell_warnings(invocation, &started.warnings);
    let notes: String = started.plan.notes.iter().map(|note| format!("note: {note}\n")).collect();
    let Some(run) = started.run else {
        let status = api.status(&cluster).await?;
        let text = terminal.prose(&format!("nothing to do\n{notes}{}\n", summary::one_line(&status)));
        return print(terminal, &status, &text);
    };
    if !notes.is_empty() {
        terminal.tell(notes.trim_end());
    }
    if args.detach {
        let look = format!("`{} status --watch` shows it", invocation.command());
        terminal.tell(&format!("run {run} of cluster {cluster} goes on; {look}"));
        return Ok(());
    }
    follow(invocation, api, &cluster, run, "up").await?;
    let status = api.status(&cluster).await?;
    // Whoever changes a cluster knows it: the first words are for whoever makes one.
    let text = if is_known {
        terminal.prose(&format!("{}\n", summary::one_line(&status)))
    } else {
        welcome(&status, &invocation.command())
    };
    print(terminal, &status, &text)
}

fn print(terminal: &Terminal, status: &ClusterStatus, text: &str) -> Result<(), CliError> {
    match terminal.format {
        Format::Json => print_json(status),
        Format::Table => output::print(text),
    }
}

/// What `up` and `plan` are about.
pub(super) struct Asked {
    pub(super) cluster: ClusterName,
    pub(super) request: PlanRequest,
    /// Whether the server has the cluster already.
    pub(super) is_known: bool,
}

/// The cluster that `up` and `plan` are about, and what to ask for it.
pub(super) async fn request(
    invocation: &Invocation,
    api: &Api,
    given: Option<GivenSpec>,
    refresh_defaults: bool,
) -> Result<Asked, CliError> {
    let clusters = api.clusters().await?.clusters;
    let is_known = |name: &ClusterName| clusters.iter().any(|row| row.name == *name);
    if let Some(GivenSpec { text, file, cluster }) = given {
        if let Some(wanted) = invocation.cluster.as_ref().filter(|wanted| **wanted != cluster) {
            return Err(CliError::OtherCluster { file, found: cluster, wanted: wanted.clone() });
        }
        let is_known = is_known(&cluster);
        let request = PlanRequest { refresh_defaults, ..PlanRequest::new(Want::Up, Some(text), file) };
        return Ok(Asked { cluster, request, is_known });
    }
    let chosen = match (&invocation.cluster, clusters.as_slice()) {
        (Some(wanted), _) => wanted.clone(),
        (None, [only]) => only.name.clone(),
        (None, _) => default_cluster(),
    };
    let is_known = is_known(&chosen);
    if !is_known && invocation.cluster.is_none() && clusters.len() > 1 {
        return Err(CliError::WhichCluster {
            names: clusters.iter().map(|row| row.name.to_string()).collect(),
        });
    }
    let spec = (!is_known).then(|| specs::built_in(&chosen));
    let file = if is_known { format!("the spec of {chosen}") } else { "the built-in spec".to_owned() };
    Ok(Asked {
        cluster: chosen,
        request: PlanRequest { refresh_defaults, ..PlanRequest::new(Want::Up, spec, file) },
        is_known,
    })
}

/// Keeps the mirrors and their authorities for every later download, also of a daemon that is started again.
fn remember_sources(
    invocation: &Invocation,
    mirrors: &[String],
    ca_file: Option<&Path>,
) -> Result<(), CliError> {
    let sources = invocation.root.sources();
    if !mirrors.is_empty() {
        for url in mirrors {
            Mirrors::new(std::slice::from_ref(url), false)
                .map_err(|source| CliError::Mirror { url: url.clone(), source })?;
        }
        let text: String = mirrors.iter().map(|url| format!("{url}\n")).collect();
        klamm_disk::replace_file(&sources.mirrors, text.as_bytes())?;
    }
    if let Some(path) = ca_file {
        // Judged before it replaces one that is good.
        let given = SourceFiles { authorities: path.to_owned(), ..sources.clone() };
        if !path.exists() {
            let source = std::io::ErrorKind::NotFound.into();
            return Err(CliError::Read { path: path.display().to_string(), source });
        }
        given.apply(&supply(invocation)?).map_err(|source| CliError::Sources { source })?;
        let failed = |source| CliError::Read { path: path.display().to_string(), source };
        klamm_disk::replace_file(&sources.authorities, &std::fs::read(path).map_err(failed)?)?;
    }
    Ok(())
}

/// What a person wants to know when the cluster has come up.
fn welcome(status: &ClusterStatus, command: &str) -> String {
    let mut text = format!(
        "\ncluster {} is ready: Kafka {}, {}, TLS and client certificates on every listener\n",
        status.name,
        status.kafka,
        count(status.nodes.len(), "node")
    );
    for (listener, bootstrap) in &status.bootstrap {
        text.push_str(&format!("bootstrap ({listener}): {bootstrap}\n"));
    }
    let next = [
        (format!("{command} topic create orders"), "make a topic"),
        (format!("echo hello | {command} produce orders"), "write to it"),
        (format!("{command} consume orders --from-beginning"), "read it"),
    ];
    let widest = next.iter().map(|(line, _)| line.chars().count()).max().unwrap_or(0);
    text.push_str("\nnext:\n");
    for (line, meaning) in next {
        text.push_str(&format!("  {line:widest$}   {meaning}\n"));
    }
    text.push_str(&format!(
        "\n`{command} client-config` writes what other programs need, `{command} help` has the rest\n"
    ));
    text
}
