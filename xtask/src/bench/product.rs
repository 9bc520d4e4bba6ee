//! The product in a folder of its own, for one sample or a whole bench: its command, its processes, its end.

use std::collections::BTreeMap;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use klamm_kafka::{Address, ConnectOptions, Transport};
use klamm_pki::{Credential, LiveIdentity, client_config, root_store};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::readiness::Way;
use super::stock::{Stock, link_tree, own_folder};

/// The longest that a killed process may take to be gone.
const GONE: Duration = Duration::from_secs(20);

/// One installation; its processes are killed and its folder is deleted with it.
pub(super) struct Product {
    klamm: PathBuf,
    folder: TempDir,
}

impl Product {
    /// An empty one, with all downloads in its cache.
    pub(super) fn empty(stock: &Stock) -> Result<Self> {
        let folder = own_folder()?;
        link_tree(&stock.cache, &folder.path().join("root/cache"))?;
        Ok(Self { klamm: stock.klamm.clone(), folder })
    }

    /// An empty one that uses `cache` itself, by a link: class-data archives are of one path.
    pub(super) fn with_cache(stock: &Stock, cache: &Path) -> Result<Self> {
        let folder = own_folder()?;
        let root = folder.path().join("root");
        fs::create_dir_all(&root).with_context(|| format!("making {}", root.display()))?;
        std::os::unix::fs::symlink(cache, root.join("cache")).context("linking to a cache")?;
        Ok(Self { klamm: stock.klamm.clone(), folder })
    }

    /// An empty one whose cluster was then brought up.
    pub(super) fn up(stock: &Stock) -> Result<Self> {
        let product = Self::empty(stock)?;
        product.run(&["up"])?;
        Ok(product)
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    /// Runs the command to its end, which must be a good one; gives its standard output.
    pub(super) fn run(&self, arguments: &[&str]) -> Result<String> {
        let output = Command::new(&self.klamm)
            .arg("--root")
            .arg(self.root())
            .args(arguments)
            .env_remove("KLAMM_ROOT")
            .env_remove("KLAMM_CLUSTER")
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .output()
            .context("starting klamm")?;
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success(), "klamm {arguments:?} ended with {}: {out}{err}", output.status);
        Ok(out.into_owned())
    }

    /// Writes what a Java client of the administrator needs; gives the folder.
    pub(super) fn admin_files(&self) -> Result<PathBuf> {
        let folder = self.folder.path().join("admin");
        self.run(&["client-config", "--user", "admin", "--out", &folder.to_string_lossy()])?;
        Ok(folder)
    }

    /// Every listener, as the nodes' files say, with an identity that it must accept: the clients' with the
    /// administrator's, all others with a node's.
    pub(super) fn ways(&self) -> Result<Vec<Way>> {
        let admin = self.admin_files()?;
        let trust = read(&admin.join("ca.pem"))?;
        let users = tls(&read(&admin.join("keystore.pem"))?, &trust)?;
        let mut ways = Vec::new();
        for folder in self.slot_folders()? {
            let nodes = tls(&read(&folder.join("tls/current/node.pem"))?, &trust)?;
            let properties = read(&folder.join("config/server.properties"))?;
            for (name, port) in listeners(&properties)? {
                let serves_clients = name == "CLIENTS";
                let options = ConnectOptions::new(if serves_clients { &users } else { &nodes }.clone());
                ways.push(Way { address: Address::new("localhost", port), options, serves_clients });
            }
        }
        Ok(ways)
    }

    fn slot_folders(&self) -> Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        for cluster in children(&self.root().join("state/clusters"))? {
            found.extend(children(&cluster)?.into_iter().filter(|slot| slot.join("config").is_dir()));
        }
        found.sort();
        Ok(found)
    }

    /// The daemon's process.
    pub(super) fn daemon(&self) -> Result<i32> {
        let processes = self.processes()?;
        let daemon = processes.iter().find(|(_, is_daemon)| **is_daemon);
        daemon.map(|(pid, _)| *pid).context("no daemon runs")
    }

    /// All processes that have the root in an argument, and whether each is the daemon.
    fn processes(&self) -> Result<BTreeMap<i32, bool>> {
        let root = self.root().to_string_lossy().into_owned();
        let mut found = BTreeMap::new();
        for entry in fs::read_dir("/proc").context("reading /proc")?.flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            // a process may end while it is looked at
            let Ok(line) = fs::read(entry.path().join("cmdline")) else { continue };
            let line = String::from_utf8_lossy(&line).into_owned();
            if line.contains(&root) {
                found.insert(pid, line.split('\0').nth(1) == Some("daemon"));
            }
        }
        Ok(found)
    }

    fn kill(&self, only_daemon: bool) -> Result<()> {
        let deadline = Instant::now() + GONE;
        loop {
            let mut left = self.processes()?;
            left.retain(|_, is_daemon| *is_daemon || !only_daemon);
            if left.is_empty() {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "processes {:?} do not end", left.keys());
            for pid in left.keys().filter_map(|pid| Pid::from_raw(*pid)) {
                match kill_process(pid, Signal::KILL) {
                    Ok(()) | Err(rustix::io::Errno::SRCH) => {}
                    Err(error) => return Err(error).with_context(|| format!("killing {pid:?}")),
                }
            }
            sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Product {
    fn drop(&mut self) {
        // The daemon first: it would start again what is killed.
        if let Err(error) = self.kill(true).and_then(|()| self.kill(false)) {
            eprintln!("processes of {} may be left: {error:#}", self.root().display());
        }
    }
}

/// `listeners=NAME://127.0.0.1:PORT,…` of a node.
fn listeners(properties: &str) -> Result<Vec<(String, u16)>> {
    let line = properties.lines().find_map(|line| line.strip_prefix("listeners="));
    let local = format!("://{}:", Ipv4Addr::LOCALHOST);
    line.context("a node has no listeners")?
        .split(',')
        .map(|listener| {
            let Some((name, port)) = listener.split_once(&local) else { bail!("{listener} is not local") };
            Ok((name.to_owned(), port.parse().with_context(|| format!("the port of {listener}"))?))
        })
        .collect()
}

fn tls(keystore: &str, trust: &str) -> Result<Transport> {
    let credential = Credential::from_keystore_pem(keystore).context("reading a key and its certificate")?;
    let identity = Arc::new(LiveIdentity::new(&credential)?);
    Ok(Transport::Tls(Arc::new(client_config(Some(identity), root_store(trust)?)?)))
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

fn children(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    entries.map(|entry| Ok(entry?.path())).collect()
}
