//! The product's processes and the ports they listen on, as the kernel tells them.

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

/// What a process of the product is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Server and agent in one.
    Daemon,
    /// A server of its own.
    Server,
    /// The agent of a host that has joined.
    Agent,
    /// A Kafka node.
    Node,
    /// A Kafka that only shows which classes it loads, and those who help it.
    Throwaway,
}

/// A process of one installation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Process {
    /// What it is.
    pub role: Role,
    /// Its id.
    pub pid: i32,
    /// Its arguments, the program first.
    pub arguments: Vec<String>,
}

/// A listening TCP socket.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listening {
    /// Whose it is.
    pub role: Role,
    /// The listener's process.
    pub pid: i32,
    /// Where it listens; IPv4 addresses within IPv6 are given as IPv4.
    pub address: SocketAddr,
}

/// Where the node lives that archives are trained with; it is of no cluster.
const THROWAWAY: &str = "/agent/throwaway/";

fn is_throwaway(arguments: &[String]) -> bool {
    arguments.iter().any(|argument| argument.contains(THROWAWAY))
}

/// Whether a file belongs to the node that archives are trained with, which comes and goes by itself.
pub fn is_of_throwaway(path: &Path) -> bool {
    path.to_string_lossy().contains(THROWAWAY)
}

impl Process {
    /// The processes of the installation in `root`: those of Klamm that run for long, and Java processes, that name the
    /// folder in an argument.
    pub fn of_root(root: &Path) -> Result<Vec<Self>> {
        let inside = format!("{}/", root.display());
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").context("reading /proc")? {
            let entry = entry.context("reading /proc")?;
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
                continue;
            };
            // a process may end while it is looked at
            let Ok(line) = fs::read(entry.path().join("cmdline")) else { continue };
            let arguments: Vec<String> = line
                .split(|byte| *byte == 0)
                .filter(|part| !part.is_empty())
                .map(|part| String::from_utf8_lossy(part).into_owned())
                .collect();
            let names_root = arguments.iter().any(|argument| Path::new(argument) == root)
                || arguments.iter().any(|argument| argument.contains(&inside));
            let role = match arguments.first().and_then(|program| Path::new(program).file_name()) {
                Some(name) if name == "java" && is_throwaway(&arguments) => Role::Throwaway,
                Some(name) if name == "java" => Role::Node,
                Some(_) if arguments.get(1).is_some_and(|verb| verb == "daemon") => Role::Daemon,
                // as `Product::command` begins it: --root ROOT VERB
                Some(_) if arguments.get(3).is_some_and(|verb| verb == "server") => Role::Server,
                Some(_) if arguments.get(3..).is_some_and(|rest| rest == ["agent", "run"]) => Role::Agent,
                Some(_) | None => continue,
            };
            if names_root {
                found.push(Self { role, pid, arguments });
            }
        }
        found.sort();
        Ok(found)
    }

    /// Ends it with SIGKILL.
    pub fn kill(&self) -> Result<()> {
        self.send(Signal::KILL)
    }

    /// Asks it to end with SIGTERM.
    pub fn terminate(&self) -> Result<()> {
        self.send(Signal::TERM)
    }

    fn send(&self, signal: Signal) -> Result<()> {
        let pid = Pid::from_raw(self.pid).context("a process id of 0")?;
        match kill_process(pid, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(error).with_context(|| format!("signalling process {}", self.pid)),
        }
    }

    /// Its environment and its arguments, as other programs of the same user see them.
    pub fn visible(&self) -> Result<Vec<u8>> {
        let folder = PathBuf::from(format!("/proc/{}", self.pid));
        let mut bytes = fs::read(folder.join("cmdline")).context("reading the arguments of a process")?;
        bytes.extend(fs::read(folder.join("environ")).context("reading the environment of a process")?);
        Ok(bytes)
    }

    /// The program file it runs.
    pub fn program(&self) -> Result<PathBuf> {
        fs::read_link(format!("/proc/{}/exe", self.pid)).context("reading the program of a process")
    }

    /// The TCP sockets on which it listens.
    pub fn listening(&self) -> Result<Vec<Listening>> {
        let mut own = BTreeSet::new();
        for entry in
            fs::read_dir(format!("/proc/{}/fd", self.pid)).context("reading the files of a process")?
        {
            let Ok(target) = fs::read_link(entry.context("reading the files of a process")?.path()) else {
                continue;
            };
            let target = target.to_string_lossy().into_owned();
            if let Some(inode) = target.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']')) {
                own.insert(inode.to_owned());
            }
        }
        let mut found = Vec::new();
        for table in ["tcp", "tcp6"] {
            // a kernel without IPv6 has no table of it
            let Ok(text) = fs::read_to_string(format!("/proc/{}/net/{table}", self.pid)) else { continue };
            for line in text.lines().skip(1) {
                let columns: Vec<&str> = line.split_whitespace().collect();
                // columns: number, local address, remote address, state (0A: listening), …, inode as the tenth
                if let [_, local, _, "0A", _, _, _, _, _, inode, ..] = columns[..]
                    && own.contains(inode)
                {
                    let address = parse_address(local).with_context(|| format!("reading address {local}"))?;
                    found.push(Listening { role: self.role, pid: self.pid, address });
                }
            }
        }
        Ok(found)
    }
}

/// `0100007F:2384`: each group of four bytes is a number in the machine's byte order, the port is not.
fn parse_address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let mut bytes = Vec::new();
    for group in address.as_bytes().chunks(8) {
        let number = u32::from_str_radix(std::str::from_utf8(group).ok()?, 16).ok()?;
        bytes.extend(number.to_ne_bytes());
    }
    let address = match <[u8; 4]>::try_from(bytes.as_slice()) {
        Ok(four) => IpAddr::V4(Ipv4Addr::from(four)),
        Err(_) => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?)).to_canonical(),
    };
    Some(SocketAddr::new(address, port))
}
