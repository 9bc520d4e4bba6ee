//! `klamm versions`: who is who, which Kafkas there are, and where things lie.

use klamm_artifacts::{Cache, ClassPathRole, Holding, Lock, holding_of};
use klamm_core::model::ByteCount;
use serde::Serialize;

use crate::api::Start;
use crate::error::CliError;
use crate::exit;
use crate::invocation::Invocation;
use crate::output::{self, Field, Format, Keep, Table, Tone, print_json};
use crate::specs;

#[derive(Debug, Serialize)]
struct Versions {
    klamm: &'static str,
    /// None while no server answers.
    server: Option<String>,
    /// Oldest first.
    kafka: Vec<Kafka>,
    folders: Folders,
}

/// One Kafka that this klamm runs.
#[derive(Debug, Serialize)]
struct Kafka {
    version: String,
    /// What a spec without `kafka` gets.
    default: bool,
    /// Major versions of Java that will do, best first.
    java: Vec<u32>,
    /// Digest of the lock file that lists its jars.
    lock: String,
    /// Size of what a node needs, in bytes.
    bytes: u64,
    cache: InCache,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "kebab-case")]
enum InCache {
    Ready,
    Partly,
    Absent,
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
    let asked = invocation.ask(Start::Never, async |api| api.clusters().await).await;
    let server = asked.ok().map(|clusters| clusters.klamm);
    let root = &invocation.root;
    let folder = |path: &std::path::Path| path.display().to_string();
    let versions = Versions {
        klamm: env!("CARGO_PKG_VERSION"),
        server,
        kafka: collect_kafkas(&root.cache),
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
        Format::Table => output::print(&render(&versions, invocation))?,
    }
    Ok(exit::DONE)
}

fn collect_kafkas(cache: &std::path::Path) -> Vec<Kafka> {
    let versions = specs::supported_versions();
    let newest = versions.last().copied();
    // A folder that cannot be a cache holds nothing.
    let cache = Cache::at(cache).ok();
    let kafka = |version| {
        let lock = Lock::for_kafka(&format!("{version}"))?;
        let holding = cache.as_ref().map(|cache| holding_of(cache, lock, ClassPathRole::Node));
        Some(Kafka {
            version: lock.kafka().to_owned(),
            default: Some(version) == newest,
            java: lock.java().to_vec(),
            lock: lock.digest().to_string(),
            bytes: lock.artifacts_for(ClassPathRole::Node).map(|artifact| artifact.size).sum(),
            cache: match holding {
                Some(Holding::Ready) => InCache::Ready,
                Some(Holding::Partly { .. }) => InCache::Partly,
                Some(Holding::Absent) | None => InCache::Absent,
            },
        })
    };
    versions.into_iter().filter_map(kafka).collect()
}

fn render(versions: &Versions, invocation: &Invocation) -> String {
    let Versions { klamm, server, kafka, folders } = versions;
    let Folders { config, state, log, run, cache } = folders;
    let server = server.as_deref().unwrap_or("? (none answers)");
    let mut table = Table::new(&[
        ("KAFKA", Keep::Always),
        ("JAVA", Keep::Always),
        ("DOWNLOAD", Keep::WithRoom(1)),
        ("", Keep::WithRoom(2)),
    ]);
    for kafka in kafka {
        let java: Vec<String> = kafka.java.iter().map(u32::to_string).collect();
        let size = ByteCount(kafka.bytes);
        let download = match kafka.cache {
            InCache::Ready => Field::toned("done", Tone::Good),
            InCache::Partly => Field::toned(format!("partly, {size}"), Tone::Notice),
            InCache::Absent => Field::plain(size),
        };
        let note = if kafka.default { Field::toned("default", Tone::Quiet) } else { Field::plain("") };
        table.row([Field::plain(&kafka.version), Field::plain(java.join(", ")), download, note]);
    }
    let table = table.render(invocation.terminal.width, invocation.terminal.color);
    format!(
        "klamm   {klamm}\nserver  {server}\n\n{table}\nconfig  {config}\nstate   {state}\nlog     {log}\nrun     {run}\ncache   {cache}\n"
    )
}
