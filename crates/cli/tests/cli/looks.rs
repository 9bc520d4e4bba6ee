//! Commands that look and change nothing, at 80 and at 200 columns.

use klamm_core::api::{Clusters, Failure};

use crate::fake_server::{FakeServer, World};
use crate::program::Lab;
use crate::world::{healthy, plan, stopped, troubled};

#[test]
fn status_of_a_healthy_cluster_fits_a_narrow_and_uses_a_wide_terminal() {
    let lab = Lab::new();
    let _server = FakeServer::start(&lab, World::of(vec![healthy()]));
    insta::assert_snapshot!("status_80", lab.transcript("status"));
    let outcome = lab.run("status");
    assert!(outcome.stdout.lines().all(|line| line.chars().count() <= 80));
    let lab = lab.wide();
    insta::assert_snapshot!("status_200", lab.transcript("status"));
}

#[test]
fn status_of_a_troubled_cluster_says_what_is_wrong_and_what_is_not_known() {
    let lab = Lab::new();
    let _server = FakeServer::start(&lab, World::of(vec![troubled()]));
    insta::assert_snapshot!("status_troubled_80", lab.transcript("status"));
    let lab = lab.wide();
    insta::assert_snapshot!("status_troubled_200", lab.transcript("status"));
}

#[test]
fn status_for_programs_is_the_body_that_the_server_sent() {
    let lab = Lab::new();
    let _server = FakeServer::start(&lab, World::of(vec![troubled()]));
    let told = lab.run("status --output json").stdout;
    assert_eq!(serde_json::from_str::<klamm_core::api::ClusterStatus>(&told).unwrap(), troubled());
}

#[test]
fn colour_is_used_when_it_is_asked_for_and_never_by_itself_off_a_terminal() {
    let lab = Lab::new();
    let _server = FakeServer::start(&lab, World::of(vec![troubled()]));
    assert!(!lab.run("status").stdout.contains('\x1b'));
    assert!(lab.run("status --color always").stdout.contains("\x1b["));
}

#[test]
fn a_plan_shows_class_and_reason_and_tells_changes_by_its_exit_code() {
    let lab = Lab::new();
    let mut world = World::of(vec![healthy()]);
    world.plan = plan();
    world.warnings = vec!["cluster.yaml:3:1: warning: two replicas\n".into()];
    let server = FakeServer::start(&lab, world);
    insta::assert_snapshot!("plan_80", lab.transcript("plan"));
    assert!(
        !server.asked().iter().any(|(what, _)| what == "stop-if-idle"),
        "a server that was there before stays"
    );
    let lab = lab.wide();
    insta::assert_snapshot!("plan_200", lab.transcript("plan"));
    assert_eq!(lab.run("plan --output json").code, 2);
}

#[test]
fn an_empty_plan_ends_with_zero() {
    let lab = Lab::new();
    let _server = FakeServer::start(&lab, World::of(vec![healthy()]));
    insta::assert_snapshot!("plan_empty", lab.transcript("plan"));
}

#[test]
fn certificates_are_listed_with_the_first_to_expire_first() {
    let lab = Lab::new();
    let _server = FakeServer::start(&lab, World::of(vec![healthy()]));
    insta::assert_snapshot!("cert_list_80", lab.transcript("cert list"));
    assert!(!lab.run("cert list").stdout.contains("CN=admin"));
    assert!(lab.run("cert list --all").stdout.contains("CN=admin"));
    let lab = lab.wide();
    insta::assert_snapshot!("cert_list_200", lab.transcript("cert list"));
}

#[test]
fn logs_come_as_they_are_and_as_many_as_asked_for() {
    let lab = Lab::new();
    let server = FakeServer::start(&lab, World::of(vec![healthy()]));
    let outcome = lab.run("logs nodes-1 -n 7");
    assert_eq!(outcome.stdout, "first line of nodes-1\nsecond line\n");
    assert_eq!(server.asked(), [("log nodes-1".to_owned(), "\"lines=7&follow=false\"".to_owned())]);
}

#[test]
fn clusters_are_listed_and_one_of_several_must_be_named() {
    let lab = Lab::new();
    let mut other = healthy();
    other.name = "telemetry".parse().unwrap();
    let mut third = healthy();
    third.name = "billing".parse().unwrap();
    let _server = FakeServer::start(&lab, World::of(vec![other, third]));
    insta::assert_snapshot!("list", lab.transcript("list"));
    insta::assert_snapshot!("several_clusters", lab.transcript("status"));
    assert!(lab.run("status --cluster telemetry").stdout.starts_with("telemetry: up"));
    std::fs::write(lab.folder().join("klamm.yaml"), klamm_spec::default_laptop().replace("dev", "billing"))
        .unwrap();
    assert!(lab.run("status").stdout.starts_with("billing: up"), "the spec in the folder says which");
}

#[test]
fn where_nothing_was_ever_kept_a_look_says_so_and_starts_nothing() {
    let lab = Lab::new();
    insta::assert_snapshot!("nothing_here", lab.transcript("status"));
    insta::assert_snapshot!("nothing_here_list", lab.transcript("list"));
    insta::assert_snapshot!("nothing_here_named", lab.transcript("logs nodes-0 --cluster telemetry"));
    assert_eq!(lab.run("destroy --yes").code, 0, "nothing is left to do");
    let clusters: Clusters = serde_json::from_str(&lab.run("list --output json").stdout).unwrap();
    assert_eq!(clusters.clusters, []);
    let failure: Failure = serde_json::from_str(&lab.run("status --output json").stderr).unwrap();
    assert_eq!(failure.code, "klamm/cluster/unknown");
    assert!(!lab.folder().join("state").exists(), "a look keeps nothing");
}

#[test]
fn where_no_server_runs_a_look_starts_one_and_lets_it_end() {
    let lab = Lab::new();
    std::fs::create_dir_all(lab.folder().join("state/clusters")).unwrap();
    std::fs::create_dir_all(lab.folder().join("run")).unwrap();
    // What a killed daemon leaves behind.
    drop(std::os::unix::net::UnixListener::bind(lab.socket()).unwrap());
    for line in ["list", "status", "cert list", "logs nodes-0", "down", "destroy --yes"] {
        let outcome = lab.run(line);
        assert!(
            outcome.stderr.contains("no cluster") || outcome.stderr.contains("nothing to"),
            "{line}: {}",
            outcome.stderr
        );
        assert!(std::os::unix::net::UnixStream::connect(lab.socket()).is_err(), "{line} left a daemon");
    }
    let log = std::fs::read_to_string(lab.folder().join("log/daemon.log")).unwrap();
    assert_eq!(log.matches("the daemon runs").count(), 6, "{log}");
}

#[test]
fn a_cluster_that_is_down_says_since_when_and_how_it_comes_back() {
    let lab = Lab::new();
    let _server = FakeServer::start(&lab, World::of(vec![stopped()]));
    insta::assert_snapshot!("status_down_80", lab.transcript("status"));
    let lab = lab.wide();
    insta::assert_snapshot!("status_down_200", lab.transcript("status"));
}

#[test]
fn a_cluster_that_is_not_there_is_answered_with_those_that_are() {
    let lab = Lab::new();
    let _server = FakeServer::start(&lab, World::of(vec![healthy()]));
    insta::assert_snapshot!("unknown_cluster", lab.transcript("status --cluster nowhere"));
    insta::assert_snapshot!("destroy_unknown_cluster", lab.transcript("destroy --yes --cluster nowhere"));
}

#[test]
fn kafka_of_a_cluster_that_is_down_is_not_waited_for() {
    let lab = Lab::new();
    let mut down = healthy();
    down.want = klamm_core::api::Want::Down;
    let _server = FakeServer::start(&lab, World::of(vec![down]));
    insta::assert_snapshot!("down_cluster", lab.transcript("topic list"));
}

#[test]
fn a_wrong_command_line_has_an_exit_code_of_its_own() {
    let lab = Lab::new();
    assert_eq!(lab.run("stauts").code, 3);
    assert_eq!(lab.run("logs").code, 3);
    assert_eq!(lab.run("--help").code, 0);
    assert_eq!(lab.run("--version").code, 0);
}

#[test]
fn a_reader_that_has_had_enough_is_no_failure() {
    let lab = Lab::new();
    let _server = FakeServer::start(&lab, World::of(vec![healthy()]));
    let mut child = lab.command("reference").spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    assert_eq!(output.status.code(), Some(0));
}
