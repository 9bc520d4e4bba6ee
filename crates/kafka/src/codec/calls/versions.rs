//! ApiVersions: what a listener speaks, and the features its cluster has.

use std::collections::BTreeMap;

use kafka_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse};

use crate::admin::{FeatureLevels, Features};
use crate::codec::{CLIENT_ID, Call, Ranges, owned, text};
use crate::refusal::Refusal;

pub(crate) struct ApiVersions;

pub(crate) struct Spoken {
    pub(crate) ranges: Ranges,
    pub(crate) features: Features,
}

impl Call for ApiVersions {
    const NAME: &'static str = "ApiVersions";
    type Wire = ApiVersionsRequest;
    type Reply = Spoken;

    fn wire(&self, _version: i16) -> ApiVersionsRequest {
        ApiVersionsRequest::default()
            .with_client_software_name(text(CLIENT_ID))
            .with_client_software_version(text(env!("CARGO_PKG_VERSION")))
    }

    fn reply(answer: ApiVersionsResponse) -> Result<Spoken, Refusal> {
        if let Some(refusal) = Refusal::from_code(answer.error_code, None) {
            return Err(refusal);
        }
        let ranges =
            answer.api_keys.iter().map(|api| (api.api_key, (api.min_version, api.max_version))).collect();
        let finalized = answer.finalized_features.into_iter().map(|feature| {
            (
                owned(feature.name),
                FeatureLevels { min: feature.min_version_level, max: feature.max_version_level },
            )
        });
        let supported = answer.supported_features.into_iter().map(|feature| {
            (owned(feature.name), FeatureLevels { min: feature.min_version, max: feature.max_version })
        });
        let features = Features {
            epoch: (answer.finalized_features_epoch >= 0).then_some(answer.finalized_features_epoch),
            finalized: finalized.collect::<BTreeMap<_, _>>(),
            supported: supported.collect(),
        };
        Ok(Spoken { ranges, features })
    }
}
