//! Where everything lies below the cache folder.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use klamm_core::model::Sha256;

use crate::lock::Lock;

/// One cache folder, shared by all clusters and all processes of a user.
///
/// ```text
/// sha256/ab/abcdef…          verified files by digest, read-only, never changed in place
/// partial/abcdef…            downloads under way, locked by the process that writes them
/// kafka/4.3.1-abcdef012345/  a laid-out lock: libs/*.jar (hard links to the files above), layout.json
/// java/25.0.2-abcdef012345/  an unpacked managed runtime
/// archives/17.0.15-abcdef…/  a class-data archive and what it was made from
/// java-asked.json            what each java of this machine said about itself
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cache {
    root: PathBuf,
}

/// Why a folder cannot be the cache.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// A colon separates the entries of a class path and cannot be escaped there.
    #[error("the cache folder {0:?} has a colon in its path, which Java cannot have in a class path")]
    Colon(PathBuf),
    /// A folder could not be made.
    #[error("the cache folder {path:?} could not be made")]
    Create {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Cache {
    /// Uses the folder `root`, made when it is not there; readable by every account, because Kafka may run under
    /// another one than the process that fetched it.
    ///
    /// # Errors
    /// When the path cannot be on a class path or the folder cannot be made.
    pub fn open(root: impl AsRef<Path>) -> Result<Self, CacheError> {
        let cache = Self::at(root)?;
        for folder in ["", "sha256", "partial", "kafka", "java"] {
            let path = cache.root.join(folder);
            ensure_folder(&path).map_err(|source| CacheError::Create { path, source })?;
        }
        Ok(cache)
    }

    /// The folder `root`, whether it is there or not: to look and never to write.
    ///
    /// # Errors
    /// When the path cannot be on a class path.
    pub fn at(root: impl AsRef<Path>) -> Result<Self, CacheError> {
        let given = root.as_ref();
        let root = std::path::absolute(given)
            .map_err(|source| CacheError::Create { path: given.to_owned(), source })?;
        // Archives remember the paths of jars: whoever comes by another link shall find the same ones.
        let root = root.canonicalize().unwrap_or(root);
        if root.as_os_str().as_encoded_bytes().contains(&b':') {
            return Err(CacheError::Colon(root));
        }
        Ok(Self { root })
    }

    /// The absolute path of the cache folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where the verified file with this digest lies, if it is here.
    pub fn blob(&self, digest: Sha256) -> PathBuf {
        let hex = digest.to_string();
        self.root.join("sha256").join(&hex[..2]).join(hex)
    }

    pub(crate) fn partial(&self, digest: Sha256) -> PathBuf {
        self.root.join("partial").join(digest.to_string())
    }

    pub(crate) fn kafka_folder(&self, lock: &Lock) -> PathBuf {
        self.root.join("kafka").join(name_with_digest(lock.kafka(), lock.digest()))
    }

    pub(crate) fn java_folder(&self, version: &str, digest: Sha256) -> PathBuf {
        self.root.join("java").join(name_with_digest(version, digest))
    }

    /// The folder of all class-data archives.
    pub fn archives(&self) -> PathBuf {
        self.root.join("archives")
    }

    pub(crate) fn java_answers(&self) -> PathBuf {
        self.root.join("java-asked.json")
    }
}

/// Twelve digits are 48 bits: enough among the few locks of one version that ever meet on a machine.
fn name_with_digest(name: &str, digest: Sha256) -> String {
    format!("{name}-{}", &digest.to_string()[..12])
}

/// Makes `path` and what is missing above it; a folder made here can be entered by every account.
pub(crate) fn ensure_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        ensure_folder(parent)?;
    }
    match fs::create_dir(path) {
        Ok(()) => fs::set_permissions(path, fs::Permissions::from_mode(0o755)),
        Err(failed) if failed.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(failed) => Err(failed),
    }
}

/// Makes a rename or link in `folder` survive a power cut.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

/// Puts `content` at `path` in one step: a reader sees the old file or the whole new one.
pub(crate) fn write_atomically(path: &Path, content: &[u8]) -> io::Result<()> {
    use std::io::Write;
    let folder = path.parent().expect("files of the cache lie in a folder");
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(content)?;
    file.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|failed| failed.error)?;
    sync_folder(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_that_java_could_not_put_on_a_class_path_is_refused_before_anything_is_made() {
        let scratch = tempfile::tempdir().unwrap();
        let root = scratch.path().join("a:b");
        assert!(matches!(Cache::open(&root), Err(CacheError::Colon(path)) if path == root));
        assert!(!root.exists());
        let spaced = Cache::open(scratch.path().join("with space/and/depth")).unwrap();
        assert!(spaced.root().join("sha256").is_dir());
        assert_eq!(Cache::open(spaced.root()).unwrap(), spaced);
    }
}
