//! How Java is started for a node.

use crate::kafka::{NodeRole, Profile};
use crate::model::ByteCount;

/// An option of the Java command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JvmFlag {
    /// As it is written.
    pub option: String,
    /// Why it is there.
    pub reason: &'static str,
}

/// A heap's size, and how it came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeapChoice {
    /// The size.
    pub size: ByteCount,
    /// Why this size.
    pub reason: &'static str,
}

/// Enough for three nodes on one small machine. Measured after the start of three combined nodes of 4.3.1: 280 to
/// 300 MiB resident each with `-Xms96m`, 380 to 415 with `-Xms512m`, at the same processor time.
const LAPTOP: ByteCount = ByteCount::mebibytes(512);
/// Kafka's data lives in the page cache; a larger heap only takes memory from it.
const LARGEST: ByteCount = ByteCount::gibibytes(6);
/// The metadata of a hundred thousand partitions fits.
const CONTROLLER: ByteCount = ByteCount::gibibytes(2);
/// Below it a node does not start reliably (24 MiB ended in an out-of-memory error within seconds).
const SMALLEST: ByteCount = ByteCount::mebibytes(256);

/// The heap of a node for which the spec says `auto`. `memory` is what the host has for this node.
pub fn heap(profile: Profile, role: NodeRole, memory: ByteCount) -> HeapChoice {
    match (profile, role) {
        (Profile::Laptop, _) => HeapChoice {
            size: LAPTOP,
            reason: "the laptop profile's, so that three nodes fit beside everything else",
        },
        (Profile::Production, NodeRole::Controller) => HeapChoice {
            size: CONTROLLER.min(half(memory)).max(SMALLEST),
            reason: "a controller's, at most half of the host's memory: it holds metadata and no records",
        },
        (Profile::Production, NodeRole::Broker | NodeRole::Combined) => HeapChoice {
            size: ByteCount::mebibytes(memory.whole_mebibytes() / 4).min(LARGEST).max(SMALLEST),
            reason: "a quarter of the host's memory, at most 6 GiB: the page cache needs the rest",
        },
    }
}

fn half(memory: ByteCount) -> ByteCount {
    ByteCount::mebibytes(memory.whole_mebibytes() / 2)
}

/// The options of a node's Java that need no path, in order. `heap_wanted` is the spec's; without it see [`heap`].
pub fn jvm_flags(
    profile: Profile,
    role: NodeRole,
    heap_wanted: Option<ByteCount>,
    memory: ByteCount,
) -> Vec<JvmFlag> {
    let HeapChoice { size, reason } = match heap_wanted {
        Some(size) => HeapChoice { size, reason: "the spec's" },
        None => heap(profile, role, memory),
    };
    let mebibytes = size.whole_mebibytes();
    let mut flags = vec![JvmFlag { option: format!("-Xmx{mebibytes}m"), reason }];
    let mut add = |option: &str, reason| flags.push(JvmFlag { option: option.to_owned(), reason });
    match profile {
        Profile::Laptop => {
            add("-Xms96m", "memory is taken when it is needed: nodes on a laptop are idle most of the time");
            add("-XX:+UseSerialGC", "least memory and fewest threads; its pauses are short on a small heap");
            add(
                "-XX:TieredStopAtLevel=1",
                "starts with two thirds of the processor time, at the price of throughput later",
            );
        }
        Profile::Production => {
            add(
                &format!("-Xms{mebibytes}m"),
                "a heap that never grows finds out at the start whether the memory is there",
            );
            add("-XX:+AlwaysPreTouch", "memory is touched at the start and not in the first busy hour");
            add(
                "-XX:MaxDirectMemorySize=1g",
                "network buffers are bounded apart from the heap, whose size is the default",
            );
            add("-XX:+UseG1GC", "Kafka's own choice; on hosts with little memory Java would choose another");
            add(
                "-XX:MaxGCPauseMillis=20",
                "Kafka's own choice: a pause holds up every partition's followers",
            );
            add(
                "-XX:InitiatingHeapOccupancyPercent=35",
                "Kafka's own choice: collect early, before a spike of requests",
            );
            add(
                "-XX:+ExplicitGCInvokesConcurrent",
                "Kafka's own choice: freeing mapped files must not stop everything",
            );
        }
    }
    add(
        "-XX:+ExitOnOutOfMemoryError",
        "a node that lacks memory half works: end it, it is restarted (exit code 3)",
    );
    add(
        "-XX:+PerfDisableSharedMem",
        "statistics in a mapped file stall the collector when that disk is busy",
    );
    add("-Djava.awt.headless=true", "no library may look for a display");
    flags
}

/// [`jvm_flags`] as they are written.
pub fn jvm_options(
    profile: Profile,
    role: NodeRole,
    heap_wanted: Option<ByteCount>,
    memory: ByteCount,
) -> Vec<String> {
    jvm_flags(profile, role, heap_wanted, memory).into_iter().map(|flag| flag.option).collect()
}

/// The collector's log, as Kafka's scripts have it, but bounded lower and written by a thread of its own
/// (`async`, from Java 17): a full or slow disk must not lengthen pauses. `logs` is a folder.
pub fn gc_log_option(profile: Profile, logs: &str) -> Vec<String> {
    match profile {
        Profile::Laptop => Vec::new(),
        Profile::Production => vec![
            "-Xlog:async".to_owned(),
            format!("-Xlog:gc*:file={logs}/gc.log:time,tags:filecount=5,filesize=20M"),
        ],
    }
}
