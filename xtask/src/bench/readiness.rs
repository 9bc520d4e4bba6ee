//! When three nodes are ready, for whoever started them: every listener shakes hands, and a write that waits for all
//! in-sync replicas succeeds on every broker.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use klamm_kafka::{
    Address, Cluster, ConnectOptions, Connection, Deadline, Endpoint, NewTopic, Producer, ProducerOptions,
    Record, TopicSelection,
};

/// Nodes of a measured cluster.
pub(super) const NODES: usize = 3;
/// A start that takes longer is a failed one.
const PATIENCE: Duration = Duration::from_secs(120);
/// Between two looks; a look at a closed port costs microseconds.
const PAUSE: Duration = Duration::from_millis(20);

/// A listener, and how to speak to it.
pub(super) struct Way {
    pub(super) address: Address,
    pub(super) options: ConnectOptions,
    /// Whether clients write through it.
    pub(super) serves_clients: bool,
}

/// Returns as soon as the nodes behind `ways` are ready.
pub(super) fn await_ready(ways: &[Way]) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let deadline = Deadline::after(PATIENCE);
        for way in ways {
            await_handshake(way, deadline).await?;
        }
        await_writes(ways, deadline).await
    })
}

/// The first exchange shows that the listener accepted the certificate.
async fn await_handshake(way: &Way, deadline: Deadline) -> Result<()> {
    loop {
        match Connection::open(&way.address, &way.options).await {
            Ok(_) => return Ok(()),
            Err(error) if deadline.has_passed() => return Err(error).context("a listener stays closed"),
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

async fn await_writes(ways: &[Way], deadline: Deadline) -> Result<()> {
    let clients: Vec<&Way> = ways.iter().filter(|way| way.serves_clients).collect();
    let options = clients.first().context("no listener serves clients")?.options.clone();
    let bootstrap = clients.iter().map(|way| way.address.clone()).collect();
    let cluster = Cluster::new(bootstrap, Endpoint::Brokers, options);
    loop {
        let described = cluster.describe_cluster(deadline).await?;
        if described.nodes.iter().filter(|node| !node.fenced).count() == NODES {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    for attempt in 0.. {
        ensure!(!deadline.has_passed(), "no topic has a leader on every broker");
        let topic = format!("ready-{attempt}");
        if make_topic(&cluster, &topic, deadline).await? == NODES {
            let mut producer = Producer::new(&cluster, ProducerOptions::default());
            let partitions = 0..i32::try_from(NODES).expect("three is a number");
            let record = |partition| Record {
                value: Some("x".into()),
                partition: Some(partition),
                ..Record::default()
            };
            producer.send(&topic, partitions.map(record).collect(), deadline).await?;
            return Ok(());
        }
    }
    unreachable!("the loop ends by its deadline")
}

/// Makes a topic of one partition for each broker; gives how many brokers lead one.
async fn make_topic(cluster: &Cluster, name: &str, deadline: Deadline) -> Result<usize> {
    let topic = NewTopic {
        name: name.to_owned(),
        partitions: Some(i32::try_from(NODES)?),
        replication_factor: Some(i16::try_from(NODES)?),
        config: BTreeMap::from([("min.insync.replicas".to_owned(), "2".to_owned())]),
    };
    for (_, made) in cluster.create_topics(vec![topic], false, deadline).await? {
        made?;
    }
    while !deadline.has_passed() {
        let described = cluster.describe_topics(TopicSelection::one(name), deadline).await?;
        // A broker hears of a new topic a moment after the controller.
        if let Some((_, Ok(topic))) = described.into_iter().next() {
            let leaders: BTreeSet<i32> =
                topic.partitions.iter().filter_map(|partition| partition.leader).collect();
            return Ok(leaders.len());
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(0)
}
