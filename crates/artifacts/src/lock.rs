//! Lock files: exactly which files a Kafka version is made of, each with its size and SHA-256.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use klamm_core::model::Sha256;
use serde::{Deserialize, Serialize};

/// The lock files that this binary carries, made by `cargo xtask lock-kafka VERSION`.
const CARRIED: &[&str] = &[
    include_str!("../locks/kafka-3.9.2.json"),
    include_str!("../locks/kafka-4.0.2.json"),
    include_str!("../locks/kafka-4.1.2.json"),
    include_str!("../locks/kafka-4.2.1.json"),
    include_str!("../locks/kafka-4.3.1.json"),
];

/// The only lock file format so far.
const FORMAT: u32 = 1;

static LOCKS: LazyLock<Vec<Lock>> = LazyLock::new(|| {
    CARRIED.iter().map(|text| Lock::parse(text).expect("a test parses every carried lock file")).collect()
});

/// What a class path is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClassPathRole {
    /// Running a broker or controller, and formatting storage: the closure of Kafka's core and a logging binding.
    Node,
    /// Running Kafka's command-line tools as well: adds the closure of `kafka-tools`, with Connect's REST stack.
    Tools,
}

/// One file of a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// `group:artifact:version` or `group:artifact:version:classifier`.
    pub coordinate: String,
    /// Path below the root of a Maven repository.
    pub path: String,
    /// Size in bytes.
    pub size: u64,
    /// Digest of the content.
    pub sha256: Sha256,
    /// The class paths that need it, ascending.
    pub roles: Vec<ClassPathRole>,
}

impl Artifact {
    /// The last part of [`Artifact::path`]; unique in a lock.
    pub fn file_name(&self) -> &str {
        self.path.rsplit('/').next().expect("a split has at least one part")
    }
}

/// A parsed, checked lock file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    content: Content,
    digest: Sha256,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    version: u32,
    name: String,
    kafka: String,
    java: Vec<u32>,
    artifacts: Vec<Artifact>,
}

/// Why a text is not a lock file.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Not JSON of the right shape.
    #[error("the lock file is not valid")]
    Json(#[from] serde_json::Error),
    /// Written by a newer Klamm.
    #[error("the lock file has format {0}, this version of klamm reads format {FORMAT}")]
    Format(u32),
    /// The Kafka version would not do as a folder name.
    #[error("the lock file's Kafka version {0:?} is not a version")]
    Version(String),
    /// Accepted Java versions are needed to choose one.
    #[error("the lock file of Kafka {0} accepts no Java")]
    NoJava(String),
    /// A path that could leave the repository or the cache folder.
    #[error("{coordinate} has the path {path:?}, which is not a plain relative path")]
    Path {
        /// The artifact.
        coordinate: String,
        /// What it says.
        path: String,
    },
    /// Coordinates must ascend: the order is the class path's, and the digest names it.
    #[error("{0} is out of order or listed twice")]
    Order(String),
    /// Two artifacts would lie in one folder under one name.
    #[error("two artifacts have the file name {0}")]
    SameFileName(String),
}

impl Lock {
    /// The carried lock file for exactly this Kafka version.
    pub fn for_kafka(version: &str) -> Option<&'static Self> {
        LOCKS.iter().find(|lock| lock.kafka() == version)
    }

    /// The carried lock file with this digest: how an agent finds what a target names.
    pub fn by_digest(digest: Sha256) -> Option<&'static Self> {
        LOCKS.iter().find(|lock| lock.digest == digest)
    }

    /// Every carried lock file.
    pub fn carried() -> &'static [Self] {
        &LOCKS
    }

    /// Puts a lock together; artifacts are sorted by coordinate. `java` are the accepted major versions, best first.
    ///
    /// # Errors
    /// As [`Lock::parse`], without those about JSON.
    pub fn new(kafka: &str, java: &[u32], mut artifacts: Vec<Artifact>) -> Result<Self, LockError> {
        artifacts.sort_by(|a, b| a.coordinate.cmp(&b.coordinate));
        let (name, kafka) = (format!("kafka-{kafka}"), kafka.to_owned());
        Self::checked(Content { version: FORMAT, name, kafka, java: java.to_vec(), artifacts })
    }

    /// Reads a lock file.
    ///
    /// # Errors
    /// When it is not JSON of this format, or names something that must not be fetched or laid out.
    pub fn parse(text: &str) -> Result<Self, LockError> {
        Self::checked(serde_json::from_str(text)?)
    }

    fn checked(content: Content) -> Result<Self, LockError> {
        if content.version != FORMAT {
            return Err(LockError::Format(content.version));
        }
        if !is_plain(&content.kafka) {
            return Err(LockError::Version(content.kafka));
        }
        if content.java.is_empty() {
            return Err(LockError::NoJava(content.kafka));
        }
        let mut file_names = BTreeSet::new();
        for artifact in &content.artifacts {
            if !is_plain_path(&artifact.path) {
                let Artifact { coordinate, path, .. } = artifact.clone();
                return Err(LockError::Path { coordinate, path });
            }
            if !file_names.insert(artifact.file_name()) {
                return Err(LockError::SameFileName(artifact.file_name().to_owned()));
            }
        }
        if let Some(pair) = content.artifacts.windows(2).find(|pair| pair[0].coordinate >= pair[1].coordinate)
        {
            return Err(LockError::Order(pair[1].coordinate.clone()));
        }
        let digest = Sha256::of(render(&content).as_bytes());
        Ok(Self { content, digest })
    }

    /// The one text form of this lock: what is committed, and what [`Lock::digest`] is taken over.
    pub fn render(&self) -> String {
        render(&self.content)
    }

    /// `kafka-4.3.1`.
    pub fn name(&self) -> &str {
        &self.content.name
    }

    /// The Kafka version, `4.3.1`.
    pub fn kafka(&self) -> &str {
        &self.content.kafka
    }

    /// Major versions of Java that this Kafka supports, best first.
    pub fn java(&self) -> &[u32] {
        &self.content.java
    }

    /// Every artifact, ascending by coordinate.
    pub fn artifacts(&self) -> &[Artifact] {
        &self.content.artifacts
    }

    /// The artifacts that a class path needs, in class path order.
    pub fn artifacts_for(&self, role: ClassPathRole) -> impl Iterator<Item = &Artifact> {
        self.content.artifacts.iter().filter(move |artifact| artifact.roles.contains(&role))
    }

    /// What a target names: the SHA-256 of [`Lock::render`].
    pub fn digest(&self) -> Sha256 {
        self.digest
    }
}

fn render(content: &Content) -> String {
    let mut text = serde_json::to_string_pretty(content).expect("strings and numbers are always JSON");
    text.push('\n');
    text
}

pub(crate) fn is_plain_path(path: &str) -> bool {
    path.split('/').all(is_plain)
}

/// Letters, digits and `._+-`, and not a name that means another folder.
fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('.')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte))
}

#[cfg(test)]
mod tests;
