//! Asks each `java` of the machine who it is, and remembers the answer for as long as the file stays the same.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::process::Command;

use super::{Java, JavaSearch, JavaSource};
use crate::cache::{Cache, write_atomically};
use crate::file_facts::FileFacts;

/// A cold JVM on a busy small machine answers within two seconds; one on a hung network disk never does.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// The only format of `java-asked.json` so far.
const FORMAT: u32 = 1;

/// Why a `java` could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// It could not be started.
    #[error("{path:?} could not be started")]
    Start {
        /// The launcher.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It did not end in time and was killed.
    #[error("{path:?} did not answer within {}s", within.as_secs())]
    Silent {
        /// The launcher.
        path: PathBuf,
        /// How long it had.
        within: Duration,
    },
    /// It ended with a failure.
    #[error("{path:?} failed: {said}")]
    Failed {
        /// The launcher.
        path: PathBuf,
        /// The last line that it printed, or how it ended.
        said: String,
    },
    /// It printed no such property: it is no Java.
    #[error("{path:?} did not say its {property}")]
    Unclear {
        /// The launcher.
        path: PathBuf,
        /// The property that is missing or cannot be read.
        property: &'static str,
    },
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answers {
    version: u32,
    answers: BTreeMap<PathBuf, Answer>,
}

#[derive(PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    launcher: FileFacts,
    java: Java,
}

/// Every Java of `search` that answers, each once.
pub(super) async fn discover(cache: &Cache, search: &JavaSearch) -> Vec<Java> {
    let candidates = candidates(search);
    let known = read_answers(cache);
    let asked = candidates.iter().map(async |path| {
        let launcher = FileFacts::of(path).ok()?;
        if let Some(answer) = known.get(path).filter(|answer| answer.launcher == launcher) {
            return Some(Answer { launcher, java: answer.java.clone() });
        }
        match ask(path).await {
            Ok(java) => Some(Answer { launcher, java }),
            Err(failed) => {
                tracing::warn!(path = %path.display(), error = &failed as &dyn std::error::Error, "a java is passed over");
                None
            }
        }
    });
    let found = futures_util::future::join_all(asked).await;
    let answers: BTreeMap<_, _> = candidates
        .into_iter()
        .zip(&found)
        // The launcher of a version manager is a script whose answer changes while the file does not.
        .filter_map(|(path, answer)| answer.as_ref().filter(|answer| answer.java.executable == path))
        .map(|answer| {
            (answer.java.executable.clone(), Answer { launcher: answer.launcher, java: answer.java.clone() })
        })
        .collect();
    if answers != known {
        remember(cache, answers);
    }
    let mut javas: Vec<Java> = Vec::new();
    for answer in found.into_iter().flatten() {
        if !javas.iter().any(|java| java.executable == answer.java.executable) {
            javas.push(answer.java);
        }
    }
    javas
}

/// Launchers that exist, links resolved, each once, in the order of the search.
fn candidates(search: &JavaSearch) -> Vec<PathBuf> {
    let from_home = search.java_home.iter().map(|home| home.join("bin/java"));
    let from_path = search.path.iter().flat_map(std::env::split_paths).map(|folder| folder.join("java"));
    let from_folders = search.folders.iter().flat_map(|folder| {
        let mut homes: Vec<_> =
            std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        // The system lists in any order; newer versions mostly sort later.
        homes.sort_by(|a, b| b.cmp(a));
        homes.into_iter().map(|home| home.join("bin/java"))
    });
    let mut launchers: Vec<PathBuf> = Vec::new();
    for candidate in from_home.chain(from_path).chain(from_folders) {
        if let Ok(launcher) = candidate.canonicalize()
            && launcher.is_file()
            && !launchers.contains(&launcher)
        {
            launchers.push(launcher);
        }
    }
    launchers
}

fn read_answers(cache: &Cache) -> BTreeMap<PathBuf, Answer> {
    let read = std::fs::read(cache.java_answers()).ok();
    let answers = read.and_then(|text| serde_json::from_slice::<Answers>(&text).ok());
    answers.filter(|answers| answers.version == FORMAT).unwrap_or_default().answers
}

/// Only saves time later, so a failure is no more than a line in the log.
fn remember(cache: &Cache, answers: BTreeMap<PathBuf, Answer>) {
    let text = serde_json::to_vec_pretty(&Answers { version: FORMAT, answers });
    let written =
        text.map_err(io::Error::from).and_then(|text| write_atomically(&cache.java_answers(), &text));
    if let Err(failed) = written {
        tracing::debug!(error = &failed as &dyn std::error::Error, "what java answered could not be kept");
    }
}

/// Asks the `java` at `path` for its system properties.
pub(super) async fn ask(path: &Path) -> Result<Java, AskError> {
    let said = run(path, &["-XshowSettings:properties", "-version"], ANSWER_WITHIN).await?;
    parse(path, &said)
}

/// Runs `java` with arguments; what it printed. Options that the environment would add are left out: they change
/// what is measured here and have no place in Kafka's launch line either.
pub(crate) async fn run(path: &Path, arguments: &[&str], within: Duration) -> Result<String, AskError> {
    let mut command = Command::new(path);
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    for variable in ["JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "CLASSPATH"] {
        command.env_remove(variable);
    }
    let ended = tokio::time::timeout(within, async {
        loop {
            match command.output().await {
                // A launcher unpacked a moment ago: a child that another thread forked meanwhile still has it open
                // for writing, until it executes something.
                Err(failed) if failed.kind() == io::ErrorKind::ExecutableFileBusy => {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                ended => return ended,
            }
        }
    });
    let output = ended
        .await
        .map_err(|_| AskError::Silent { path: path.to_owned(), within })?
        .map_err(|source| AskError::Start { path: path.to_owned(), source })?;
    // Settings go to standard error up to Java 8 and from 9 on depend on the flag: take both.
    let said =
        [output.stderr, output.stdout].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    if output.status.success() {
        return Ok(said);
    }
    let last = said.lines().rev().find(|line| !line.trim().is_empty());
    let said = last.map_or_else(|| output.status.to_string(), |line| line.trim().to_owned());
    Err(AskError::Failed { path: path.to_owned(), said })
}

fn parse(path: &Path, said: &str) -> Result<Java, AskError> {
    let property = |name: &'static str| {
        said.lines()
            .filter_map(|line| line.split_once('='))
            .find(|(key, _)| key.trim() == name)
            .map(|(_, value)| value.trim().to_owned())
            .filter(|value| !value.is_empty())
            .ok_or_else(|| AskError::Unclear { path: path.to_owned(), property: name })
    };
    let version = property("java.version")?;
    let major = major_of(&version)
        .ok_or_else(|| AskError::Unclear { path: path.to_owned(), property: "java.version" })?;
    let home = PathBuf::from(property("java.home")?);
    // A launcher that only starts another one is not what a long-lived process should be started with.
    let executable = home.join("bin/java").canonicalize().unwrap_or_else(|_| path.to_owned());
    let (vendor, virtual_machine) = (property("java.vendor")?, property("java.vm.name")?);
    Ok(Java { executable, home, major, version, vendor, virtual_machine, source: JavaSource::Machine })
}

/// `17.0.15` → 17, `25-ea` → 25, `1.8.0_292` → 8.
fn major_of(version: &str) -> Option<u32> {
    let mut numbers = version.split(|c: char| !c.is_ascii_digit()).map(|digits| digits.parse().ok());
    match numbers.next()?? {
        1 => numbers.next()?,
        major => Some(major),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JAVA_17: &str = "Property settings:
    file.encoding = UTF-8
    java.class.version = 61.0
    java.home = /no/such/java-17
    java.library.path = /usr/java/packages/lib
        /usr/lib64
    java.vendor = Debian
    java.vendor.url = https://tracker.debian.org/openjdk-17
    java.version = 17.0.15
    java.version.date = 2025-04-15
    java.vm.name = OpenJDK 64-Bit Server VM

openjdk version \"17.0.15\" 2025-04-15
";

    #[test]
    fn what_java_says_about_itself_is_read() {
        let java = parse(Path::new("/bin/java"), JAVA_17).unwrap();
        assert_eq!((java.major, java.version.as_str(), java.vendor.as_str()), (17, "17.0.15", "Debian"));
        assert_eq!(java.home, Path::new("/no/such/java-17"));
        assert_eq!(java.executable, Path::new("/bin/java"));
    }

    #[test]
    fn a_program_that_is_no_java_is_named_with_what_is_missing() {
        let told = parse(Path::new("/bin/true"), "java.version = 17.0.1\n").unwrap_err().to_string();
        assert_eq!(told, "\"/bin/true\" did not say its java.home");
        let odd = JAVA_17.replace("17.0.15", "seventeen");
        assert!(matches!(
            parse(Path::new("x"), &odd),
            Err(AskError::Unclear { property: "java.version", .. })
        ));
    }

    #[test]
    fn major_versions_of_all_spellings_are_read() {
        let spellings = [("17.0.15", 17), ("25", 25), ("25-ea", 25), ("21.0.2+13-LTS", 21), ("1.8.0_292", 8)];
        assert!(spellings.iter().all(|(text, major)| major_of(text) == Some(*major)));
        assert_eq!(major_of(""), None);
    }
}
