//! Our formatted directories against those of Kafka's own tool: golden files always, and the tool itself where
//! `KLAMM_KAFKA_LIBS` names a folder with the jars of `kafka_2.13`.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its own files has failed")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use klamm_core::kafka::storage::{
    DirectoryUse, INITIAL_QUORUM_CHECKPOINT, MetaProperties, StorageFormat, Voter, VoterEndpoint,
    format_storage,
};
use klamm_core::kafka::{KafkaVersion, NodeRole};
use klamm_core::model::{ClusterId, DirectoryId, NodeId};

const CLUSTER: &str = "MkU3OEVBNTcwNTJENDM2Qg";
const GOLDEN_BOOTSTRAP: &[u8] = include_bytes!("golden/storage-4.3/bootstrap.checkpoint");
const GOLDEN_QUORUM: &[u8] = include_bytes!("golden/storage-4.3/initial-quorum.checkpoint");

/// One batch of a snapshot: what must be equal, and what may differ.
#[derive(Debug, PartialEq)]
struct Batch {
    /// The bytes, with length, offsets, attributes and records, but zeros for CRC and times.
    masked: Vec<u8>,
    base_timestamp: i64,
    max_timestamp: i64,
    crc_fits: bool,
}

/// Splits a snapshot at the lengths its batches state. The header record of the quorum's snapshot repeats a time
/// in its value, at byte 73 of the first batch.
fn batches(mut bytes: &[u8], header_repeats_time: bool) -> Vec<Batch> {
    let mut batches = Vec::new();
    while !bytes.is_empty() {
        let length = 12 + u32::from_be_bytes(bytes[8..12].try_into().unwrap()) as usize;
        let (batch, rest) = bytes.split_at(length);
        let time = |at: usize| i64::from_be_bytes(batch[at..at + 8].try_into().unwrap());
        let mut masked = batch.to_vec();
        masked[17..21].fill(0);
        masked[27..43].fill(0);
        if header_repeats_time && batches.is_empty() {
            masked[73..81].fill(0);
        }
        batches.push(Batch {
            masked,
            base_timestamp: time(27),
            max_timestamp: time(35),
            crc_fits: batch[17..21] == crc32c::crc32c(&batch[21..]).to_be_bytes(),
        });
        bytes = rest;
    }
    batches
}

/// Equal but for the times, each batch with a CRC that fits: so the CRC is computed over the right bytes too.
fn assert_same_snapshot(ours: &[u8], kafkas: &[u8], header_repeats_time: bool, what: &str) {
    let (ours, kafkas) = (batches(ours, header_repeats_time), batches(kafkas, header_repeats_time));
    assert_eq!(ours.len(), kafkas.len(), "{what}: number of batches");
    for (ours, kafkas) in ours.iter().zip(&kafkas) {
        assert_eq!(ours.masked, kafkas.masked, "{what}");
        assert!(ours.crc_fits && kafkas.crc_fits, "{what}: CRC");
        assert_eq!(ours.base_timestamp, ours.max_timestamp, "{what}: one time for the whole batch");
    }
}

fn voters(count: u32) -> Vec<Voter> {
    (1..=count)
        .map(|id| {
            let mut bytes = [0; 16];
            bytes[6] = 0x40;
            bytes[8] = 0x80;
            bytes[15] = id as u8;
            let host = if id == 3 { "localhost" } else { "127.0.0.1" };
            let port = 19100 + id as u16;
            Voter {
                id: NodeId(id),
                directory_id: DirectoryId::from_random(bytes),
                endpoints: vec![VoterEndpoint {
                    listener: "CONTROLLER".to_owned(),
                    host: host.to_owned(),
                    port,
                }],
            }
        })
        .collect()
}

fn format<'a>(version: KafkaVersion, role: NodeRole, voters: &'a [Voter]) -> StorageFormat<'a> {
    StorageFormat {
        version,
        cluster_id: CLUSTER.parse::<ClusterId>().unwrap(),
        node_id: NodeId(1),
        directory_id: self::voters(1)[0].directory_id,
        holds: DirectoryUse::Metadata,
        role,
        voters,
        timestamp_ms: 1_795_253_385_000,
    }
}

fn content<'a>(files: &'a [klamm_core::kafka::storage::StorageFile], path: &str) -> &'a [u8] {
    &files.iter().find(|file| file.path == path).unwrap().content
}

#[test]
fn our_snapshots_equal_the_golden_files_of_kafkas_tool() {
    let voters = voters(3);
    let files = format_storage(&format("4.3.1".parse().unwrap(), NodeRole::Combined, &voters)).unwrap();
    assert_same_snapshot(content(&files, "bootstrap.checkpoint"), GOLDEN_BOOTSTRAP, false, "bootstrap");
    assert_same_snapshot(content(&files, INITIAL_QUORUM_CHECKPOINT), GOLDEN_QUORUM, true, "quorum");
    assert_eq!((GOLDEN_BOOTSTRAP.len(), GOLDEN_QUORUM.len()), (411, 344));
}

/// The jars' folder and their version, or `None` with a word about it.
fn kafka() -> Option<(PathBuf, KafkaVersion)> {
    let Some(libs) = std::env::var_os("KLAMM_KAFKA_LIBS").map(PathBuf::from) else {
        println!("skipped: KLAMM_KAFKA_LIBS does not name a folder with Kafka's jars");
        return None;
    };
    let names = fs::read_dir(&libs).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let versions: Vec<KafkaVersion> = names
        .filter_map(|name| name.strip_prefix("kafka_2.13-")?.strip_suffix(".jar")?.parse().ok())
        .collect();
    assert_eq!(versions.len(), 1, "{} holds one kafka_2.13 jar", libs.display());
    Some((libs, versions[0]))
}

/// Formats with Kafka's tool: one directory for the metadata, and one more where there is a broker.
fn format_with_tool(libs: &Path, work: &Path, role: NodeRole, voters: &[Voter]) -> (PathBuf, PathBuf) {
    let (metadata, partitions) = (work.join("metadata"), work.join("partitions"));
    let clients = if role.is_broker() { "CLIENTS://127.0.0.1:19001" } else { "" };
    let controller = if role.is_controller() { "CONTROLLER://127.0.0.1:19101" } else { "" };
    let listeners =
        [clients, controller].into_iter().filter(|one| !one.is_empty()).collect::<Vec<_>>().join(",");
    let properties = work.join("server.properties");
    let text = format!(
        "process.roles={}\nnode.id=1\nlisteners={listeners}\nadvertised.listeners={listeners}\n\
         controller.listener.names=CONTROLLER\ncontroller.quorum.bootstrap.servers=127.0.0.1:19101\n\
         listener.security.protocol.map=CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT\n\
         inter.broker.listener.name=CLIENTS\nlog.dirs={},{}\nmetadata.log.dir={}\n",
        role.process_roles(),
        metadata.display(),
        partitions.display(),
        metadata.display(),
    );
    fs::write(&properties, text).unwrap();
    let mut tool = Command::new("java");
    tool.args([
        "-XX:TieredStopAtLevel=1",
        "-cp",
        &format!("{}/*", libs.display()),
        "kafka.tools.StorageTool",
    ]);
    tool.args(["format", "-t", CLUSTER, "-c"]).arg(&properties);
    if role.is_controller() {
        let list: Vec<String> = voters
            .iter()
            .map(|voter| {
                let VoterEndpoint { host, port, .. } = &voter.endpoints[0];
                format!("{}@{host}:{port}:{}", voter.id, voter.directory_id)
            })
            .collect();
        match list.is_empty() {
            true => tool.arg("--no-initial-controllers"),
            false => tool.args(["--initial-controllers", &list.join(",")]),
        };
    }
    let done = tool.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    (metadata, partitions)
}

/// All files below a folder, as paths relative to it.
fn files_below(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else {
                found.push(entry.strip_prefix(folder).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

fn assert_same_directory(ours: &StorageFormat<'_>, kafkas: &Path, what: &str) {
    let files = format_storage(ours).unwrap();
    let mut paths: Vec<&str> = files.iter().map(|file| file.path).collect();
    paths.sort_unstable();
    assert_eq!(paths, files_below(kafkas), "{what}: files");
    for file in &files {
        let kafkas = fs::read(kafkas.join(file.path)).unwrap();
        if file.path == MetaProperties::FILE {
            let read = |bytes: &[u8]| str::from_utf8(bytes).unwrap().parse::<MetaProperties>().unwrap();
            let (ours, mut kafkas) = (read(&file.content), read(&kafkas));
            if !what.contains("voter") {
                // The tool makes up the id of a directory that is no voter's.
                kafkas.directory_id = ours.directory_id;
            }
            assert_eq!(ours, kafkas, "{what}");
        } else {
            let quorum = file.path == INITIAL_QUORUM_CHECKPOINT;
            assert_same_snapshot(&file.content, &kafkas, quorum, &format!("{what}: {}", file.path));
        }
    }
}

#[test]
fn every_role_is_formatted_as_kafkas_own_tool_does_it() {
    let Some((libs, version)) = kafka() else { return };
    let (none, one, three) = (voters(0), voters(1), voters(3));
    for (what, role, voters) in [
        ("combined, voter", NodeRole::Combined, &three),
        ("controller, voter", NodeRole::Controller, &three),
        ("controller, only voter", NodeRole::Controller, &one),
        ("controller that joins later", NodeRole::Controller, &none),
        ("broker", NodeRole::Broker, &none),
    ] {
        let work = tempfile::tempdir().unwrap();
        let (metadata, partitions) = format_with_tool(&libs, work.path(), role, voters);
        let ours = format(version, role, voters);
        assert_same_directory(&ours, &metadata, what);
        if role.is_broker() {
            let ours = StorageFormat { holds: DirectoryUse::Partitions, ..ours };
            assert_same_directory(&ours, &partitions, "partitions");
        }
    }
}

/// Kafka reads ours: its tool finds a formatted directory and says whose it is.
#[test]
fn kafkas_tool_recognises_a_directory_that_we_formatted() {
    let Some((libs, version)) = kafka() else { return };
    let work = tempfile::tempdir().unwrap();
    let voters = voters(3);
    let folder = work.path().join("metadata");
    for file in format_storage(&format(version, NodeRole::Controller, &voters)).unwrap() {
        let path = folder.join(file.path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, file.content).unwrap();
    }
    let properties = work.path().join("server.properties");
    let text = format!(
        "process.roles=controller\nnode.id=1\nlisteners=CONTROLLER://127.0.0.1:19101\n\
         controller.listener.names=CONTROLLER\ncontroller.quorum.bootstrap.servers=127.0.0.1:19101\n\
         listener.security.protocol.map=CONTROLLER:PLAINTEXT\nlog.dirs={}\n",
        folder.display()
    );
    fs::write(&properties, text).unwrap();
    let done = Command::new("java")
        .args(["-XX:TieredStopAtLevel=1", "-cp", &format!("{}/*", libs.display()), "kafka.tools.StorageTool"])
        .args(["info", "-c"])
        .arg(&properties)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{said}{}", String::from_utf8_lossy(&done.stderr));
    for part in [CLUSTER, "node.id=1", &voters[0].directory_id.to_string()] {
        assert!(said.contains(part), "{part} in {said}");
    }
}
