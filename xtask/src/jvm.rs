//! `cargo xtask jvm`: builds `jvm/klamm-jvm.jar` byte for byte the same each time, checks that the committed one is that,
//! and runs the Java suites against real Kafka jars. No build tool but `javac`.

mod jar;
mod test_pki;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};

/// The only `javac` whose bytes are compared: another one writes other class files from the same source.
const JAVAC_MAJOR: &str = "17";
const JAR: &str = "klamm-jvm.jar";

/// `cargo xtask jvm [--check] [--test [FILTER]] [--libs DIR]`.
#[derive(Debug, clap::Args)]
pub(crate) struct JvmArgs {
    /// Build and compare with the committed jar instead of replacing it
    #[arg(long)]
    check: bool,
    /// Run the Java suites; a word runs only the tests whose name holds it
    #[arg(long, value_name = "FILTER", num_args = 0..=1, default_missing_value = "")]
    test: Option<String>,
    /// Folder with the jars of Kafka 4.3.1 and its closure
    #[arg(long, value_name = "DIR", env = "KLAMM_KAFKA_LIBS")]
    libs: PathBuf,
}

/// Builds or checks the jar, then runs the suites if asked.
///
/// # Errors
/// When `javac` is missing, of another major version, or finds a problem; when `--check` finds other bytes; when a Java
/// test fails.
pub(crate) fn run(args: JvmArgs) -> anyhow::Result<()> {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask is a folder of the workspace")
        .join("jvm");
    let scratch = tempfile::tempdir().context("making a scratch folder")?;
    let built = build(&home, &args.libs, &scratch.path().join("classes"))?;
    let jar = home.join(JAR);
    if args.check {
        let committed = std::fs::read(&jar).with_context(|| format!("reading {}", jar.display()))?;
        ensure!(
            committed == built,
            "{} is not what its sources give ({} bytes committed, {} built): run `cargo xtask jvm` and commit it",
            jar.display(),
            committed.len(),
            built.len()
        );
        println!("{JAR} is what its sources give, {} bytes", built.len());
    } else {
        std::fs::write(&jar, &built).with_context(|| format!("writing {}", jar.display()))?;
        println!("wrote {JAR}, {} bytes", built.len());
    }
    match args.test {
        Some(filter) => test(&home, &args.libs, scratch.path(), &filter),
        None => Ok(()),
    }
}

/// Compiles the factory for Java 11 (any Java client may use it) and the observer for 17 (Unix sockets need 16).
fn build(home: &Path, libs: &Path, classes: &Path) -> anyhow::Result<Vec<u8>> {
    check_javac()?;
    std::fs::create_dir_all(classes).context("making the folder for classes")?;
    let clients = find_jar(libs, "kafka-clients-")?;
    let slf4j = find_jar(libs, "slf4j-api-")?;
    let class_path = std::env::join_paths([clients, slf4j]).context("joining the class path")?;
    javac(Path::new(&class_path), "11", classes, &home.join("src/tls"))?;
    javac(classes, "17", classes, &home.join("src/observer"))?;
    jar::write(classes)
}

fn test(home: &Path, libs: &Path, scratch: &Path, filter: &str) -> anyhow::Result<()> {
    let tests = scratch.join("tests");
    let pki = scratch.join("pki");
    std::fs::create_dir_all(&tests).context("making the folder for test classes")?;
    test_pki::write(&pki)?;
    let jar = home.join(JAR);
    let libs = std::path::absolute(libs).context("resolving the folder of Kafka's jars")?;
    let everything =
        std::env::join_paths([jar.as_path(), &libs.join("*"), &tests]).context("joining the class path")?;
    javac(Path::new(&everything), "17", &tests, &home.join("test"))?;
    let work = scratch.join("work");
    std::fs::create_dir_all(&work).context("making the work folder")?;
    let status = Command::new("java")
        // What the refusals log is asserted through the status; on the screen it would look like failures.
        .arg("-Dorg.apache.logging.log4j.level=OFF")
        .arg(property("klamm.test.jar", &jar))
        .arg(property("klamm.test.pki", &pki))
        .arg(property("klamm.test.libs", &libs))
        .arg(property("klamm.test.work", &work))
        .arg("-cp")
        .arg(&everything)
        .arg("dev.klamm.kafka.AllTests")
        .arg(filter)
        .status()
        .context("starting java")?;
    ensure!(status.success(), "Java tests failed ({status})");
    Ok(())
}

fn property(name: &str, path: &Path) -> std::ffi::OsString {
    let mut argument = std::ffi::OsString::from(format!("-D{name}="));
    argument.push(path);
    argument
}

fn check_javac() -> anyhow::Result<()> {
    let said = Command::new("javac")
        .arg("-version")
        .output()
        .context("starting javac (a Java 17 development kit is needed, openjdk-17-jdk-headless on Debian)")?;
    let version = String::from_utf8_lossy(&said.stdout).trim().to_owned();
    let major = version.trim_start_matches("javac ").split('.').next();
    ensure!(
        major == Some(JAVAC_MAJOR),
        "javac {JAVAC_MAJOR} is needed for the same bytes, found '{version}'"
    );
    Ok(())
}

/// Compiles every source below a folder, in sorted order, warnings being errors.
fn javac(class_path: &Path, release: &str, out: &Path, sources: &Path) -> anyhow::Result<()> {
    let mut files = Vec::new();
    collect_files(sources, "java", &mut files)?;
    files.sort();
    let status = Command::new("javac")
        .args(["-Xlint:all,-path", "-Werror", "-proc:none", "-g:source,lines"])
        .args(["-encoding", "UTF-8", "--release", release, "-cp"])
        .arg(class_path)
        .arg("-d")
        .arg(out)
        .args(&files)
        .status()
        .context("starting javac")?;
    ensure!(status.success(), "javac failed on {} ({status})", sources.display());
    Ok(())
}

fn find_jar(libs: &Path, prefix: &str) -> anyhow::Result<PathBuf> {
    let mut files = Vec::new();
    collect_files(libs, "jar", &mut files)?;
    let mut found = files
        .into_iter()
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix)));
    match (found.next(), found.next()) {
        (Some(jar), None) => Ok(jar),
        (Some(one), Some(other)) => {
            bail!("both {} and {} are there, which one is unclear", one.display(), other.display())
        }
        (None, _) => bail!("no {prefix}*.jar in {}", libs.display()),
    }
}

fn collect_files(folder: &Path, extension: &str, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    for entry in entries {
        let path = entry.with_context(|| format!("reading {}", folder.display()))?.path();
        if path.is_dir() {
            collect_files(&path, extension, files)?;
        } else if path.extension().is_some_and(|found| found == extension) {
            files.push(path);
        }
    }
    Ok(())
}
