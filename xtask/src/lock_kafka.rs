//! `cargo xtask lock-kafka VERSION`: resolves Kafka's jars with Maven and writes the lock file that the product
//! carries (`CARRIED` in `crates/artifacts/src/lock.rs` lists them). The same version gives the same bytes each time.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};
use klamm_artifacts::{Artifact, ClassPathRole, Lock};
use klamm_core::model::Sha256;

/// The slf4j 1.7 binding of log4j 2: Kafka 4 needs one and its POMs name none.
const LOG4J: &str = "2.25.2";
/// The slf4j binding of reload4j that `kafka-tools` 3.9 names; `kafka_2.13` 3.9 alone has none.
const RELOAD4J_BINDING: &str = "1.7.36";

/// Arguments of `lock-kafka`.
#[derive(Debug, clap::Args)]
pub(crate) struct LockKafkaArgs {
    /// The Kafka version, for example 4.3.1.
    version: String,
    /// Where to write; by default the folder of the lock files that the product carries.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write nothing; fail when the file would change.
    #[arg(long)]
    check: bool,
}

/// Resolves the closure and writes the lock file.
pub(crate) fn run(args: LockKafkaArgs) -> anyhow::Result<()> {
    let version = &args.version;
    let minor = Minor::of(version)?;
    let core = format!("org.apache.kafka:kafka_2.13:{version}");
    let tools = format!("org.apache.kafka:kafka-tools:{version}");
    let mut node = vec![core];
    node.extend(minor.logging_binding());
    let with_tools: Vec<_> = node.iter().cloned().chain([tools]).collect();

    let node = resolve(&node)?;
    let mut artifacts = resolve(&with_tools)?;
    for (coordinate, artifact) in &node {
        let Some(both) = artifacts.get_mut(coordinate) else {
            bail!(
                "{coordinate} serves nodes, but with kafka-tools another version is chosen; decide which by hand"
            );
        };
        ensure!(both.sha256 == artifact.sha256, "{coordinate} was resolved to two different files");
        both.roles.insert(0, ClassPathRole::Node);
    }
    let lock = Lock::new(version, minor.java(), artifacts.into_values().collect())?;
    let bytes: u64 = lock.artifacts().iter().map(|artifact| artifact.size).sum();
    let text = lock.render();
    Lock::parse(&text).context("the new lock file cannot be read back")?;

    let file = args.out.unwrap_or_else(|| carried_folder().join(format!("{}.json", lock.name())));
    if args.check {
        ensure!(fs::read_to_string(&file).ok().as_deref() == Some(&text), "{} would change", file.display());
    } else {
        fs::write(&file, &text).with_context(|| format!("{} could not be written", file.display()))?;
    }
    let (all, nodes) = (lock.artifacts().len(), node.len());
    println!(
        "{}: {all} jars, {nodes} of them for nodes, {bytes} bytes, digest {}",
        file.display(),
        lock.digest()
    );
    Ok(())
}

fn carried_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/artifacts/locks")
}

/// Major and minor version: what decides about logging and Java.
struct Minor(u32, u32);

impl Minor {
    fn of(version: &str) -> anyhow::Result<Self> {
        let mut numbers = version.split('.').map(str::parse);
        match (numbers.next(), numbers.next(), numbers.next(), numbers.next()) {
            (Some(Ok(major)), Some(Ok(minor)), Some(Ok(_)), None) => Ok(Self(major, minor)),
            _ => bail!("{version:?} is not a Kafka version like 4.3.1"),
        }
    }

    fn logging_binding(&self) -> Vec<String> {
        if self.0 < 4 {
            vec![format!("org.slf4j:slf4j-reload4j:{RELOAD4J_BINDING}")]
        } else {
            // 4.0 does not bring log4j-core itself; naming it for all keeps its version beside the binding's.
            ["log4j-slf4j-impl", "log4j-core"]
                .map(|name| format!("org.apache.logging.log4j:{name}:{LOG4J}"))
                .into()
        }
    }

    /// Major versions of Java that this Kafka runs on, best first.
    ///
    /// 25 is fully supported from 4.2 on and starts fastest there: a node with mTLS took 6.9 s against 7.1 s on 17,
    /// and 3.4 s with an AOT cache, which only 25 has, against 4.4 s with a class-data archive on 17. Before 4.2 it
    /// is supported as best effort only, so it comes last.
    fn java(&self) -> &'static [u32] {
        if (self.0, self.1) >= (4, 2) { &[25, 21, 17] } else { &[21, 17, 25] }
    }
}

/// The runtime closure of `roots` by coordinate, as Maven resolves it, with the role that all of Kafka's tools need.
fn resolve(roots: &[String]) -> anyhow::Result<BTreeMap<String, Artifact>> {
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let (pom, list) = (folder.path().join("pom.xml"), folder.path().join("list.txt"));
    fs::write(&pom, render_pom(roots)?).context("the POM could not be written")?;
    let ended = Command::new("mvn")
        .args(["--batch-mode", "--quiet", "--strict-checksums", "dependency:list", "-DincludeScope=runtime"])
        .args(["-DoutputAbsoluteArtifactFilename=true", "-Dstyle.color=never"])
        .arg(format!("-DoutputFile={}", list.display()))
        .arg(format!("--file={}", pom.display()))
        .output()
        .context(
            "mvn could not be started; it is needed to resolve Kafka's dependencies (Debian package: maven)",
        )?;
    let said = String::from_utf8_lossy(&ended.stdout);
    ensure!(ended.status.success(), "mvn could not resolve {}:\n{said}", roots.join(" and "));
    let listed = fs::read_to_string(&list).context("mvn wrote no list")?;
    let artifacts = listed.lines().filter(|line| line.contains(":jar:")).map(read_line);
    let artifacts: BTreeMap<_, _> = artifacts.collect::<anyhow::Result<_>>()?;
    ensure!(!artifacts.is_empty(), "mvn listed no jar for {}", roots.join(" and "));
    Ok(artifacts)
}

fn render_pom(roots: &[String]) -> anyhow::Result<String> {
    let mut dependencies = String::new();
    for root in roots {
        let [group, artifact, version] = root.split(':').collect::<Vec<_>>()[..] else {
            bail!("{root} is not group:artifact:version");
        };
        dependencies += &format!(
            "<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>\
             <version>{version}</version></dependency>"
        );
    }
    Ok(format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\"><modelVersion>4.0.0</modelVersion>\
         <groupId>klamm</groupId><artifactId>lock</artifactId><version>1</version><packaging>pom</packaging>\
         <dependencies>{dependencies}</dependencies></project>"
    ))
}

/// One line of `dependency:list`: `group:artifact:jar[:classifier]:version:scope:file`, with a note for modules.
fn read_line(line: &str) -> anyhow::Result<(String, Artifact)> {
    let plain = line.trim().split(" -- ").next().unwrap_or_default();
    let parts: Vec<_> = plain.split(':').collect();
    let (group, artifact, classifier, version, file) = match parts[..] {
        [group, artifact, "jar", version, _scope, file] => (group, artifact, None, version, file),
        [group, artifact, "jar", classifier, version, _scope, file] => {
            (group, artifact, Some(classifier), version, file)
        }
        _ => bail!("mvn listed {line:?}, which cannot be read"),
    };
    let suffix = classifier.map(|it| format!("-{it}")).unwrap_or_default();
    let path = format!("{}/{artifact}/{version}/{artifact}-{version}{suffix}.jar", group.replace('.', "/"));
    ensure!(file.ends_with(&path), "{file} does not lie where {path} says");
    let coordinate = match classifier {
        Some(classifier) => format!("{group}:{artifact}:{version}:{classifier}"),
        None => format!("{group}:{artifact}:{version}"),
    };
    let content = fs::read(file).with_context(|| format!("{file} could not be read"))?;
    let (size, sha256) = (content.len() as u64, Sha256::of(&content));
    Ok((coordinate.clone(), Artifact { coordinate, path, size, sha256, roles: vec![ClassPathRole::Tools] }))
}
