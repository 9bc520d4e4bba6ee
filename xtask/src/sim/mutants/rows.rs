//! Bugs that other operators of this kind had, and what stands for each of them here.

use klamm_core::mutant::Mutant;

/// One bug, or one family.
pub(super) struct Row {
    /// Its number, by which people speak of it.
    pub(super) number: u8,
    pub(super) bug: &'static str,
    /// Project and issue.
    pub(super) seen: &'static str,
    /// Those that have it.
    pub(super) mutants: &'static [Mutant],
    /// Where there is none: why, and what holds instead. Else what the mutants leave out.
    pub(super) otherwise: &'static str,
}

const fn row(
    number: u8,
    bug: &'static str,
    seen: &'static str,
    mutants: &'static [Mutant],
    otherwise: &'static str,
) -> Row {
    Row { number, bug, seen, mutants, otherwise }
}

const NO_SCALING: &str = "not yet: pools do not shrink or grow";
const NO_MIGRATION: &str = "not yet: nothing is taken over from ZooKeeper";
const NO_RENEWAL: &str = "not yet: a history lasts minutes, and authorities are not rotated";

use Mutant as M;

/// All of them, by number.
pub(super) const ROWS: &[Row] = &[
    row(
        1,
        "a mark of an earlier cluster of the same name has the new one's disks deleted",
        "pravega/zookeeper-operator 312",
        &[M::ForgetsOnHearsay, M::FormatsLostDisks],
        "",
    ),
    row(
        2,
        "an old view deletes a node that was wanted again, with its disk",
        "pravega/zookeeper-operator 314",
        &[M::ObeysOlder, M::DeletesTheStopped],
        "",
    ),
    row(
        3,
        "the same in five other operators",
        "cass-operator 412, cluster-operator 648, casskop 316, K8SPSMDB-430, K8SPXC-716",
        &[M::ObeysOlder, M::DeletesTheStopped],
        "",
    ),
    row(
        4,
        "an upgrade of the operator begins to remove live brokers",
        "redpanda 12734",
        &[M::ForgetsOnHearsay],
        "a newer Klamm plans nothing by itself: a test of the planner",
    ),
    row(5, "a broker is told by its ordinal instead of its id", "redpanda 11303", &[M::IdsByOrdinal], ""),
    row(
        6,
        "a rule about brokers that are not seen can remove all of them",
        "redpanda 13132, 13298",
        &[M::UnknownIsSafe, M::ForgetsTheUnheard],
        "",
    ),
    row(
        7,
        "progress is kept in memory: a crash leaves a state that nothing handles",
        "casskop 370",
        &[M::ForgetsTheRun],
        "",
    ),
    row(
        8,
        "a crash between two halves of a change: the second never comes",
        "cluster-operator 782",
        &[M::ForgetsTheRun],
        "",
    ),
    row(
        9,
        "killed in the middle of a roll, the rest is never rolled",
        "redpanda 6884",
        &[M::ForgetsTheRun],
        "",
    ),
    row(
        10,
        "a failed reconciliation forgets that the configuration changed",
        "strimzi 2516",
        &[M::ForgetsTheEdit],
        "",
    ),
    row(
        11,
        "a roll that was interrupted does one node and never the rest",
        "strimzi 3913",
        &[M::ForgetsTheRun],
        "",
    ),
    row(
        12,
        "a roll without a point to resume at leaves one broker down",
        "bubuku 158",
        &[M::ForgetsTheRun],
        "",
    ),
    row(
        13,
        "the same in four other operators",
        "K8SPXC-896, K8SPSMDB-578, nifikop 49, K8SSAND-1023",
        &[M::ForgetsTheRun],
        "",
    ),
    row(
        14,
        "down and up again at once is never seen",
        "pravega/zookeeper-operator 453, cluster-operator 758, casskop 342, K8SPXC-918",
        &[M::MissesTargets],
        "",
    ),
    row(15, "a second code path disrupts past the gate", "redpanda-operator 1906", &[M::StopsUnasked], ""),
    row(
        16,
        "what is missing from a look counts as absent",
        "redpanda-operator 1537, 1547",
        &[M::SilentIsGone, M::ForgetsTheUnheard, M::UnknownIsSafe],
        "",
    ),
    row(
        17,
        "the next broker is rolled while the last one still recovers",
        "redpanda-operator 1873",
        &[M::NextBeforeBack, M::ReadyIsEnough],
        "",
    ),
    row(
        18,
        "restarts that the operator did not begin ignore what is in sync",
        "strimzi 3749",
        &[M::StopsUnasked, M::ReadyIsEnough],
        "",
    ),
    row(19, "a broker that still holds replicas is removed", "strimzi before 0.38", &[], NO_SCALING),
    row(20, "a setting that is refused rolls every node", "strimzi 7683, 7685", &[M::GoesOnAfterFailure], ""),
    row(
        21,
        "a rebalance and a roll race each other below min ISR",
        "strimzi proposal 103",
        &[M::ReadyIsEnough],
        "Klamm moves no partitions yet",
    ),
    row(
        22,
        "waiting gives up after some attempts and begins from the front",
        "strimzi 12649",
        &[M::NeverTriesAgain],
        "that progress is waited for however long: tests of the executor",
    ),
    row(
        23,
        "a broker that makes progress is killed for its slowness",
        "strimzi proposal 229",
        &[M::KillsTheSlow],
        "",
    ),
    row(
        24,
        "all nodes are down, and readiness is waited for before anything is started",
        "strimzi 9100, 3710",
        &[M::WaitsForReady],
        "",
    ),
    row(25, "certificates are deleted before the nodes that need them", "strimzi 10231", &[], NO_SCALING),
    row(
        26,
        "an ensemble that lost its quorum can neither shrink nor start",
        "pravega/zookeeper-operator 398, 92, 575",
        &[],
        NO_SCALING,
    ),
    row(
        27,
        "an id comes back on an old disk",
        "pravega/zookeeper-operator 94, 448, 71, 216",
        &[M::FormatsLostDisks, M::IdsByOrdinal],
        "that removal ends before the next creation: with scaling",
    ),
    row(28, "growing needs what is being grown", "anvil 269", &[], NO_SCALING),
    row(
        29,
        "a stuck resource or a lost lock stops everything and nobody says so",
        "strimzi 12004, 9247, 9497, 10990, 7114",
        &[M::DeskNeverForgets],
        "",
    ),
    row(
        30,
        "an unstable order rolls for ever",
        "koperator 320, 202, 447, strimzi 1478, 13079",
        &[M::RendersUnstably],
        "",
    ),
    row(
        31,
        "a live change that is refused becomes an endless restart",
        "strimzi 10253, 7391, 12690",
        &[],
        "not yet: the model of Kafka refuses no live change; tests of executor and planner",
    ),
    row(32, "what a first migration left behind breaks the second", "strimzi 11262", &[], NO_MIGRATION),
    row(
        33,
        "a migration is finished with brokers that are not through",
        "KAFKA-20960, CVE-2024-27309",
        &[],
        NO_MIGRATION,
    ),
    row(34, "the roll begins after certificates have expired", "strimzi 8878", &[], NO_RENEWAL),
    row(
        35,
        "certificates are not renewed, and only a restart shows it",
        "strimzi 8861, 6649, 6136, 12628",
        &[],
        NO_RENEWAL,
    ),
    row(
        36,
        "the operator trusts only the new authority in the middle of a rotation",
        "strimzi 5466",
        &[],
        NO_RENEWAL,
    ),
    row(37, "an authority is renewed and nobody rolled", "strimzi 1094, koperator 827", &[], NO_RENEWAL),
    row(
        38,
        "a reload says that it succeeded and did nothing",
        "KAFKA-20025, 13474, 20437",
        &[],
        "not yet: certificates are no part of the model of Kafka; e2e looks at real handshakes",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_a_mutant_or_a_reason_and_every_mutant_of_others_is_one_of_these() {
        for (row, number) in ROWS.iter().zip(1..) {
            assert_eq!(row.number, number);
            assert!(!row.mutants.is_empty() || !row.otherwise.is_empty(), "{number}");
        }
        let unseen = M::ALL.into_iter().filter(|mutant| !ROWS.iter().any(|row| row.mutants.contains(mutant)));
        assert_eq!(unseen.count(), 0);
    }
}
