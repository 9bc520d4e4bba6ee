//! DescribeCluster: the nodes behind a listener, and who controls them.

use kafka_protocol::messages::{DescribeClusterRequest, DescribeClusterResponse};

use crate::address::Address;
use crate::admin::{ClusterDescription, NodeDescription};
use crate::cluster::Endpoint;
use crate::codec::{Call, node, owned};
use crate::refusal::Refusal;

pub(crate) struct DescribeCluster {
    pub(crate) endpoint: Endpoint,
}

const ENDPOINT_BROKERS: i8 = 1;
const ENDPOINT_CONTROLLERS: i8 = 2;
/// From here on a fenced broker is listed too, when asked for.
const WITH_FENCED: i16 = 2;

impl Call for DescribeCluster {
    const NAME: &'static str = "DescribeCluster";
    type Wire = DescribeClusterRequest;
    type Reply = ClusterDescription;

    fn wire(&self, version: i16) -> DescribeClusterRequest {
        let endpoint = match self.endpoint {
            Endpoint::Brokers => ENDPOINT_BROKERS,
            Endpoint::Controllers => ENDPOINT_CONTROLLERS,
        };
        DescribeClusterRequest::default()
            .with_endpoint_type(endpoint)
            .with_include_fenced_brokers(version >= WITH_FENCED && self.endpoint == Endpoint::Brokers)
    }

    fn reply(answer: DescribeClusterResponse) -> Result<ClusterDescription, Refusal> {
        if let Some(refusal) = Refusal::from_code(answer.error_code, answer.error_message.map(owned)) {
            return Err(refusal);
        }
        let mut nodes: Vec<NodeDescription> = answer
            .brokers
            .into_iter()
            .map(|broker| NodeDescription {
                id: broker.broker_id.0,
                address: Address::new(owned(broker.host), u16::try_from(broker.port).unwrap_or_default()),
                rack: broker.rack.map(owned),
                fenced: broker.is_fenced,
            })
            .collect();
        nodes.sort_by_key(|node| node.id);
        Ok(ClusterDescription {
            cluster_id: owned(answer.cluster_id),
            controller: node(answer.controller_id.0),
            nodes,
        })
    }
}
