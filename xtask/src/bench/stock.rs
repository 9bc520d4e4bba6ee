//! What both sides of a bench are made of: the release binary, the cache of artifacts, the Java, and ports.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use klamm_artifacts::{
    Cache, ClassPathRole, Java, JavaPolicy, JavaSearch, KafkaDistribution, Lock, Supply, ensure_java,
    ensure_kafka,
};
use tempfile::TempDir;

use crate::tree;

/// The Kafka that `klamm up` runs without a spec.
pub(super) const KAFKA: &str = "4.3.1";

/// Ports of our own are looked for from here: below those that the kernel gives to outgoing connections.
const FIRST_PORT: u16 = 22_000;

/// Everything that is prepared once for all samples.
pub(super) struct Stock {
    /// The product, built for release.
    pub(super) klamm: PathBuf,
    /// Filled; never handed to a sample, which gets hard links.
    pub(super) cache: PathBuf,
    /// The jars, with those of Kafka's own tools.
    pub(super) kafka: KafkaDistribution,
    /// The Java that the product chooses, too.
    pub(super) java: Java,
}

impl Stock {
    /// Builds the product and fills `target/kafka-cache`.
    pub(super) fn collect() -> Result<Self> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo)
            .args(["build", "--release", "--locked", "-p", "klamm-cli", "--bin", "klamm"])
            .current_dir(tree::root())
            .status()
            .context("starting cargo")?;
        ensure!(built.success(), "the product does not build");
        let cache = tree::target().join("kafka-cache");
        let lock =
            Lock::for_kafka(KAFKA).with_context(|| format!("there is no lock file for Kafka {KAFKA}"))?;
        let supply = Supply::new(Cache::open(&cache)?);
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let kafka = runtime.block_on(ensure_kafka(&supply, lock, ClassPathRole::Tools))?;
        let search = JavaSearch::of_machine();
        let policy = JavaPolicy::MachineOrManaged;
        let java = runtime.block_on(ensure_java(&supply, lock.java(), &policy, &search))?;
        println!("Kafka {KAFKA} on Java {} ({})", java.version, java.executable.display());
        Ok(Self { klamm: tree::target().join("release/klamm"), cache, kafka, java })
    }

    /// The class path as Java wants it.
    pub(super) fn class_path(&self) -> String {
        let paths: Vec<_> = self.kafka.class_path.iter().map(|path| path.to_string_lossy()).collect();
        paths.join(":")
    }
}

/// A folder for one sample, on the file system of the cache, so that links into it are possible.
pub(super) fn own_folder() -> Result<TempDir> {
    let parent = tree::target().join("bench");
    fs::create_dir_all(&parent).with_context(|| format!("making {}", parent.display()))?;
    tempfile::Builder::new().prefix("run-").tempdir_in(&parent).context("making a folder")
}

/// Ports that nobody listens on now.
pub(super) fn find_free_ports(count: usize) -> Result<Vec<u16>> {
    let free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    let found: Vec<u16> = (FIRST_PORT..FIRST_PORT + 2000).filter(free).take(count).collect();
    ensure!(found.len() == count, "there are not enough free ports from {FIRST_PORT} on");
    Ok(found)
}

/// The same tree with hard links instead of copies.
pub(super) fn link_tree(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("making {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("reading {}", from.display()))? {
        let entry = entry.with_context(|| format!("reading {}", from.display()))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().with_context(|| format!("looking at {}", source.display()))?;
        let made = if kind.is_dir() {
            link_tree(&source, &target)?;
            Ok(())
        } else if kind.is_symlink() {
            fs::read_link(&source).and_then(|leads| std::os::unix::fs::symlink(leads, &target))
        } else {
            fs::hard_link(&source, &target)
        };
        made.with_context(|| format!("linking {} to {}", target.display(), source.display()))?;
    }
    Ok(())
}

/// The same tree, copied.
pub(super) fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("making {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("reading {}", from.display()))? {
        let entry = entry.with_context(|| format!("reading {}", from.display()))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy_tree(&source, &target)?;
        } else {
            fs::copy(&source, &target).with_context(|| format!("copying {}", source.display()))?;
        }
    }
    Ok(())
}
