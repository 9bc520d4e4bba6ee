//! One server and three hosts, each a process with a root and an address of its own: joining, a cluster with a node on
//! each host, servers and agents killed and ended, a rolling change, destruction.
//!
//! The cases share the fleet and run in this order. Each makes what it needs, so that any of them also runs alone.

#[path = "fleet/cases.rs"]
mod cases;
#[path = "fleet/storm.rs"]
mod storm;
#[path = "fleet/world.rs"]
mod world;

use std::process::ExitCode;

use e2e::{Case, tell};
use world::World;

fn main() -> ExitCode {
    tell(
        World::new,
        &[
            Case { name: "f01_hosts_join_with_a_token_each_and_are_heard", run: cases::join },
            Case { name: "f02_a_token_lets_one_host_of_its_name_join", run: cases::used_token },
            Case { name: "f03_each_host_gets_one_node_of_a_ready_cluster", run: cases::up },
            Case {
                name: "f04_killed_agents_stop_no_kafka_and_take_it_over_again",
                run: cases::agents_killed,
            },
            Case { name: "f05_a_node_is_restarted_while_the_server_is_away", run: cases::server_away },
            Case {
                name: "f06_a_roll_under_load_survives_the_death_of_its_server_agent_and_broker",
                run: storm::storm,
            },
            Case { name: "f07_server_and_agents_end_when_asked_and_kafka_runs_on", run: cases::ended },
            Case { name: "f08_destroy_leaves_the_server_and_empty_hosts", run: cases::destroy },
        ],
    )
}
