//! One laptop cluster from its first start to its destruction: foreign clients, failures, strangers, changes.
//!
//! The cases share the cluster and run in this order. Each begins with `up`, so that any of them also runs alone:
//! `cargo test -p e2e --test laptop -- killed`.

#[path = "laptop/failures.rs"]
mod failures;
#[path = "laptop/foreign_clients.rs"]
mod foreign_clients;
#[path = "laptop/life.rs"]
mod life;
#[path = "laptop/secrecy.rs"]
mod secrecy;
#[path = "laptop/strangers.rs"]
mod strangers;
#[path = "laptop/world.rs"]
mod world;

use std::process::ExitCode;

use e2e::{Case, tell};
use world::World;

fn main() -> ExitCode {
    tell(
        World::new,
        &[
            Case { name: "c01_up_makes_a_ready_cluster_from_nothing", run: life::up_from_nothing },
            Case { name: "c02_a_second_up_has_nothing_to_do", run: life::second_up },
            Case { name: "c03_kafka_knows_every_key_of_the_rendered_files", run: life::keys_are_known },
            Case { name: "c04_kafkas_own_verifiable_clients_work", run: foreign_clients::verifiable_clients },
            Case {
                name: "c05_kcat_works_with_its_file_and_with_the_environment",
                run: foreign_clients::kcat,
            },
            Case { name: "c06_confluent_kafka_works", run: foreign_clients::confluent },
            Case { name: "c07_clients_in_pure_python_work", run: foreign_clients::pure_python },
            Case {
                name: "c08_users_may_do_what_the_spec_says_and_nothing_else",
                run: foreign_clients::access,
            },
            Case { name: "c09_strangers_are_refused_on_every_port", run: strangers::refused_everywhere },
            Case { name: "c10_sockets_in_the_file_system_are_the_owners_alone", run: secrecy::sockets },
            Case { name: "c11_no_key_is_where_others_can_read_it", run: secrecy::keys },
            Case { name: "c12_a_killed_daemon_leaves_kafka_running", run: failures::daemon_killed },
            Case { name: "c13_a_killed_node_comes_back_and_nothing_is_lost", run: failures::node_killed },
            Case { name: "c14a_what_kafka_alters_live_restarts_nobody", run: life::alter },
            Case { name: "c14_a_change_rolls_one_node_at_a_time_and_nothing_is_lost", run: life::roll },
            Case { name: "c15_everything_killed_comes_back_as_it_was", run: failures::everything_killed },
            Case { name: "c16_down_and_up_keep_identity_and_data", run: life::down_and_up },
            Case { name: "c17_destroy_asks_first_and_leaves_nothing", run: life::destroy },
        ],
    )
}
