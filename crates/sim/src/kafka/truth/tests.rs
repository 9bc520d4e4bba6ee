//! The model against what was recorded on real Kafka, without Kafka.

use super::*;

macro_rules! recordings {
    ($($name:literal),*) => {
        &[$(($name, include_str!(concat!("../../../recordings/", $name, ".txt")))),*]
    };
}

/// Every recording in the folder, by name.
const RECORDINGS: &[(&str, &str)] = recordings![
    "leader-killed",
    "back-at-once",
    "leader-stopped",
    "controller-killed",
    "controller-stopped",
    "disk-wiped",
    "slow-recovery",
    "frozen",
    "majority-killed"
];

#[test]
fn a_recording_reads_back_as_it_was_written() {
    for (name, text) in RECORDINGS {
        let recording: Recording = text.parse().unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(recording.to_string(), *text, "{name}");
    }
}

#[test]
fn the_model_does_what_kafka_did() {
    for (name, text) in RECORDINGS {
        let recording: Recording = text.parse().unwrap();
        let found = differences(&recording, 20);
        let told: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert!(told.is_empty(), "{name}\n{}", told.join("\n"));
    }
}
