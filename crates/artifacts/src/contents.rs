//! What lies in a cache: to list it, to read all of it against its digests, and to delete what nobody here uses.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use klamm_core::model::Sha256;

use crate::blob::digest_of;
use crate::cache::Cache;

/// A file that was verified this long ago and belongs to nothing is not on its way into something.
const SETTLED: Duration = Duration::from_secs(3600);

/// One thing in a cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// What it is.
    pub kind: ContentKind,
    /// For people: `4.3.1`, `25.0.2`, the digest of a file.
    pub name: String,
    /// Its file or folder.
    pub path: PathBuf,
    /// What it takes, in bytes. Jars count with their Kafka and not again as downloads.
    pub bytes: u64,
}

/// What a thing in a cache is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ContentKind {
    /// A Kafka, laid out.
    Kafka,
    /// A Java, unpacked.
    Java,
    /// A class-data archive.
    Archive,
    /// A whole download of which nothing was laid out, or that was unpacked.
    Download,
    /// A download that was begun.
    Begun,
}

/// A download that is not what its name says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DamagedFile {
    /// The file.
    pub path: PathBuf,
    /// What its name says.
    pub expected: Sha256,
    /// What is in it.
    pub found: Sha256,
}

/// Everything in the cache, by kind and name. Nothing is written.
///
/// # Errors
/// When a folder of it cannot be read.
pub fn list_contents(cache: &Cache) -> io::Result<Vec<Content>> {
    let root = cache.root();
    let mut found = Vec::new();
    for (kind, folder) in [
        (ContentKind::Kafka, root.join("kafka")),
        (ContentKind::Java, root.join("java")),
        (ContentKind::Archive, cache.archives()),
    ] {
        for path in children(&folder)?.into_iter().filter(|path| path.is_dir()) {
            let whole = name_of(&path);
            let name = whole.rsplit_once('-').map_or(whole.as_str(), |(name, _)| name).to_owned();
            found.push(Content { kind, name, bytes: size_below(&path)?, path });
        }
    }
    for path in children(&root.join("partial"))? {
        found.push(Content {
            kind: ContentKind::Begun,
            name: name_of(&path),
            bytes: size_below(&path)?,
            path,
        });
    }
    for (path, metadata) in blobs(cache)? {
        if metadata.nlink() == 1 {
            found.push(Content {
                kind: ContentKind::Download,
                name: name_of(&path),
                bytes: metadata.len(),
                path,
            });
        }
    }
    found.sort_by(|a, b| (a.kind, &a.path).cmp(&(b.kind, &b.path)));
    Ok(found)
}

/// Reads every verified file again, and every laid-out jar that is a copy and not a link.
///
/// # Errors
/// When a file cannot be read.
pub fn verify_contents(cache: &Cache) -> io::Result<Vec<DamagedFile>> {
    let mut damaged = Vec::new();
    for (path, _) in blobs(cache)? {
        let Ok(expected) = name_of(&path).parse::<Sha256>() else { continue };
        if let Some(found) = digest_of(&path)?.filter(|found| *found != expected) {
            damaged.push(DamagedFile { path, expected, found });
        }
    }
    let linked: BTreeSet<(u64, u64)> =
        blobs(cache)?.iter().map(|(_, metadata)| (metadata.dev(), metadata.ino())).collect();
    for lock in crate::Lock::carried() {
        let libs = cache.kafka_folder(lock).join("libs");
        for artifact in lock.artifacts() {
            let path = libs.join(artifact.file_name());
            let Ok(metadata) = fs::metadata(&path) else { continue };
            if linked.contains(&(metadata.dev(), metadata.ino())) {
                continue;
            }
            if let Some(found) = digest_of(&path)?.filter(|found| *found != artifact.sha256) {
                damaged.push(DamagedFile { path, expected: artifact.sha256, found });
            }
        }
    }
    Ok(damaged)
}

/// What processes and slots of a machine refer to: any text that names a path keeps what lies there.
#[derive(Debug, Clone, Default)]
pub struct InUse(Vec<String>);

impl InUse {
    /// What the running processes have mapped or were started with, as far as this account may see, and what is in
    /// `files`: the records of slots that may be started again.
    ///
    /// # Errors
    /// When one of `files` cannot be read: what is not known may be in use.
    pub fn collect(files: &[PathBuf]) -> io::Result<Self> {
        let mut texts = Vec::new();
        for process in children(Path::new("/proc"))? {
            if name_of(&process).bytes().all(|byte| byte.is_ascii_digit()) {
                // It may end while it is looked at, or be somebody else's.
                for file in ["cmdline", "maps"] {
                    let text = fs::read(process.join(file)).unwrap_or_default();
                    texts.push(String::from_utf8_lossy(&text).into_owned());
                }
            }
        }
        for file in files {
            texts.push(String::from_utf8_lossy(&fs::read(file)?).into_owned());
        }
        Ok(Self(texts))
    }

    /// Whether something refers to the file or folder, or to what is below it.
    pub fn holds(&self, path: &Path) -> bool {
        let path = path.to_string_lossy();
        self.0.iter().any(|text| text.contains(&*path))
    }
}

/// What may go: not in use, and not on its way into something.
///
/// # Errors
/// When a folder of the cache cannot be read.
pub fn find_unused(cache: &Cache, in_use: &InUse) -> io::Result<Vec<Content>> {
    let mut unused = list_contents(cache)?;
    unused.retain(|content| match content.kind {
        ContentKind::Kafka | ContentKind::Java | ContentKind::Archive => !in_use.holds(&content.path),
        ContentKind::Download => is_settled(&content.path),
        ContentKind::Begun => is_settled(&content.path) && is_unlocked(&content.path),
    });
    Ok(unused)
}

/// Deletes what [`find_unused`] found, and the downloads that only its jars were links to.
///
/// # Errors
/// When something cannot be deleted; what comes after it in the list is then still there.
pub fn delete_contents(cache: &Cache, contents: &[Content]) -> io::Result<()> {
    for content in contents {
        match content.kind {
            ContentKind::Kafka => {
                let inodes: BTreeSet<u64> = children(&content.path.join("libs"))?
                    .iter()
                    .filter_map(|jar| Some(fs::metadata(jar).ok()?.ino()))
                    .collect();
                fs::remove_dir_all(&content.path)?;
                for (path, metadata) in blobs(cache)? {
                    if metadata.nlink() == 1 && inodes.contains(&metadata.ino()) {
                        fs::remove_file(path)?;
                    }
                }
            }
            ContentKind::Java | ContentKind::Archive => fs::remove_dir_all(&content.path)?,
            ContentKind::Download | ContentKind::Begun => fs::remove_file(&content.path)?,
        }
    }
    Ok(())
}

/// Whether nothing happened to a file for a while; its time of change is one that nobody sets.
fn is_settled(path: &Path) -> bool {
    let changed = fs::symlink_metadata(path).ok().and_then(|it| u64::try_from(it.ctime()).ok());
    let changed = changed.map(|seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
    changed.is_some_and(|changed| changed.elapsed().is_ok_and(|age| age > SETTLED))
}

fn is_unlocked(path: &Path) -> bool {
    fs::File::open(path).is_ok_and(|file| file.try_lock().is_ok())
}

/// Every verified file with what the file system says of it.
fn blobs(cache: &Cache) -> io::Result<Vec<(PathBuf, fs::Metadata)>> {
    let mut found = Vec::new();
    for folder in children(&cache.root().join("sha256"))? {
        for path in children(&folder)? {
            let metadata = fs::metadata(&path)?;
            found.push((path, metadata));
        }
    }
    Ok(found)
}

/// The entries of a folder, sorted; none where there is no folder. Names that begin with a dot are work under way.
fn children(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(failed) if failed.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    found.retain(|path| !name_of(path).starts_with('.'));
    found.sort();
    Ok(found)
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn size_below(path: &Path) -> io::Result<u64> {
    let metadata = fs::symlink_metadata(path)?;
    if !metadata.is_dir() {
        return Ok(metadata.len());
    }
    fs::read_dir(path)?.try_fold(0, |sum, entry| Ok(sum + size_below(&entry?.path())?))
}

#[cfg(test)]
mod tests;
