//! Settings inside Kafka: what brokers say of theirs, and edits.

use std::collections::{BTreeMap, BTreeSet};

use klamm_core::model::NodeId;
use klamm_core::model::inventory::{BrokerSetting, KafkaView};
use klamm_core::model::plan::LiveSetting;
use klamm_core::planner::alter::{Edits, edits};
use klamm_kafka::{ConfigChange, ConfigEdit, ConfigEntry, ConfigResource, ConfigSource, Refusal};

use super::{ACT, KafkaLink, KafkaLinkError, LOOK, all_taken};

impl KafkaLink {
    /// The settings that brokers can alter live, as each tells its own; one that does not answer is left out.
    pub(crate) async fn look_at_brokers(
        &self,
        brokers: impl IntoIterator<Item = NodeId>,
    ) -> BTreeMap<NodeId, BTreeMap<String, BrokerSetting>> {
        let deadline = klamm_kafka::Deadline::after(LOOK);
        let asked = brokers.into_iter().map(async |id| {
            let number = i32::try_from(id.0).ok()?;
            match self.cluster.describe_broker_configs(number, deadline).await {
                Ok(Ok(entries)) => Some((id, of_broker(entries))),
                Ok(Err(error)) => {
                    tracing::debug!(node = %id, %error, "a broker does not tell its settings");
                    None
                }
                Err(error) => {
                    tracing::debug!(node = %id, %error, "a broker cannot be asked for its settings");
                    None
                }
            }
        });
        futures_util::future::join_all(asked).await.into_iter().flatten().collect()
    }

    /// One round of edits, from what the brokers say at this moment.
    pub(super) async fn alter(&self, settings: &BTreeMap<String, LiveSetting>) -> Result<(), KafkaLinkError> {
        let operation = "describe cluster settings";
        let defaults = self.cluster.describe_configs(vec![ConfigResource::ClusterDefault], LOOK).await;
        let defaults = defaults.map_err(|source| KafkaLinkError::Operation { operation, source })?;
        let brokers: BTreeSet<NodeId> =
            settings.values().flat_map(|setting| setting.values.keys().copied()).collect();
        let view = KafkaView {
            cluster_config: of_cluster(defaults)?,
            broker_config: self.look_at_brokers(brokers).await,
            ..KafkaView::default()
        };
        let Edits { of_cluster, of_brokers } = edits(settings, &view);
        let mut changes: Vec<(ConfigResource, BTreeMap<String, Option<String>>)> = Vec::new();
        if !of_cluster.is_empty() {
            changes.push((ConfigResource::ClusterDefault, of_cluster));
        }
        for (id, edits) in of_brokers {
            changes.push((ConfigResource::Broker(i32::try_from(id.0).unwrap_or(i32::MAX)), edits));
        }
        self.configure(changes).await
    }

    /// Sets what has a value and takes away what has none.
    pub(super) async fn configure(
        &self,
        changes: Vec<(ConfigResource, BTreeMap<String, Option<String>>)>,
    ) -> Result<(), KafkaLinkError> {
        let operation = "alter settings";
        let changes = changes.into_iter().map(|(resource, edits)| {
            let edits = edits.into_iter().map(|(key, value)| match value {
                Some(value) => ConfigEdit::set(key, value),
                None => ConfigEdit::delete(key),
            });
            ConfigChange { resource, edits: edits.collect() }
        });
        let altered = self.cluster.alter_configs(changes.collect(), false, ACT).await;
        let altered = altered.map_err(|source| KafkaLinkError::Operation { operation, source })?;
        all_taken(operation, altered.into_iter().map(|(_, result)| result))
    }
}

/// What was altered for all brokers.
pub(super) fn of_cluster(
    described: Vec<(ConfigResource, Result<Vec<ConfigEntry>, Refusal>)>,
) -> Result<BTreeMap<String, String>, KafkaLinkError> {
    let operation = "describe cluster settings";
    let mut settings = BTreeMap::new();
    for (_, entries) in described {
        let entries = entries.map_err(|source| KafkaLinkError::Refused { operation, source })?;
        let set = entries.into_iter().filter(|entry| entry.source == ConfigSource::ClusterDefault);
        settings.extend(set.filter_map(|entry| Some((entry.name, entry.value?))));
    }
    Ok(settings)
}

/// What a broker tells of what it can alter. Of keys with a listener's prefix Kafka says that none can be altered,
/// also where it can.
fn of_broker(entries: Vec<ConfigEntry>) -> BTreeMap<String, BrokerSetting> {
    let live = entries
        .into_iter()
        .filter(|entry| !entry.sensitive && (!entry.read_only || entry.name.starts_with("listener.name.")));
    let setting = |entry: ConfigEntry| {
        let from = |source| {
            let mut own = entry.synonyms.iter().filter(|synonym| synonym.name == entry.name);
            own.find(|synonym| synonym.source == source).and_then(|synonym| synonym.value.clone())
        };
        let told = BrokerSetting {
            started_with: from(ConfigSource::File).or_else(|| from(ConfigSource::Default)),
            of_cluster: from(ConfigSource::ClusterDefault),
            of_broker: from(ConfigSource::Broker),
            in_force: entry.value,
        };
        (entry.name, told)
    };
    live.map(setting).collect()
}

#[cfg(test)]
mod tests {
    use klamm_kafka::ConfigSynonym;

    use super::*;

    fn entry(name: &str, value: Option<&str>, synonyms: &[(&str, &str, ConfigSource)]) -> ConfigEntry {
        let synonym = |(name, value, source): &(&str, &str, ConfigSource)| ConfigSynonym {
            name: (*name).to_owned(),
            value: Some((*value).to_owned()),
            source: *source,
        };
        ConfigEntry {
            name: name.to_owned(),
            value: value.map(str::to_owned),
            source: ConfigSource::Default,
            read_only: false,
            sensitive: false,
            synonyms: synonyms.iter().map(synonym).collect(),
        }
    }

    #[test]
    fn what_a_broker_started_with_is_told_from_what_was_altered_and_from_keys_that_stand_in() {
        let told = of_broker(vec![
            entry(
                "num.io.threads",
                Some("3"),
                &[
                    ("num.io.threads", "3", ConfigSource::Broker),
                    ("num.io.threads", "4", ConfigSource::ClusterDefault),
                    ("num.io.threads", "9", ConfigSource::File),
                    ("num.io.threads", "8", ConfigSource::Default),
                ],
            ),
            entry("log.retention.ms", None, &[("log.retention.hours", "168", ConfigSource::Default)]),
            ConfigEntry { read_only: true, ..entry("node.id", Some("1"), &[]) },
            ConfigEntry { sensitive: true, ..entry("ssl.key.password", None, &[]) },
            ConfigEntry { read_only: true, ..entry("listener.name.a.max.connections", Some("5"), &[]) },
        ]);
        let text = |value: &str| Some(value.to_owned());
        assert_eq!(
            told["num.io.threads"],
            BrokerSetting {
                in_force: text("3"),
                started_with: text("9"),
                of_cluster: text("4"),
                of_broker: text("3")
            }
        );
        assert_eq!(told["log.retention.ms"], BrokerSetting::default());
        let keys: Vec<&str> = told.keys().map(String::as_str).collect();
        assert_eq!(keys, ["listener.name.a.max.connections", "log.retention.ms", "num.io.threads"]);
    }
}
