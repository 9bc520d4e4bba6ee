//! `klamm artifacts …`: the downloads: what is here, bringing more, checking, carrying to machines without a network.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Subcommand;
use klamm_artifacts::{
    BundleError, Cache, ClassPathRole, ContentKind, EnsureJavaError, EnsureKafkaError, InUse, JavaPolicy,
    JavaSearch, Lock, Progress, Supply, delete_contents, ensure_java, export_bundle, fetch_managed_java,
    find_unused, import_bundle, list_contents, repair_kafka, verify_contents,
};
use klamm_core::model::ByteCount;
use serde::Serialize;

use crate::error::CliError;
use crate::exit;
use crate::invocation::Invocation;
use crate::output::{self, Field, Format, Keep, Table, print_json, tell};
use crate::specs;

/// List, fetch, check, delete and carry what is downloaded
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  klamm artifacts fetch                 all that `klamm up` needs, for later
  klamm artifacts export kafka.zip      the same in one file, with Java
  klamm artifacts import kafka.zip      on a machine without a network
  klamm artifacts prune --dry-run       what nothing here uses

Mirrors, one URL a line, are read from CONFIG/mirrors; with `only` on a line of
its own the default hosts are never asked. CONFIG/mirrors-ca.pem has authorities
to trust, CONFIG/mirrors-netrc (mode 600) `machine HOST login USER password
PASSWORD`; a proxy comes from HTTPS_PROXY. `klamm versions` names CONFIG.")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List what is here
    List,
    /// Bring what a Kafka needs, and a Java where none fits; what is here is read again and repaired
    Fetch {
        /// The versions; without one the default
        #[arg(value_name = "VERSION")]
        versions: Vec<String>,
        /// Kafka's own command-line tools, too
        #[arg(long)]
        tools: bool,
    },
    /// Read everything again and compare it with the lock files
    Verify,
    /// Delete what no process and no node of this machine uses
    Prune {
        /// Only say what would be deleted
        #[arg(long)]
        dry_run: bool,
    },
    /// Write a bundle: one file with all that a Kafka needs
    Export {
        /// The new file
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// The version; may be given several times; without one the default
        #[arg(long = "kafka", value_name = "VERSION")]
        versions: Vec<String>,
        /// Kafka's own command-line tools, too
        #[arg(long)]
        tools: bool,
        /// Leave out the managed Java: the other machine has one that fits
        #[arg(long)]
        no_java: bool,
    },
    /// Take what is in a bundle; each file is compared with the lock files of this klamm
    Import {
        /// The bundle
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

/// One thing in the cache, for programs.
#[derive(Debug, Serialize)]
struct Row {
    kind: &'static str,
    name: String,
    bytes: u64,
    path: String,
}

impl From<&klamm_artifacts::Content> for Row {
    fn from(content: &klamm_artifacts::Content) -> Self {
        let klamm_artifacts::Content { kind, name, path, bytes } = content;
        let kind = match kind {
            ContentKind::Kafka => "kafka",
            ContentKind::Java => "java",
            ContentKind::Archive => "archive",
            ContentKind::Download => "download",
            ContentKind::Begun => "begun",
        };
        Self { kind, name: name.clone(), bytes: *bytes, path: path.display().to_string() }
    }
}

pub(crate) async fn run(invocation: &Invocation, Args { verb }: Args) -> Result<u8, CliError> {
    match verb {
        Verb::List => {
            let cache = Cache::at(&invocation.root.cache)?;
            let found = list_contents(&cache).map_err(|source| cache_failed(&cache, source))?;
            show(invocation, &found.iter().map(Row::from).collect::<Vec<_>>())?;
        }
        Verb::Fetch { versions, tools } => fetch(invocation, &versions, role(tools)).await?,
        Verb::Verify => verify(invocation)?,
        Verb::Prune { dry_run } => prune(invocation, dry_run)?,
        Verb::Export { file, versions, tools, no_java } => {
            export(invocation, &file, &versions, role(tools), !no_java).await?;
        }
        Verb::Import { file } => import(invocation, &file)?,
    }
    Ok(exit::DONE)
}

/// The cache and where its downloads come from.
pub(super) fn supply(invocation: &Invocation) -> Result<Supply, CliError> {
    let mut supply = Supply::new(Cache::open(&invocation.root.cache)?);
    supply.progress = Arc::new(|event: Progress<'_>| match event {
        Progress::Stage(stage) => tell(stage),
        Progress::Planned { files, bytes } => tell(&format!("fetching {files} files, {}", ByteCount(bytes))),
        Progress::Retrying { file, because } => tell(&format!("{file}: {because}")),
        Progress::Started { .. } | Progress::Bytes { .. } | Progress::Finished { .. } => {}
    });
    invocation.root.sources().apply(&supply).map_err(|source| CliError::Sources { source })
}

fn role(tools: bool) -> ClassPathRole {
    if tools { ClassPathRole::Tools } else { ClassPathRole::Node }
}

fn cache_failed(cache: &Cache, source: std::io::Error) -> CliError {
    CliError::CacheFiles { path: cache.root().to_owned(), source }
}

fn show(invocation: &Invocation, rows: &[Row]) -> Result<(), CliError> {
    let terminal = &invocation.terminal;
    match terminal.format {
        Format::Json => print_json(&rows)?,
        Format::Table if rows.is_empty() => tell("nothing"),
        Format::Table => {
            let mut table = Table::new(&[
                ("WHAT", Keep::Always),
                ("NAME", Keep::Always),
                ("SIZE", Keep::Always),
                ("PATH", Keep::WithRoom(1)),
            ]);
            for Row { kind, name, bytes, path } in rows {
                let fields = [kind.to_owned(), name, &ByteCount(*bytes).to_string(), path];
                table.row(fields.map(Field::plain));
            }
            output::print(&table.render(terminal.width, terminal.color))?;
        }
    }
    Ok(())
}

/// The lock files of these versions; of the default where none is named.
fn locks(versions: &[String]) -> Result<Vec<&'static Lock>, CliError> {
    let supported = specs::supported_versions();
    let newest = supported.last().map(ToString::to_string);
    let wanted: Vec<String> =
        if versions.is_empty() { newest.into_iter().collect() } else { versions.to_vec() };
    let known = || supported.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let find = |version: &String| {
        Lock::for_kafka(version).ok_or_else(|| CliError::NoLock { version: version.clone(), known: known() })
    };
    wanted.iter().map(find).collect()
}

async fn fetch(invocation: &Invocation, versions: &[String], role: ClassPathRole) -> Result<(), CliError> {
    let locks = locks(versions)?;
    let supply = supply(invocation)?;
    for lock in locks {
        bring(&supply, lock, role).await?;
        let (policy, search) = (JavaPolicy::MachineOrManaged, JavaSearch::of_machine());
        let java = ensure_java(&supply, lock.java(), &policy, &search).await.map_err(java_failed)?;
        tell(&format!("Kafka {} is here, and Java {} for it", lock.kafka(), java.version));
    }
    Ok(())
}

async fn bring(supply: &Supply, lock: &Lock, role: ClassPathRole) -> Result<(), CliError> {
    let failed = |source: EnsureKafkaError| CliError::Kafkas(Box::new(source));
    repair_kafka(supply, lock, role).await.map(drop).map_err(failed)
}

fn java_failed(source: EnsureJavaError) -> CliError {
    CliError::Java(Box::new(source))
}

fn verify(invocation: &Invocation) -> Result<(), CliError> {
    let cache = Cache::at(&invocation.root.cache)?;
    let damaged = verify_contents(&cache).map_err(|source| cache_failed(&cache, source))?;
    for file in &damaged {
        tell(&format!(
            "{} has the digest {}, expected is {}",
            file.path.display(),
            file.found,
            file.expected
        ));
    }
    if !damaged.is_empty() {
        let command = format!("{} artifacts fetch", invocation.command());
        return Err(CliError::Damaged { count: damaged.len(), command });
    }
    tell("every file is what its lock file says");
    Ok(())
}

fn prune(invocation: &Invocation, dry_run: bool) -> Result<(), CliError> {
    let cache = Cache::at(&invocation.root.cache)?;
    let failed = |source| cache_failed(&cache, source);
    let records = records_of_slots(invocation)?;
    let in_use = InUse::collect(&records).map_err(failed)?;
    let unused = find_unused(&cache, &in_use).map_err(failed)?;
    show(invocation, &unused.iter().map(Row::from).collect::<Vec<_>>())?;
    let sum = ByteCount(unused.iter().map(|content| content.bytes).sum());
    if dry_run {
        tell(&format!("{sum} would be freed; nothing was deleted"));
        return Ok(());
    }
    delete_contents(&cache, &unused).map_err(failed)?;
    tell(&format!("{sum} freed"));
    Ok(())
}

/// What each slot was started with last: it may be started with it again.
fn records_of_slots(invocation: &Invocation) -> Result<Vec<PathBuf>, CliError> {
    let mut records = Vec::new();
    for cluster in folders_in(&invocation.root.state.join("clusters"))? {
        for slot in folders_in(&cluster)? {
            let files = ["java.args", "launched.json"].map(|name| slot.join(name));
            records.extend(files.into_iter().filter(|file| file.exists()));
        }
    }
    Ok(records)
}

fn folders_in(folder: &std::path::Path) -> Result<Vec<PathBuf>, CliError> {
    let failed = |source| CliError::Read { path: folder.display().to_string(), source };
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    let paths =
        entries.map(|entry| Ok(entry.map_err(failed)?.path())).collect::<Result<Vec<_>, CliError>>()?;
    Ok(paths.into_iter().filter(|path| path.is_dir()).collect())
}

async fn export(
    invocation: &Invocation,
    file: &std::path::Path,
    versions: &[String],
    role: ClassPathRole,
    with_java: bool,
) -> Result<(), CliError> {
    if file.exists() {
        return Err(bundle_failed(BundleError::Exists(file.to_owned())));
    }
    let locks = locks(versions)?;
    let supply = supply(invocation)?;
    let mut runtimes = Vec::new();
    for lock in &locks {
        bring(&supply, lock, role).await?;
        if with_java {
            runtimes.push(fetch_managed_java(&supply, lock.java()).await.map_err(java_failed)?);
        }
    }
    let contents = export_bundle(&supply.cache, &locks, role, &runtimes, file).map_err(bundle_failed)?;
    let java = if contents.java.is_empty() { "no Java".to_owned() } else { "Java".to_owned() };
    tell(&format!(
        "{}: Kafka {} and {java}, {} files, {}",
        file.display(),
        contents.kafka.join(", "),
        contents.files(),
        ByteCount(contents.bytes())
    ));
    Ok(())
}

fn import(invocation: &Invocation, file: &std::path::Path) -> Result<(), CliError> {
    let cache = Cache::open(&invocation.root.cache)?;
    let imported = import_bundle(&cache, file).map_err(bundle_failed)?;
    for name in &imported.unknown {
        tell(&format!("left out: {name}, which no lock file of this klamm lists"));
    }
    let contents = &imported.contents;
    let known = contents.files() - imported.unknown.len();
    tell(&format!("{known} files for Kafka {} are here, verified", contents.kafka.join(", ")));
    Ok(())
}

fn bundle_failed(source: BundleError) -> CliError {
    CliError::Bundle(Box::new(source))
}
