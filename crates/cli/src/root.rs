//! Where everything lies: `--root DIR`, else the system's folders for root, else the XDG folders of the user.

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use thiserror::Error;

use klamm_artifacts::SourceFiles;
use klamm_daemon::SocketAddress;

/// The folders of one installation. All absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    given: Option<PathBuf>,
    /// What the operator writes.
    pub config: PathBuf,
    /// What Klamm must not lose: store, keys, slots with their data.
    pub state: PathBuf,
    /// Logs of Klamm and of nodes.
    pub log: PathBuf,
    /// Sockets and locks, gone after a reboot.
    pub run: PathBuf,
    /// What can be fetched again.
    pub cache: PathBuf,
}

/// Why the folders cannot be named.
#[derive(Debug, Error)]
pub enum RootError {
    /// A relative folder, and no current folder to start from.
    #[error("{path} cannot be made absolute")]
    Relative {
        /// The folder given.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Not root, no `--root`, and nothing to derive the user's folders from.
    #[error("neither --root nor HOME is set, so there is no place to keep anything")]
    Homeless,
}

impl Root {
    /// The folders for this process: `given` is `--root`, `is_superuser` whether it runs as root, and `variable`
    /// reads the environment.
    pub fn find(
        given: Option<&Path>,
        is_superuser: bool,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, RootError> {
        if let Some(given) = given {
            let root = std::path::absolute(given)
                .map_err(|source| RootError::Relative { path: given.to_owned(), source })?;
            return Ok(Self {
                config: root.join("config"),
                state: root.join("state"),
                log: root.join("log"),
                run: root.join("run"),
                cache: root.join("cache"),
                given: Some(root),
            });
        }
        if is_superuser {
            return Ok(Self {
                given: None,
                config: "/etc/klamm".into(),
                state: "/var/lib/klamm".into(),
                log: "/var/log/klamm".into(),
                run: "/run/klamm".into(),
                cache: "/var/cache/klamm".into(),
            });
        }
        // The XDG specification has relative values ignored.
        let absolute = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let home = absolute("HOME");
        let base = |name, below_home: &str| {
            absolute(name)
                .or_else(|| Some(home.as_ref()?.join(below_home)))
                .map(|base| base.join("klamm"))
                .ok_or(RootError::Homeless)
        };
        let state = base("XDG_DATA_HOME", ".local/share")?;
        Ok(Self {
            given: None,
            config: base("XDG_CONFIG_HOME", ".config")?,
            log: base("XDG_STATE_HOME", ".local/state")?.join("log"),
            run: absolute("XDG_RUNTIME_DIR").map_or_else(|| state.join("run"), |base| base.join("klamm")),
            cache: base("XDG_CACHE_HOME", ".cache")?,
            state,
        })
    }

    /// The folder that `--root` or `KLAMM_ROOT` named, absolute; none where the defaults hold.
    pub fn given(&self) -> Option<&Path> {
        self.given.as_deref()
    }

    /// The server's socket for people's tools. It may be longer than a socket address holds: connect to it and
    /// bind it through [`Root::reachable_socket`].
    pub fn socket(&self) -> PathBuf {
        self.run.join("server.sock")
    }

    /// The socket under a path that fits into a socket address.
    pub fn reachable_socket(&self) -> std::io::Result<SocketAddress> {
        SocketAddress::of(&self.socket())
    }

    /// Where downloads come from; what `klamm up --mirror` and `--ca-file` remember.
    pub fn sources(&self) -> SourceFiles {
        SourceFiles::in_folder(&self.config)
    }

    /// Whether anything was ever kept here.
    pub fn is_in_use(&self) -> bool {
        self.state.read_dir().is_ok_and(|mut entries| entries.next().is_some())
    }
}
