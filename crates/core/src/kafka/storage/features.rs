//! The features that a new cluster of each line finalises, from `cargo xtask kafka-tables`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::kafka::KafkaLine;

/// A feature and the level at which a cluster finalises it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeatureLevel {
    /// Kafka's name of it, for example `metadata.version`.
    pub name: &'static str,
    /// The level; never 0, which means absent.
    pub level: i16,
}

static LEVELS: LazyLock<BTreeMap<KafkaLine, Vec<FeatureLevel>>> = LazyLock::new(|| {
    let mut lines: BTreeMap<KafkaLine, Vec<FeatureLevel>> = BTreeMap::new();
    for row in include_str!("../../../data/kafka-features.tsv").lines().filter(|row| !row.starts_with('#')) {
        let mut cells = row.split('\t');
        let mut cell = || cells.next().expect("the generated table has three cells in each row");
        let line = cell().parse().expect("the first cell of the generated table is a line of Kafka");
        let name = cell();
        let level = cell().parse().expect("the third cell of the generated table is a level");
        lines.entry(line).or_default().push(FeatureLevel { name, level });
    }
    lines
});

/// What `kafka-storage format --release-version LINE` writes into `bootstrap.checkpoint`, in its order; `None`
/// for a line that is not in the table. `kraft.version` is not in it: it lives in the quorum's own snapshot.
pub fn feature_levels(line: KafkaLine) -> Option<&'static [FeatureLevel]> {
    LEVELS.get(&line).map(Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_begins_with_its_metadata_version() {
        for (line, level) in [("3.9", 21), ("4.0", 25), ("4.1", 27), ("4.2", 29), ("4.3", 30)] {
            let levels = feature_levels(line.parse().unwrap()).unwrap();
            assert_eq!(levels[0], FeatureLevel { name: "metadata.version", level }, "{line}");
            assert!(
                levels.iter().all(|feature| feature.level > 0 && feature.name != "kraft.version"),
                "{line}"
            );
            assert!(levels[1..].is_sorted_by_key(|feature| feature.name), "{line}");
        }
        assert_eq!(feature_levels(KafkaLine::new(2, 8)), None);
    }
}
