//! DescribeConfigs and IncrementalAlterConfigs.

use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::DescribeConfigsSynonym;
use kafka_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::{
    DescribeConfigsRequest, DescribeConfigsResponse, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
};

use crate::admin::{ConfigChange, ConfigEntry, ConfigOperation, ConfigResource, ConfigSource, ConfigSynonym};
use crate::codec::{Call, owned, text};
use crate::refusal::Refusal;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;

fn place(resource: &ConfigResource) -> (i8, String) {
    match resource {
        ConfigResource::Topic(name) => (TOPIC, name.clone()),
        ConfigResource::Broker(id) => (BROKER, id.to_string()),
        ConfigResource::ClusterDefault => (BROKER, String::new()),
    }
}

fn resource(kind: i8, name: &str) -> Option<ConfigResource> {
    match (kind, name) {
        (TOPIC, name) => Some(ConfigResource::Topic(name.to_owned())),
        (BROKER, "") => Some(ConfigResource::ClusterDefault),
        (BROKER, id) => id.parse().ok().map(ConfigResource::Broker),
        _ => None,
    }
}

fn source(code: i8) -> ConfigSource {
    match code {
        1 => ConfigSource::Topic,
        2 => ConfigSource::Broker,
        3 => ConfigSource::ClusterDefault,
        4 => ConfigSource::File,
        5 => ConfigSource::Default,
        6 => ConfigSource::BrokerLogger,
        7 => ConfigSource::ClientMetrics,
        8 => ConfigSource::Group,
        other => ConfigSource::Unknown(other),
    }
}

pub(crate) struct DescribeConfigs {
    pub(crate) resources: Vec<ConfigResource>,
    pub(crate) with_synonyms: bool,
}

impl Call for DescribeConfigs {
    const NAME: &'static str = "DescribeConfigs";
    type Wire = DescribeConfigsRequest;
    type Reply = Vec<(ConfigResource, Result<Vec<ConfigEntry>, Refusal>)>;

    fn wire(&self, _version: i16) -> DescribeConfigsRequest {
        let resources = self.resources.iter().map(|resource| {
            let (kind, name) = place(resource);
            DescribeConfigsResource::default()
                .with_resource_type(kind)
                .with_resource_name(text(&name))
                .with_configuration_keys(None)
        });
        DescribeConfigsRequest::default()
            .with_resources(resources.collect())
            .with_include_synonyms(self.with_synonyms)
    }

    fn reply(answer: DescribeConfigsResponse) -> Result<Self::Reply, Refusal> {
        answer
            .results
            .into_iter()
            .map(|result| {
                let resource = resource(result.resource_type, &result.resource_name)
                    .ok_or_else(|| Refusal::malformed("the answer is about an unknown kind of resource"))?;
                let described = match Refusal::from_code(result.error_code, result.error_message.map(owned)) {
                    Some(refusal) => Err(refusal),
                    None => Ok(result
                        .configs
                        .into_iter()
                        .map(|config| ConfigEntry {
                            name: owned(config.name),
                            value: config.value.map(owned),
                            source: source(config.config_source),
                            read_only: config.read_only,
                            sensitive: config.is_sensitive,
                            synonyms: config.synonyms.into_iter().map(synonym).collect(),
                        })
                        .collect()),
                };
                Ok((resource, described))
            })
            .collect()
    }
}

fn synonym(told: DescribeConfigsSynonym) -> ConfigSynonym {
    ConfigSynonym { name: owned(told.name), value: told.value.map(owned), source: source(told.source) }
}

pub(crate) struct IncrementalAlterConfigs {
    pub(crate) changes: Vec<ConfigChange>,
    pub(crate) validate_only: bool,
}

impl Call for IncrementalAlterConfigs {
    const NAME: &'static str = "IncrementalAlterConfigs";
    type Wire = IncrementalAlterConfigsRequest;
    type Reply = Vec<(ConfigResource, Result<(), Refusal>)>;

    fn wire(&self, _version: i16) -> IncrementalAlterConfigsRequest {
        let resources = self.changes.iter().map(|change| {
            let (kind, name) = place(&change.resource);
            let configs = change.edits.iter().map(|edit| {
                let (operation, value) = match &edit.operation {
                    ConfigOperation::Set(value) => (0, Some(text(value))),
                    ConfigOperation::Delete => (1, None),
                    ConfigOperation::Append(value) => (2, Some(text(value))),
                    ConfigOperation::Subtract(value) => (3, Some(text(value))),
                };
                AlterableConfig::default()
                    .with_name(text(&edit.name))
                    .with_config_operation(operation)
                    .with_value(value)
            });
            AlterConfigsResource::default()
                .with_resource_type(kind)
                .with_resource_name(text(&name))
                .with_configs(configs.collect())
        });
        IncrementalAlterConfigsRequest::default()
            .with_resources(resources.collect())
            .with_validate_only(self.validate_only)
    }

    fn reply(answer: IncrementalAlterConfigsResponse) -> Result<Self::Reply, Refusal> {
        answer
            .responses
            .into_iter()
            .map(|response| {
                let resource = resource(response.resource_type, &response.resource_name)
                    .ok_or_else(|| Refusal::malformed("the answer is about an unknown kind of resource"))?;
                let refusal = Refusal::from_code(response.error_code, response.error_message.map(owned));
                Ok((resource, refusal.map_or(Ok(()), Err)))
            })
            .collect()
    }
}
