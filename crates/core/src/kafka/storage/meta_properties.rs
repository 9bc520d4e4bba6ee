//! `meta.properties`: who a data directory belongs to.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::model::{ClusterId, DirectoryId, NodeId};

/// The identity in a data directory, version 1 of the file (KRaft). Its text form is the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetaProperties {
    /// The cluster the directory belongs to.
    pub cluster_id: ClusterId,
    /// The node the directory belongs to.
    pub node_id: NodeId,
    /// The directory's own id; absent on disks that were formatted before Kafka 3.7 and not started since.
    pub directory_id: Option<DirectoryId>,
}

/// Why a file is not a KRaft node's `meta.properties`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MetaPropertiesProblem {
    /// A key that must be there is not.
    #[error("meta.properties has no {key}")]
    Missing {
        /// The key.
        key: &'static str,
    },
    /// A value that cannot be read.
    #[error("meta.properties has {key}={value:?}, which is not valid")]
    Invalid {
        /// The key.
        key: &'static str,
        /// The text beside it.
        value: String,
    },
    /// Another version of the file: 0 is a node of a ZooKeeper cluster.
    #[error("meta.properties has version {version:?}, only version 1 belongs to a KRaft node")]
    Version {
        /// The version found.
        version: String,
    },
}

impl MetaProperties {
    /// The file's name in each data directory.
    pub const FILE: &str = "meta.properties";
}

impl fmt::Display for MetaProperties {
    /// Kafka writes a date as well; it reads comments as nothing, and without one equal ids give equal bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cluster_id, node_id, directory_id } = self;
        writeln!(f, "version=1\ncluster.id={cluster_id}\nnode.id={node_id}")?;
        match directory_id {
            Some(id) => writeln!(f, "directory.id={id}"),
            None => Ok(()),
        }
    }
}

impl FromStr for MetaProperties {
    type Err = MetaPropertiesProblem;
    fn from_str(text: &str) -> Result<Self, MetaPropertiesProblem> {
        // Ids need no escapes; the last of two equal keys wins, as in `java.util.Properties`.
        let find = |key: &str| {
            text.lines()
                .map(str::trim)
                .filter(|line| !line.starts_with(['#', '!']))
                .filter_map(|line| line.split_once(['=', ':']))
                .rfind(|(name, _)| name.trim_end() == key)
                .map(|(_, value)| value.trim())
        };
        fn read<T: FromStr>(key: &'static str, value: &str) -> Result<T, MetaPropertiesProblem> {
            value.parse().map_err(|_| MetaPropertiesProblem::Invalid { key, value: value.to_owned() })
        }
        let need = |key| find(key).ok_or(MetaPropertiesProblem::Missing { key });
        let version = need("version")?;
        if version != "1" {
            return Err(MetaPropertiesProblem::Version { version: version.to_owned() });
        }
        Ok(Self {
            cluster_id: read("cluster.id", need("cluster.id")?)?,
            node_id: NodeId(read("node.id", need("node.id")?)?),
            directory_id: find("directory.id").map(|value| read("directory.id", value)).transpose()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_kafka_wrote_is_read_and_ours_reads_back() {
        let kafka = "#\n#Sat Nov 21 09:29:45 UTC 2026\nnode.id=1\ndirectory.id=AAAAAAAAQACAAAAAAAAAAQ\nversion=1\n\
                     cluster.id=MkU3OEVBNTcwNTJENDM2Qg\n";
        let meta: MetaProperties = kafka.parse().unwrap();
        assert_eq!(meta.node_id, NodeId(1));
        assert_eq!(meta.cluster_id.to_string(), "MkU3OEVBNTcwNTJENDM2Qg");
        assert_eq!(meta.directory_id.unwrap().to_string(), "AAAAAAAAQACAAAAAAAAAAQ");
        assert_eq!(meta.to_string().parse(), Ok(meta));
    }

    #[test]
    fn a_zookeeper_disk_an_empty_file_and_a_damaged_id_are_told_apart() {
        let read = |text: &str| text.parse::<MetaProperties>().unwrap_err();
        assert_eq!(
            read("version=0\nbroker.id=1\n"),
            MetaPropertiesProblem::Version { version: "0".to_owned() }
        );
        assert_eq!(read(""), MetaPropertiesProblem::Missing { key: "version" });
        assert_eq!(
            read("version=1\ncluster.id=short\nnode.id=1"),
            MetaPropertiesProblem::Invalid { key: "cluster.id", value: "short".to_owned() }
        );
    }
}
