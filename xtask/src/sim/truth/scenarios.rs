//! What is done to the real cluster. Node 1 leads the partition and is not the active controller.

use std::time::Duration;

use anyhow::Result;
use klamm_sim::kafka::truth::Act;

use super::cluster::RealCluster;

/// One scenario.
pub(super) struct Scenario {
    /// Its recording's name.
    pub(super) name: &'static str,
    /// One line.
    pub(super) title: &'static str,
    /// What is done.
    pub(super) play: fn(&mut RealCluster) -> Result<()>,
}

/// All of them.
pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "leader-killed",
        title: "kill -9 of the partition's leader, which comes back after its session",
        play: leader_killed,
    },
    Scenario {
        name: "back-at-once",
        title: "kill -9 of a follower that is started again at once",
        play: back_at_once,
    },
    Scenario {
        name: "leader-stopped",
        title: "the partition's leader is stopped in order and started again at once",
        play: leader_stopped,
    },
    Scenario {
        name: "controller-killed",
        title: "kill -9 of the active controller, which comes back later",
        play: controller_killed,
    },
    Scenario {
        name: "controller-stopped",
        title: "the active controller is stopped in order and started again at once",
        play: controller_stopped,
    },
    Scenario {
        name: "disk-wiped",
        title: "a follower is killed and comes back with an empty disk",
        play: disk_wiped,
    },
    Scenario {
        name: "slow-recovery",
        title: "a follower with a large unchecked segment is killed and started again",
        play: slow_recovery,
    },
    Scenario { name: "frozen", title: "a follower stands still for 15 seconds", play: frozen },
    Scenario {
        name: "majority-killed",
        title: "two of three nodes are killed, the leader stays, and both come back",
        play: majority_killed,
    },
];

/// Longer than a session and what it takes to notice its end.
const SESSION: Duration = Duration::from_secs(13);

fn leader_killed(cluster: &mut RealCluster) -> Result<()> {
    cluster.act(Act::Kill, 1)?;
    cluster.wait(SESSION)?;
    cluster.act(Act::Start, 1)?;
    cluster.until_whole()
}

fn back_at_once(cluster: &mut RealCluster) -> Result<()> {
    let node = cluster.bystander();
    cluster.act(Act::Kill, node)?;
    cluster.act(Act::Start, node)?;
    cluster.until_whole()
}

fn leader_stopped(cluster: &mut RealCluster) -> Result<()> {
    cluster.act(Act::Stop, 1)?;
    cluster.until_gone(1)?;
    cluster.act(Act::Start, 1)?;
    cluster.until_whole()
}

fn controller_killed(cluster: &mut RealCluster) -> Result<()> {
    let node = cluster.controller();
    cluster.act(Act::Kill, node)?;
    cluster.wait(SESSION + Duration::from_secs(4))?;
    cluster.act(Act::Start, node)?;
    cluster.until_whole()
}

fn controller_stopped(cluster: &mut RealCluster) -> Result<()> {
    let node = cluster.controller();
    cluster.act(Act::Stop, node)?;
    cluster.until_gone(node)?;
    cluster.act(Act::Start, node)?;
    cluster.until_whole()
}

fn disk_wiped(cluster: &mut RealCluster) -> Result<()> {
    let node = cluster.bystander();
    cluster.act(Act::Kill, node)?;
    cluster.wait(SESSION)?;
    cluster.act(Act::Wipe, node)?;
    cluster.act(Act::Start, node)?;
    cluster.until_whole()
}

fn slow_recovery(cluster: &mut RealCluster) -> Result<()> {
    cluster.fill(700 << 20)?;
    let node = cluster.bystander();
    cluster.begin_anew();
    cluster.act(Act::Kill, node)?;
    cluster.wait(SESSION)?;
    cluster.act(Act::Start, node)?;
    cluster.until_whole()
}

fn frozen(cluster: &mut RealCluster) -> Result<()> {
    let node = cluster.bystander();
    cluster.act(Act::Freeze, node)?;
    cluster.wait(Duration::from_secs(15))?;
    cluster.act(Act::Thaw, node)?;
    cluster.until_whole()
}

fn majority_killed(cluster: &mut RealCluster) -> Result<()> {
    let (controller, bystander) = (cluster.controller(), cluster.bystander());
    cluster.act(Act::Kill, controller)?;
    cluster.act(Act::Kill, bystander)?;
    cluster.wait(SESSION)?;
    cluster.act(Act::Start, controller)?;
    cluster.act(Act::Start, bystander)?;
    cluster.until_whole()
}
