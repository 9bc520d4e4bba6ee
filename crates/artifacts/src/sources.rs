//! Where an operator's downloads come from, as three files of the configuration folder say: mirrors, the authorities
//! that they are verified with, and logins. Read anew before each download. A proxy comes from the environment.

use std::fmt;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use reqwest::{Certificate, Url};

use crate::mirrors::{InvalidMirror, Mirrors};
use crate::supply::Supply;

/// A line of the mirrors' file that keeps downloads away from the default hosts.
const ONLY: &str = "only";

/// The three files; each may be missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFiles {
    /// Base URLs, one a line, first tried first; `only` on a line of its own leaves out the default hosts; `#` begins
    /// a comment.
    pub mirrors: PathBuf,
    /// A PEM bundle that is trusted beside the machine's own authorities.
    pub authorities: PathBuf,
    /// `machine HOST login USER password PASSWORD`, as in `.netrc`; its owner's alone.
    pub logins: PathBuf,
}

/// Why the files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SourcesError {
    /// One cannot be read.
    #[error("{path:?} cannot be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A mirror is none.
    #[error("{path:?} names a mirror that is none")]
    Mirror {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: InvalidMirror,
    },
    /// A bundle that holds no certificate would be trusted for nothing, without a word.
    #[error("{path:?} holds no PEM certificate")]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// Passwords that others can read.
    #[error("{path:?} holds passwords and can be read by others (mode {mode:o}); `chmod 600` it")]
    Readable {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// A word is missing or is not known.
    #[error("line {line} of {path:?} is not `machine HOST login USER password PASSWORD`")]
    Login {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
    },
    /// A password would travel in the clear.
    #[error("mirror {url} has a login in {path:?} and is not https: the password could be read on its way")]
    InTheClear {
        /// The mirror.
        url: String,
        /// The file with the login.
        path: PathBuf,
    },
}

impl SourceFiles {
    /// The files with their usual names in a configuration folder.
    pub fn in_folder(folder: &Path) -> Self {
        Self {
            mirrors: folder.join("mirrors"),
            authorities: folder.join("mirrors-ca.pem"),
            logins: folder.join("mirrors-netrc"),
        }
    }

    /// `supply` with what the files say now.
    ///
    /// # Errors
    /// When one of them cannot be read or made sense of; nothing is left out in silence.
    pub fn apply(&self, supply: &Supply) -> Result<Supply, SourcesError> {
        let Self { mirrors, authorities, logins } = self;
        let mirrors = read(mirrors)?.map_or(Ok(Mirrors::none()), |text| {
            let source = |source| SourcesError::Mirror { path: mirrors.clone(), source };
            parse_mirrors(&text).map_err(source)
        })?;
        let authorities = match read(authorities)? {
            Some(text) => certificates(&text)
                .filter(|found| !found.is_empty())
                .ok_or_else(|| SourcesError::NoCertificate { path: authorities.clone() })?,
            None => Vec::new(),
        };
        let access = Access { authorities, logins: read_logins(logins)? };
        let clear = mirrors.bases().find(|url| access.login_of(url).is_some() && !is_private(url));
        if let Some(url) = clear {
            let (url, path) = (crate::mirrors::redacted(url), logins.clone());
            return Err(SourcesError::InTheClear { url, path });
        }
        Ok(Supply { mirrors, access, ..supply.clone() })
    }
}

/// Whom to trust and who to be when downloading.
#[derive(Clone, Default)]
pub struct Access {
    pub(crate) authorities: Vec<Certificate>,
    logins: Vec<Login>,
}

/// Shows no password.
impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts: Vec<&str> = self.logins.iter().map(|login| login.host.as_str()).collect();
        f.debug_struct("Access")
            .field("authorities", &self.authorities.len())
            .field("logins", &hosts)
            .finish()
    }
}

#[derive(Clone)]
pub(crate) struct Login {
    host: String,
    pub(crate) user: String,
    pub(crate) password: String,
}

impl Access {
    /// Who to be at that host.
    pub(crate) fn login_of(&self, url: &Url) -> Option<&Login> {
        let host = url.host_str()?;
        self.logins.iter().find(|login| login.host == host)
    }
}

/// Whether nobody can listen on the way there.
fn is_private(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    url.scheme() == "https" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

fn read(path: &Path) -> Result<Option<String>, SourcesError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(failed) if failed.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(SourcesError::Read { path: path.to_owned(), source }),
    }
}

fn parse_mirrors(text: &str) -> Result<Mirrors, InvalidMirror> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let (only, given): (Vec<&str>, Vec<&str>) = lines.partition(|line| *line == ONLY);
    let given: Vec<String> = given.into_iter().map(ToOwned::to_owned).collect();
    Mirrors::new(&given, !only.is_empty())
}

/// All certificates of a bundle; nothing when one of them is damaged.
fn certificates(text: &str) -> Option<Vec<Certificate>> {
    Certificate::from_pem_bundle(text.as_bytes()).ok()
}

fn read_logins(path: &Path) -> Result<Vec<Login>, SourcesError> {
    let Some(text) = read(path)? else { return Ok(Vec::new()) };
    let failed = |source| SourcesError::Read { path: path.to_owned(), source };
    let mode = fs::metadata(path).map_err(failed)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(SourcesError::Readable { path: path.to_owned(), mode });
    }
    let mut logins = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["machine", host, "login", user, "password", password] => {
                let [host, user, password] = [host, user, password].map(ToOwned::to_owned);
                logins.push(Login { host, user, password });
            }
            [] => {}
            [first, ..] if first.starts_with('#') => {}
            _ => return Err(SourcesError::Login { path: path.to_owned(), line: index + 1 }),
        }
    }
    Ok(logins)
}

#[cfg(test)]
mod tests;
