//! From the document to the model: first its shape, key by key, then its values.
//!
//! What cannot be read is reported and replaced by its default, so that reading goes on and everything else is
//! reported too; a model with replaced parts never leaves the crate.

mod conform;
mod fleet;
mod jvm;
mod people;
mod place;
mod rest;

use klamm_core::kafka::properties::PropertyTable;
use klamm_core::kafka::{KafkaVersion, Profile};
use klamm_core::model::{Cluster, ClusterName, InvalidName};

pub(crate) use conform::describe;
pub(crate) use place::{Place, Problems, Spot};

use crate::check::Context;
use crate::problem::Code;
use crate::properties::{Layer, Properties};
use crate::shape::CLUSTER;

/// Reads the whole model.
pub(crate) fn read(root: &Place<'_>, context: &Context, problems: &mut Problems) -> Cluster {
    conform::check_shape(root, &CLUSTER, problems);
    let profile = root.get("profile").and_then(|place| profile(&place)).unwrap_or(Profile::Laptop);
    let kafka = kafka_version(root, context, problems);
    let pools = fleet::pools(root, profile, problems);
    let listeners = fleet::listeners(root, problems);
    let own_listeners = fleet::RESERVED_LISTENERS.map(|(name, _)| name.to_owned());
    let properties = Properties {
        line: kafka.line(),
        table: properties_table(kafka, context),
        listeners: listeners.keys().map(ToString::to_string).chain(own_listeners).collect(),
    };
    let mut cluster = Cluster {
        name: root
            .get("cluster")
            .and_then(|place| named(&place, problems, "write a short name such as `telemetry`"))
            .unwrap_or_else(nameless),
        profile,
        kafka,
        pools,
        listeners,
        ports: fleet::ports(root),
        certificates: people::certificates(root, problems),
        topics: [].into(),
        users: people::users(root, problems),
        config: properties.read(root.get("config").as_ref(), Layer::Cluster, problems),
        components: rest::components(root, problems),
        monitoring: rest::monitoring(root),
        policy: rest::policy(root, problems),
        artifacts: rest::artifacts(root, problems),
    };
    fleet::pool_configs(root, &properties, &mut cluster.pools, problems);
    cluster.topics = people::topics(root, &properties, cluster.brokers(), problems);
    cluster
}

/// Stands in for a name that could not be read.
fn nameless() -> ClusterName {
    "nameless".parse().expect("a lower-case word is a cluster name")
}

fn profile(place: &Place<'_>) -> Option<Profile> {
    match place.scalar()? {
        "laptop" => Some(Profile::Laptop),
        "production" => Some(Profile::Production),
        _ => None,
    }
}

fn kafka_version(root: &Place<'_>, context: &Context, problems: &mut Problems) -> KafkaVersion {
    let newest = context.supported_versions.iter().max().copied();
    let fallback = context.running_version.or(newest).unwrap_or_else(newest_line);
    let Some(place) = root.get("kafka") else { return fallback };
    let Some(text) = place.scalar() else { return fallback };
    let read: Result<KafkaVersion, InvalidName> = text.parse();
    if let Ok(version) = read
        && context.supported_versions.contains(&version)
    {
        return version;
    }
    let message = match &read {
        Ok(version) => format!("this Klamm does not know Kafka {version}"),
        Err(problem) => problem.to_string(),
    };
    let mut supported: Vec<String> = context.supported_versions.iter().map(ToString::to_string).collect();
    supported.sort();
    let help = format!("write one of {}", supported.join(", "));
    problems.error(Code::UnsupportedVersion, place.spot(), message, help);
    fallback
}

/// Only for a caller that supports no version at all: something to check the rest against.
fn newest_line() -> KafkaVersion {
    let line = PropertyTable::lines().last().expect("there is a table of properties");
    format!("{line}.0").parse().expect("a line and a patch are a version")
}

/// The table of the line, or of the newest one if Klamm has none: most keys are the same.
fn properties_table(version: KafkaVersion, context: &Context) -> Option<&'static PropertyTable> {
    let newest = context.supported_versions.iter().max().map(|version| version.line());
    PropertyTable::for_line(version.line())
        .or_else(|| PropertyTable::for_line(newest?))
        .or_else(|| PropertyTable::for_line(PropertyTable::lines().last()?))
}

/// Reads text into a type that checks itself, and reports what it says.
fn named<T>(place: &Place<'_>, problems: &mut Problems, help: &str) -> Option<T>
where
    T: std::str::FromStr<Err = InvalidName>,
{
    match place.scalar()?.parse() {
        Ok(value) => Some(value),
        Err(problem) => {
            problems.error(Code::InvalidValue, place.spot(), problem.to_string(), help);
            None
        }
    }
}

/// Reads a key that people chose.
fn name_of<T>(key: &str, place: &Place<'_>, problems: &mut Problems, help: &str) -> Option<T>
where
    T: std::str::FromStr<Err = InvalidName>,
{
    match key.parse() {
        Ok(value) => Some(value),
        Err(problem) => {
            problems.error(Code::InvalidValue, place.key_spot(), problem.to_string(), help);
            None
        }
    }
}
