//! Giving the lead of partitions back to their preferred replicas.

use std::collections::BTreeSet;

use klamm_kafka::{Election, ErrorCode, TopicPartition};

use super::{ACT, KafkaLink, KafkaLinkError, all_taken};

impl KafkaLink {
    /// Has the preferred replicas of `partitions` lead; whether they do is for the next look to say.
    pub(crate) async fn elect_preferred(
        &self,
        partitions: &BTreeSet<(String, i32)>,
    ) -> Result<(), KafkaLinkError> {
        let operation = "elect preferred leaders";
        let places = partitions.iter().map(|(topic, index)| TopicPartition::new(topic.as_str(), *index));
        let elected = self.cluster.elect_leaders(Election::Preferred, Some(places.collect()), ACT).await;
        let elected = elected.map_err(|source| KafkaLinkError::Operation { operation, source })?;
        all_taken(
            operation,
            elected.into_iter().map(|(_, result)| match result {
                Err(refusal) if refusal.code == ErrorCode::ELECTION_NOT_NEEDED => Ok(()),
                other => other,
            }),
        )
    }
}
