//! Tests of this module; each name is the sentence that it proves.

use super::*;

fn voter(id: u32) -> Voter {
    Voter {
        id: NodeId(id),
        directory_id: DirectoryId::from_random([id as u8; 16]),
        endpoints: vec![VoterEndpoint { listener: "CONTROLLER".to_owned(), host: "h".to_owned(), port: 9 }],
    }
}

fn format(voters: &[Voter]) -> StorageFormat<'_> {
    StorageFormat {
        version: "4.3.1".parse().unwrap(),
        cluster_id: ClusterId::from_random([7; 16]),
        node_id: NodeId(2),
        directory_id: voter(2).directory_id,
        holds: DirectoryUse::Metadata,
        role: NodeRole::Controller,
        voters,
        timestamp_ms: 1_795_253_385_000,
    }
}

fn paths(format: &StorageFormat<'_>) -> Vec<&'static str> {
    format_storage(format).unwrap().iter().map(|file| file.path).collect()
}

#[test]
fn only_the_metadata_directory_of_a_first_voter_gets_the_quorum() {
    let voters = [voter(1), voter(2)];
    let first = format(&voters);
    assert_eq!(paths(&first), ["bootstrap.checkpoint", INITIAL_QUORUM_CHECKPOINT, "meta.properties"]);
    let without = ["bootstrap.checkpoint", "meta.properties"];
    assert_eq!(paths(&StorageFormat { holds: DirectoryUse::Partitions, ..first.clone() }), without);
    assert_eq!(paths(&StorageFormat { role: NodeRole::Broker, ..first.clone() }), without);
    assert_eq!(paths(&StorageFormat { voters: &[], ..first }), without);
}

#[test]
fn the_snapshots_of_all_controllers_are_the_same_bytes() {
    let voters = [voter(1), voter(2)];
    let second = format(&voters);
    let first = StorageFormat { node_id: NodeId(1), directory_id: voter(1).directory_id, ..second.clone() };
    let (first, second) = (format_storage(&first).unwrap(), format_storage(&second).unwrap());
    assert_eq!(first[..2], second[..2]);
    assert_ne!(first[2], second[2]);
}

#[test]
fn a_controller_that_could_never_vote_is_refused() {
    let others = [voter(1), voter(3)];
    assert_eq!(format_storage(&format(&others)), Err(FormatRefused::NotAVoter { node_id: NodeId(2) }));
    let voters = [voter(1), voter(2)];
    let wrong = StorageFormat { directory_id: voter(9).directory_id, ..format(&voters) };
    assert_eq!(
        format_storage(&wrong),
        Err(FormatRefused::DirectoryDiffers {
            node_id: NodeId(2),
            expected: voter(2).directory_id,
            found: voter(9).directory_id
        })
    );
    let old = StorageFormat { version: "3.8.0".parse().unwrap(), ..format(&voters) };
    assert_eq!(format_storage(&old), Err(FormatRefused::UnknownLine { line: KafkaLine::new(3, 8) }));
}
