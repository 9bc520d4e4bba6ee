//! Bundles: downloads in one file, for machines without a network. A bundle is a zip file that stores each download
//! under its digest; what comes out of one is believed no more than what comes from a mirror.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use klamm_core::model::Sha256;
use serde::{Deserialize, Serialize};
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::blob::{self, Digesting, Wanted};
use crate::cache::Cache;
use crate::java::ManagedRuntime;
use crate::lock::{ClassPathRole, Lock};

/// The only format of bundles so far.
const FORMAT: u32 = 1;
const DESCRIPTION: &str = "klamm-bundle.json";
/// A description is some 200 bytes a file.
const LONGEST_DESCRIPTION: u64 = 4 << 20;

/// What a bundle says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleContents {
    version: u32,
    /// The Klamm that wrote it.
    pub klamm: String,
    /// The Kafkas in it.
    pub kafka: Vec<String>,
    /// The Javas in it.
    pub java: Vec<String>,
    files: BTreeMap<Sha256, BundledFile>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct BundledFile {
    name: String,
    size: u64,
}

impl BundleContents {
    /// How many files are in it.
    pub fn files(&self) -> usize {
        self.files.len()
    }

    /// Sum of their sizes in bytes.
    pub fn bytes(&self) -> u64 {
        self.files.values().map(|file| file.size).sum()
    }
}

/// What was taken from a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// What the bundle said.
    pub contents: BundleContents,
    /// Names of files that no lock file of this Klamm lists: they were left out.
    pub unknown: Vec<String>,
}

/// Why a bundle could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// Another file is there.
    #[error("{0:?} is there already")]
    Exists(PathBuf),
    /// A download is not in the cache.
    #[error("{file} is not in the cache; `klamm artifacts fetch` brings it")]
    Missing {
        /// Name of the file.
        file: String,
    },
    /// A file could not be read or written.
    #[error("{path:?} could not be used")]
    Storage {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Not a zip file, or a damaged one.
    #[error("{path:?} is not a bundle, or is damaged")]
    Zip {
        /// The bundle.
        path: PathBuf,
        /// What is wrong.
        source: ZipError,
    },
    /// The description is missing, or of another format.
    #[error("{path:?} has no description that this version of klamm reads")]
    Description {
        /// The bundle.
        path: PathBuf,
    },
    /// A file in it is not what its name says.
    #[error("{file} in {path:?} has the digest {found}, expected is {expected}")]
    Digest {
        /// The bundle.
        path: PathBuf,
        /// Name of the file.
        file: String,
        /// What the bundle and the lock file say.
        expected: Sha256,
        /// What it is.
        found: Sha256,
    },
}

/// Writes what the locks need for `role`, and the runtimes, to the new file `to`. All of it must be in the cache.
///
/// # Errors
/// When something is not there, or the file cannot be written; then there is no file.
pub fn export_bundle(
    cache: &Cache,
    locks: &[&Lock],
    role: ClassPathRole,
    runtimes: &[&ManagedRuntime],
    to: &Path,
) -> Result<BundleContents, BundleError> {
    if to.exists() {
        return Err(BundleError::Exists(to.to_owned()));
    }
    let jars = locks.iter().flat_map(|lock| lock.artifacts_for(role)).map(Wanted::from);
    let wanted: BTreeMap<Sha256, Wanted> = jars
        .chain(runtimes.iter().map(|runtime| runtime.wanted()))
        .map(|wanted| (wanted.sha256, wanted))
        .collect();
    let describe = |wanted: &Wanted| BundledFile { name: wanted.file.clone(), size: wanted.size };
    let contents = BundleContents {
        version: FORMAT,
        klamm: env!("CARGO_PKG_VERSION").to_owned(),
        kafka: locks.iter().map(|lock| lock.kafka().to_owned()).collect(),
        java: runtimes.iter().map(|runtime| runtime.java.clone()).collect(),
        files: wanted.iter().map(|(digest, wanted)| (*digest, describe(wanted))).collect(),
    };
    let storage = |source| BundleError::Storage { path: to.to_owned(), source };
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let scratch = tempfile::NamedTempFile::new_in(folder).map_err(storage)?;
    write(cache, &contents, scratch.as_file(), to)?;
    // Nothing in it is a secret, and another account may carry it on.
    scratch.as_file().set_permissions(fs::Permissions::from_mode(0o644)).map_err(storage)?;
    scratch.as_file().sync_all().map_err(storage)?;
    // Not over a file that appeared meanwhile.
    scratch.persist_noclobber(to).map_err(|failed| storage(failed.error))?;
    Ok(contents)
}

fn write(cache: &Cache, contents: &BundleContents, into: &File, to: &Path) -> Result<(), BundleError> {
    let zip_failed = |source| BundleError::Zip { path: to.to_owned(), source };
    let storage = |source| BundleError::Storage { path: to.to_owned(), source };
    // Jars are compressed already. A fixed time: the same content gives the same bytes.
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(zip::DateTime::default());
    let mut archive = ZipWriter::new(into);
    archive.start_file(DESCRIPTION, options).map_err(zip_failed)?;
    let text = serde_json::to_vec_pretty(contents).expect("strings and numbers are always JSON");
    archive.write_all(&text).map_err(storage)?;
    for (digest, BundledFile { name, .. }) in &contents.files {
        let path = cache.blob(*digest);
        let whole = blob::digest_of(&path)
            .map_err(|source| BundleError::Storage { path: path.clone(), source })?
            .is_some_and(|found| found == *digest);
        if !whole {
            return Err(BundleError::Missing { file: name.clone() });
        }
        let mut file = File::open(&path).map_err(|source| BundleError::Storage { path, source })?;
        archive.start_file(format!("sha256/{digest}"), options).map_err(zip_failed)?;
        io::copy(&mut file, &mut archive).map_err(storage)?;
    }
    archive.finish().map_err(zip_failed)?;
    Ok(())
}

/// Takes every download of the bundle at `from` that a lock file of this Klamm lists into the cache, verified.
///
/// # Errors
/// When it is no bundle, a file in it is not what it says, or the cache cannot be written. What was taken before
/// stays: it is verified.
pub fn import_bundle(cache: &Cache, from: &Path) -> Result<Imported, BundleError> {
    import(cache, from, &known_size)
}

fn import(
    cache: &Cache,
    from: &Path,
    known_size: &dyn Fn(Sha256) -> Option<u64>,
) -> Result<Imported, BundleError> {
    let file = File::open(from).map_err(|source| BundleError::Storage { path: from.to_owned(), source })?;
    let zip_failed = |source| BundleError::Zip { path: from.to_owned(), source };
    let mut archive = ZipArchive::new(file).map_err(zip_failed)?;
    let contents = describe(&mut archive, from)?;
    let mut unknown = Vec::new();
    for (digest, BundledFile { name, size: _ }) in &contents.files {
        // The size of the lock file counts, not the bundle's.
        let Some(size) = known_size(*digest) else {
            unknown.push(name.clone());
            continue;
        };
        let place = cache.blob(*digest);
        let storage = |source| BundleError::Storage { path: place.clone(), source };
        if blob::is_whole_or_removed(&place, *digest).map_err(storage)? {
            continue;
        }
        let entry = archive.by_name(&format!("sha256/{digest}")).map_err(zip_failed)?;
        let folder = cache.root().join("partial");
        let mut scratch = tempfile::NamedTempFile::new_in(&folder).map_err(storage)?;
        let found = copy_digested(entry.take(size + 1), scratch.as_file_mut()).map_err(storage)?;
        if found != *digest {
            let (path, file) = (from.to_owned(), name.clone());
            return Err(BundleError::Digest { path, file, expected: *digest, found });
        }
        let (file, path) = scratch.keep().map_err(|failed| storage(failed.error))?;
        blob::put_in_place(&file, &path, &place).map_err(storage)?;
    }
    Ok(Imported { contents, unknown })
}

fn describe(archive: &mut ZipArchive<File>, from: &Path) -> Result<BundleContents, BundleError> {
    let unclear = || BundleError::Description { path: from.to_owned() };
    let entry = archive.by_name(DESCRIPTION).map_err(|_| unclear())?;
    let mut text = Vec::new();
    entry.take(LONGEST_DESCRIPTION).read_to_end(&mut text).map_err(|_| unclear())?;
    let contents: BundleContents = serde_json::from_slice(&text).map_err(|_| unclear())?;
    if contents.version == FORMAT { Ok(contents) } else { Err(unclear()) }
}

/// The size of a file that some lock file or runtime of this Klamm names.
fn known_size(digest: Sha256) -> Option<u64> {
    let jars = Lock::carried().iter().flat_map(Lock::artifacts).map(|it| (it.sha256, it.size));
    let runtimes = ManagedRuntime::carried().iter().map(|it| (it.sha256, it.size));
    jars.chain(runtimes).find(|(known, _)| *known == digest).map(|(_, size)| size)
}

fn copy_digested(mut from: impl io::Read, to: &mut File) -> io::Result<Sha256> {
    let mut digesting = Digesting::new();
    let mut buffer = vec![0; 1 << 17];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(digesting.finish()),
            count => {
                digesting.update(&buffer[..count]);
                to.write_all(&buffer[..count])?;
            }
        }
    }
}

#[cfg(test)]
mod tests;
