//! Commands that look and change nothing, at 80 and at 200 columns.

use crate::fake_server::{FakeServer, World};
use crate::program::Lab;
use crate::world::{healthy, plan, troubled};

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
fn without_a_server_a_look_says_how_to_start_one_and_starts_none() {
    let lab = Lab::new();
    insta::assert_snapshot!("no_server_new", lab.transcript("status"));
    std::fs::create_dir_all(lab.folder().join("state/clusters")).unwrap();
    std::fs::create_dir_all(lab.folder().join("run")).unwrap();
    drop(std::os::unix::net::UnixListener::bind(lab.socket()).unwrap());
    insta::assert_snapshot!("no_server_down", lab.transcript("status"));
    let failure = lab.run("status --output json").stderr;
    let failure: klamm_core::api::Failure = serde_json::from_str(&failure).unwrap();
    assert_eq!(failure.code, "klamm/server/none");
}

#[test]
fn what_the_server_refuses_is_told_in_its_words() {
    let lab = Lab::new();
    let _server = FakeServer::start(&lab, World::of(vec![healthy()]));
    insta::assert_snapshot!("unknown_cluster", lab.transcript("status --cluster nowhere"));
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
