//! Ports for a story's spec, in a block of its own.

/// Stories that are told at the same time take blocks of their own: a port that is free when it is chosen may be taken
/// when it is bound, and that of a node which is down is free. Controllers listen 20,000 higher, which must stay below
/// the ports of outgoing connections (32,768).
const LOWEST: u32 = 9_200;
const BLOCK: u32 = 10;
const BLOCKS: u32 = 350;

/// The spec with numbers for the words `CLIENTS`, `INTERNAL` and `CONTROLLER`.
pub fn with_own_ports(spec: &str) -> String {
    let port = LOWEST + std::process::id() % BLOCKS * BLOCK;
    [("CLIENTS", 0), ("INTERNAL", 10_000), ("CONTROLLER", 20_000)]
        .into_iter()
        .fold(spec.to_owned(), |spec, (name, above)| spec.replace(name, &(port + above).to_string()))
}
