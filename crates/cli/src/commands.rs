//! The verbs, one file each, and the way from arguments to an exit code.

pub(crate) mod agent;
pub(crate) mod apply;
pub(crate) mod artifacts;
pub(crate) mod cert;
pub(crate) mod client_config;
pub(crate) mod completions;
mod confirm;
pub(crate) mod consume;
pub(crate) mod destroy;
pub(crate) mod diff;
pub(crate) mod down;
pub(crate) mod history;
pub(crate) mod host;
pub(crate) mod init;
mod list;
pub(crate) mod logs;
pub(crate) mod man;
pub(crate) mod plan;
pub(crate) mod produce;
pub(crate) mod roll;
pub(crate) mod rollback;
pub(crate) mod run;
pub(crate) mod server;
pub(crate) mod spec;
pub(crate) mod status;
pub(crate) mod token;
pub(crate) mod topic;
pub(crate) mod up;
mod versions;

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;
use tracing_subscriber::EnvFilter;

use crate::args::{Cli, Command, Global};
use crate::daemon;
use crate::error::{self, CliError};
use crate::exit;
use crate::invocation::Invocation;
use crate::output::{self, Terminal};
use crate::reference::reference;
use crate::root::Root;

/// How long a process that ran for long waits at its end for what blocks a thread; whatever is cut off is done anew by
/// the next one.
const LAST_WORK: Duration = Duration::from_secs(1);

/// Runs the command of `arguments`, the program's name included, and tells with which code to end.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(refusal) => {
            refusal.print().ok();
            return ExitCode::from(if refusal.use_stderr() { exit::USAGE } else { exit::DONE });
        }
    };
    let variable = |name: &str| std::env::var_os(name);
    let Global { root, cluster, output, color, verbose } = cli.global;
    let terminal = Terminal::find(output, color, variable);
    let superuser = rustix::process::geteuid().is_root();
    let result = Root::find(root.as_deref(), superuser, variable).map_err(CliError::from).and_then(|root| {
        let invocation = Invocation { root, terminal: terminal.clone(), cluster };
        start(&invocation, cli.command, verbose)
    });
    ExitCode::from(result.unwrap_or_else(|failure| {
        error::print(&failure, &terminal);
        failure.exit_code()
    }))
}

fn start(invocation: &Invocation, command: Command, verbose: u8) -> Result<u8, CliError> {
    let runs_for_long = matches!(
        &command,
        Command::Daemon | Command::Server(_) | Command::Agent(agent::Args { command: agent::Command::Run })
    );
    let mut runtime = if runs_for_long {
        log_of_service();
        tokio::runtime::Builder::new_multi_thread()
    } else {
        log_to_stderr(verbose);
        // One thread starts in a fraction of a millisecond and is all that a client needs.
        tokio::runtime::Builder::new_current_thread()
    };
    let runtime = runtime.enable_all().build().map_err(|source| CliError::Daemon(source.into()))?;
    let result = runtime.block_on(perform(invocation, command));
    if runs_for_long {
        // A look-up of a name, for one, takes as long as its servers let it.
        runtime.shutdown_timeout(LAST_WORK);
    } else {
        // A read of standard input cannot be called off; it must not keep the process.
        runtime.shutdown_background();
    }
    result
}

async fn perform(invocation: &Invocation, command: Command) -> Result<u8, CliError> {
    match command {
        Command::Up(args) => up::run(invocation, args).await,
        Command::Status(args) => status::run(invocation, args).await,
        Command::Topic(args) => topic::run(invocation, args).await,
        Command::Produce(args) => produce::run(invocation, args).await,
        Command::Consume(args) => consume::run(invocation, args).await,
        Command::ClientConfig(args) => client_config::run(invocation, args).await,
        Command::Plan(args) => plan::run(invocation, args).await,
        Command::Apply(args) => apply::run(invocation, args).await,
        Command::Run(args) => run::run(invocation, args).await,
        Command::History(args) => history::run(invocation, args).await,
        Command::Diff(args) => diff::run(invocation, args).await,
        Command::Rollback(args) => rollback::run(invocation, args).await,
        Command::Roll(args) => roll::run(invocation, args).await,
        Command::Logs(args) => logs::run(invocation, args).await,
        Command::Cert(args) => cert::run(invocation, args).await,
        Command::Init(args) => init::run(invocation, args),
        Command::Spec(args) => spec::run(invocation, args).await,
        Command::List => list::run(invocation).await,
        Command::Down(args) => down::run(invocation, args).await,
        Command::Destroy(args) => destroy::run(invocation, args).await,
        Command::Server(args) => server::run(invocation, args).await,
        Command::Agent(args) => agent::run(invocation, args).await,
        Command::Token(args) => token::run(invocation, args).await,
        Command::Host(args) => host::run(invocation, args).await,
        Command::Artifacts(args) => artifacts::run(invocation, args).await,
        Command::Versions => versions::run(invocation).await,
        Command::Completions(args) => completions::run(args),
        Command::Man(args) => man::run(invocation, args),
        Command::Reference => output::print(&reference()).map(|()| exit::DONE),
        Command::Daemon => daemon::run(&invocation.root).await.map(|()| exit::DONE).map_err(CliError::Daemon),
    }
}

/// Warnings of a plan, which concern the spec.
fn tell_warnings(invocation: &Invocation, warnings: &[String]) {
    for warning in warnings {
        invocation.terminal.tell(warning.trim_end());
    }
}

/// The daemon's standard error is its log file; that of server and agent is whatever starts them.
fn log_of_service() {
    let quiet = EnvFilter::new(
        "warn,klamm=info,klamm_agent=info,klamm_server=info,klamm_daemon=info,klamm_supervise=info",
    );
    tracing_subscriber::fmt().with_env_filter(quiet).with_ansi(false).with_writer(std::io::stderr).init();
}

fn log_to_stderr(verbose: u8) {
    let level = match verbose {
        0 => return,
        1 => "warn,klamm=debug,klamm_cli=debug,klamm_kafka=debug",
        2.. => "trace",
    };
    tracing_subscriber::fmt().with_env_filter(EnvFilter::new(level)).with_writer(std::io::stderr).init();
}
