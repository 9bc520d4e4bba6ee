//! Class-data archives: what makes a start of Kafka take half as long. Java 25 calls its kind an AOT cache.
//!
//! An archive belongs to one Java, one class path and one collector. Java looks at sizes and times of what it was
//! made from and goes on without it where they differ. It does not look at the archive's own content: Java 17 crashes
//! on one that was cut short or changed (measured). So one is handed out only after its digest was compared.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use klamm_core::model::Sha256;
use serde::{Deserialize, Serialize};

use crate::blob::digest_of;
use crate::cache::{Cache, ensure_folder, sync_folder, write_atomically};
use crate::file_facts::FileFacts;
use crate::java::{AskError, Java, run_java};

/// The only format of `archive.json` so far.
const FORMAT: u32 = 1;
const DESCRIPTION: &str = "archive.json";
/// AOT caches, which hold more than classes, begin with Java 24; from 25 on one run makes them.
const FIRST_WITH_AOT: u32 = 25;
/// Archives on top of Java's own begin here.
const FIRST_WITH_ARCHIVES: u32 = 13;
/// An archive that Java accepts costs a fraction of a second to try.
const TRIAL_WITHIN: Duration = Duration::from_secs(60);

/// The options that make Java use an archive, up to its path: for Java 13 to 24, and for later ones.
pub const ARCHIVE_OPTIONS: [&str; 2] = ["-XX:SharedArchiveFile=", "-XX:AOTCache="];

/// What an archive is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveOf<'a> {
    /// The Java that will use it.
    pub java: &'a Java,
    /// The class path, in order, all files.
    pub class_path: &'a [PathBuf],
    /// The options of the process: those that choose a collector decide how objects and pointers look.
    pub options: &'a [String],
}

/// Why an archive could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum KeepArchiveError {
    /// Java does not take it.
    #[error("Java does not take the archive that it wrote")]
    Refused(#[source] AskError),
    /// The cache could not be read or written.
    #[error("the archive could not be kept at {path:?}")]
    Storage {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// What `archive.json` says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    version: u32,
    java: String,
    sha256: Sha256,
    archive: FileFacts,
    /// Everything it was made from, as it was then.
    made_from: BTreeMap<PathBuf, FileFacts>,
}

impl ArchiveOf<'_> {
    /// The option that makes Java use the archive at `path`.
    pub fn option_to_use(&self, path: &Path) -> String {
        let [shared, aot] = ARCHIVE_OPTIONS;
        format!("{}{}", if self.is_aot() { aot } else { shared }, path.display())
    }

    /// The option that makes Java write an archive to `path` when it ends; none where it cannot.
    pub fn option_to_write(&self, path: &Path) -> Option<String> {
        let name = if self.is_aot() { "AOTCacheOutput" } else { "ArchiveClassesAtExit" };
        (self.java.major >= FIRST_WITH_ARCHIVES).then(|| format!("-XX:{name}={}", path.display()))
    }

    /// The options that the archive depends on, as they are written.
    pub fn deciding_options(&self) -> impl Iterator<Item = &String> {
        self.options.iter().filter(|option| option.starts_with("-XX:+Use") || option.starts_with("-XX:-Use"))
    }

    fn is_aot(&self) -> bool {
        self.java.major >= FIRST_WITH_AOT
    }

    fn folder(&self, cache: &Cache) -> PathBuf {
        let Java { executable, home: _, major: _, version, vendor, virtual_machine, source: _ } = self.java;
        let options: Vec<&String> = self.deciding_options().collect();
        let what = (executable, version, vendor, virtual_machine, self.class_path, options);
        let digest = Sha256::of(&serde_json::to_vec(&what).expect("paths of the cache are text"));
        cache.archives().join(format!("{version}-{}", &digest.to_string()[..16]))
    }

    fn file(&self, folder: &Path) -> PathBuf {
        folder.join(if self.is_aot() { "classes.aot" } else { "classes.jsa" })
    }

    /// The launcher, what is beside it that decides what Java is, and the class path.
    fn made_from(&self) -> io::Result<BTreeMap<PathBuf, FileFacts>> {
        let home = &self.java.home;
        let of_java =
            [self.java.executable.clone(), home.join("lib/modules"), home.join("lib/server/libjvm.so")];
        let all = of_java.iter().chain(self.class_path);
        all.map(|path| Ok((path.clone(), FileFacts::of(path)?))).collect()
    }
}

/// The archives of a cache.
#[derive(Debug)]
pub struct Archives {
    cache: Cache,
    /// Archives whose digest was compared since this process started, as they were then.
    verified: Mutex<BTreeMap<PathBuf, FileFacts>>,
}

impl Archives {
    /// Those in `cache`.
    pub fn new(cache: Cache) -> Self {
        Self { cache, verified: Mutex::default() }
    }

    /// The archive for `of`, if one is kept, whole, and made from what is there now. One that is not is deleted:
    /// whoever uses it has it open. The first look at one reads all of it (some 60 MB).
    ///
    /// # Errors
    /// When a stale one cannot be deleted.
    pub fn kept(&self, of: &ArchiveOf<'_>) -> io::Result<Option<PathBuf>> {
        let folder = of.folder(&self.cache);
        if !folder.exists() {
            return Ok(None);
        }
        let file = of.file(&folder);
        match self.reason_to_refuse(&folder, &file, of) {
            None => Ok(Some(file)),
            Some(reason) => {
                tracing::warn!(archive = %file.display(), reason, "a class-data archive is not used any more");
                delete(&folder)?;
                Ok(None)
            }
        }
    }

    fn reason_to_refuse(&self, folder: &Path, file: &Path, of: &ArchiveOf<'_>) -> Option<&'static str> {
        let text = fs::read(folder.join(DESCRIPTION)).unwrap_or_default();
        let Ok(description) = serde_json::from_slice::<Description>(&text) else {
            return Some("its description cannot be read");
        };
        let Description { version, java: _, sha256, archive, made_from } = description;
        if version != FORMAT {
            return Some("it was kept by another version of klamm");
        }
        if of.made_from().ok() != Some(made_from) {
            return Some("Java or a jar is another than it was made from");
        }
        if FileFacts::of(file).ok() != Some(archive) {
            return Some("it was changed");
        }
        let mut verified = self.verified.lock().expect("no holder of the lock panics");
        if verified.get(file) != Some(&archive) {
            if digest_of(file).ok().flatten() != Some(sha256) {
                return Some("it was changed");
            }
            verified.insert(file.to_owned(), archive);
        }
        None
    }

    /// Deletes the archive at `path`, as [`Archives::kept`] gave it: a process that used it crashed.
    ///
    /// # Errors
    /// When it cannot be deleted.
    pub fn discard(&self, path: &Path) -> io::Result<()> {
        match path.parent() {
            Some(folder) if folder.parent() == Some(&self.cache.archives()) => delete(folder),
            Some(_) | None => Ok(()),
        }
    }

    /// Takes the archive that a process just wrote to `written`, once Java has shown that it takes it. Gives its
    /// place.
    ///
    /// # Errors
    /// When Java refuses it or the cache cannot be written; `written` is then still there.
    pub async fn keep(&self, of: &ArchiveOf<'_>, written: &Path) -> Result<PathBuf, KeepArchiveError> {
        let class_path: Vec<_> = of.class_path.iter().map(|path| path.to_string_lossy()).collect();
        let (class_path, using) = (class_path.join(":"), of.option_to_use(written));
        // "on" where it is used is "auto": here a refusal is an error.
        let insist = if of.is_aot() { "-XX:AOTMode=on" } else { "-Xshare:on" };
        let mut arguments: Vec<&str> = of.deciding_options().map(String::as_str).collect();
        arguments.extend([using.as_str(), insist, "-cp", &class_path, "-version"]);
        run_java(&of.java.executable, &arguments, TRIAL_WITHIN).await.map_err(KeepArchiveError::Refused)?;
        let folder = of.folder(&self.cache);
        keep(&folder, of, written).map_err(|source| KeepArchiveError::Storage { path: folder, source })
    }
}

fn delete(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(failed) if failed.kind() != io::ErrorKind::NotFound => Err(failed),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn keep(folder: &Path, of: &ArchiveOf<'_>, written: &Path) -> io::Result<PathBuf> {
    let parent = folder.parent().expect("archives lie in a folder");
    ensure_folder(parent)?;
    let scratch = tempfile::Builder::new().prefix(".keeping-").tempdir_in(parent)?;
    fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o755))?;
    let file = of.file(scratch.path());
    fs::copy(written, &file)?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o444))?;
    fs::File::open(&file)?.sync_all()?;
    let sha256 = digest_of(&file)?.ok_or(io::ErrorKind::NotFound)?;
    let description = Description {
        version: FORMAT,
        java: of.java.version.clone(),
        sha256,
        archive: FileFacts::of(&file)?,
        made_from: of.made_from()?,
    };
    let text = serde_json::to_vec_pretty(&description).map_err(io::Error::from)?;
    write_atomically(&scratch.path().join(DESCRIPTION), &text)?;
    delete(folder)?;
    fs::rename(scratch.keep(), folder)?;
    sync_folder(parent)?;
    Ok(of.file(folder))
}

#[cfg(test)]
mod tests;
