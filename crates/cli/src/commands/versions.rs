//! `klamm versions`: who is who, and where things lie.

use serde::Serialize;

use crate::error::CliError;
use crate::exit;
use crate::invocation::Invocation;
use crate::output::{self, Format, print_json};
use crate::specs;

#[derive(Debug, Serialize)]
struct Versions {
    klamm: &'static str,
    /// None while no server answers.
    server: Option<String>,
    /// Oldest first.
    kafka: Vec<String>,
    folders: Folders,
}

#[derive(Debug, Serialize)]
struct Folders {
    config: String,
    state: String,
    log: String,
    run: String,
    cache: String,
}

pub(crate) async fn run(invocation: &Invocation) -> Result<u8, CliError> {
    let server = match invocation.api() {
        Ok(api) => api.clusters().await.ok().map(|clusters| clusters.klamm),
        Err(_) => None,
    };
    let root = &invocation.root;
    let folder = |path: &std::path::Path| path.display().to_string();
    let versions = Versions {
        klamm: env!("CARGO_PKG_VERSION"),
        server,
        kafka: specs::supported_versions().iter().map(ToString::to_string).collect(),
        folders: Folders {
            config: folder(&root.config),
            state: folder(&root.state),
            log: folder(&root.log),
            run: folder(&root.run),
            cache: folder(&root.cache),
        },
    };
    match invocation.terminal.format {
        Format::Json => print_json(&versions)?,
        Format::Table => output::print(&render(&versions))?,
    }
    Ok(exit::DONE)
}

fn render(versions: &Versions) -> String {
    let Versions { klamm, server, kafka, folders } = versions;
    let Folders { config, state, log, run, cache } = folders;
    let server = server.as_deref().unwrap_or("? (none answers)");
    format!(
        "klamm   {klamm}\nserver  {server}\nkafka   {}\n\nconfig  {config}\nstate   {state}\nlog     {log}\nrun     {run}\ncache   {cache}\n",
        kafka.join(", ")
    )
}
