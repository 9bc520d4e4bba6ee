//! Facts about the host: its name, memory, processors, and the ports that are taken.

mod listening;

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener, ToSocketAddrs as _};

use klamm_core::model::ByteCount;

/// The host's own name.
pub fn name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Memory that processes may use: the machine's, or the control group's limit where that is less.
pub(crate) fn memory() -> ByteCount {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kibibytes << 10)
    });
    let limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    let limits = limits.iter().filter_map(|path| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok());
    ByteCount(limits.chain(machine).min().unwrap_or(0))
}

/// Processors that processes may use; affinity and control groups are taken into account.
pub(crate) fn processors() -> u32 {
    std::thread::available_parallelism().map_or(1, |count| u32::try_from(count.get()).unwrap_or(u32::MAX))
}

/// The loopback address of a laptop: 127.0.0.1, or ::1 where that is all there is.
pub fn loopback() -> IpAddr {
    let usable = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).is_ok();
    if usable { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() }
}

/// The name under which programs of this machine reach `address`: `localhost`, where it leads there.
pub(crate) fn advertised(address: IpAddr) -> String {
    let leads_there =
        ("localhost", 0).to_socket_addrs().is_ok_and(|mut all| all.any(|at| at.ip() == address));
    if leads_there { "localhost".to_owned() } else { address.to_string() }
}

/// TCP ports that something listens on, whatever the address.
pub(crate) fn ports_taken() -> BTreeSet<u16> {
    // Sandboxes and old kernels have only the tables.
    listening::ports().unwrap_or_else(|_| ports_in_tables())
}

fn ports_in_tables() -> BTreeSet<u16> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let texts: Vec<String> = tables.iter().filter_map(|path| fs::read_to_string(path).ok()).collect();
    texts.iter().flat_map(|text| text.lines().filter_map(listening_port)).collect()
}

/// The port of a line of `/proc/net/tcp` that is in state LISTEN (0A).
fn listening_port(line: &str) -> Option<u16> {
    let mut fields = line.split_whitespace();
    let local = fields.nth(1)?;
    let state = fields.nth(1)?;
    let (_, port) = local.rsplit_once(':')?;
    (state == "0A").then(|| u16::from_str_radix(port, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listening_port_is_seen_as_taken() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(ports_taken().contains(&port));
        assert!(ports_in_tables().contains(&port));
    }

    #[test]
    fn memory_and_processors_are_known_on_linux() {
        assert!(memory() > ByteCount::mebibytes(64));
        assert!(processors() >= 1);
    }
}
