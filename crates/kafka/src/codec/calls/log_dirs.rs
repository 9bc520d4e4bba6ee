//! DescribeLogDirs.

use kafka_protocol::messages::{DescribeLogDirsRequest, DescribeLogDirsResponse};

use crate::admin::{LogDir, LogDirReplica, TopicPartition};
use crate::codec::{Call, owned};
use crate::refusal::Refusal;

pub(crate) struct DescribeLogDirs;

impl Call for DescribeLogDirs {
    const NAME: &'static str = "DescribeLogDirs";
    type Wire = DescribeLogDirsRequest;
    type Reply = Vec<LogDir>;

    fn wire(&self, _version: i16) -> DescribeLogDirsRequest {
        DescribeLogDirsRequest::default().with_topics(None)
    }

    fn reply(answer: DescribeLogDirsResponse) -> Result<Vec<LogDir>, Refusal> {
        if let Some(refusal) = Refusal::from_code(answer.error_code, None) {
            return Err(refusal);
        }
        let mut dirs: Vec<LogDir> = answer
            .results
            .into_iter()
            .map(|dir| {
                let mut replicas = Vec::new();
                for topic in dir.topics {
                    for partition in topic.partitions {
                        replicas.push(LogDirReplica {
                            place: TopicPartition::new(topic.name.as_str(), partition.partition_index),
                            size: u64::try_from(partition.partition_size).unwrap_or_default(),
                            lag: partition.offset_lag,
                            future: partition.is_future_key,
                        });
                    }
                }
                replicas.sort_by(|a, b| a.place.cmp(&b.place));
                LogDir {
                    path: owned(dir.log_dir),
                    failure: Refusal::from_code(dir.error_code, None),
                    total_bytes: u64::try_from(dir.total_bytes).ok(),
                    usable_bytes: u64::try_from(dir.usable_bytes).ok(),
                    replicas,
                }
            })
            .collect();
        dirs.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(dirs)
    }
}
