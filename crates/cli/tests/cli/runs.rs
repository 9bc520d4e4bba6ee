//! Commands that change something: what they ask for, what they show, how they end.

use std::io::Read as _;
use std::process::Stdio;

use klamm_core::api::{ApplyRequest, RunState, StepState, Want};

use crate::fake_server::{FakeServer, World};
use crate::program::{Lab, wait_for_line};
use crate::world::{empty_plan, good_run, healthy, plan, run};

fn applied(server: &FakeServer) -> ApplyRequest {
    let asked = server.asked();
    let (_, body) = asked.iter().find(|(what, _)| what.starts_with("apply")).expect("something was applied");
    serde_json::from_str(body).expect("an apply body")
}

fn with_run(views: Vec<Vec<klamm_core::api::RunView>>) -> World {
    let mut world = World::of(vec![healthy()]);
    world.plan = plan();
    world.runs = views;
    world
}

/// Elapsed times differ from run to run.
fn without_times(transcript: &str) -> String {
    transcript
        .lines()
        .map(|line| match line.split_once("] ") {
            Some((stamp, rest)) if stamp.starts_with('[') => format!("[TIME] {rest}\n"),
            Some(_) | None => format!("{line}\n"),
        })
        .collect()
}

#[test]
fn up_shows_the_run_and_ends_with_how_the_cluster_is() {
    let lab = Lab::new();
    let server = FakeServer::start(&lab, with_run(vec![good_run(5)]));
    insta::assert_snapshot!("up", without_times(&lab.transcript("up")));
    let ApplyRequest { request, actor, .. } = applied(&server);
    assert_eq!((request.want, request.spec), (Want::Up, None), "the cluster keeps the spec that it has");
    assert!(actor.starts_with("tester (uid "), "{actor}");
}

#[test]
fn up_with_nothing_to_do_says_so_in_well_under_a_second() {
    let lab = Lab::new();
    let mut world = World::of(vec![healthy()]);
    world.plan = empty_plan();
    let _server = FakeServer::start(&lab, world);
    let begun = std::time::Instant::now();
    insta::assert_snapshot!("up_nothing_to_do", lab.transcript("up"));
    assert!(begun.elapsed() < std::time::Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[test]
fn up_of_a_new_cluster_ends_with_what_to_do_next() {
    let lab = Lab::new();
    let mut world = World::of(vec![]);
    world.plan = plan();
    world.runs = vec![good_run(1)];
    world.made = Some(healthy());
    let _server = FakeServer::start(&lab, world);
    insta::assert_snapshot!("up_new", without_times(&lab.transcript("up")));
}

#[test]
fn up_of_a_new_cluster_brings_the_built_in_spec_under_the_name_that_was_given() {
    let lab = Lab::new();
    let mut world = with_run(vec![good_run(1)]);
    world.clusters[0].name = "other".parse().unwrap();
    let server = FakeServer::start(&lab, world);
    assert_eq!(lab.run("up --cluster scratch --detach").code, 0);
    let spec = applied(&server).request.spec.expect("a spec is sent");
    assert!(spec.starts_with("cluster: scratch\n"), "{spec}");
}

#[test]
fn up_takes_the_spec_of_the_folder_and_refuses_one_of_another_cluster() {
    let lab = Lab::new();
    let server = FakeServer::start(&lab, with_run(vec![good_run(5)]));
    let text = klamm_spec::default_laptop();
    std::fs::write(lab.folder().join("klamm.yaml"), text).unwrap();
    assert_eq!(lab.run("up --detach").code, 0);
    let request = applied(&server).request;
    assert_eq!((request.spec.as_deref(), request.file.as_str()), (Some(text), "klamm.yaml"));
    insta::assert_snapshot!("other_cluster", lab.transcript("up --cluster other"));
}

#[test]
fn a_spec_with_problems_is_refused_with_all_of_them_before_anything_is_asked() {
    let lab = Lab::new();
    let server = FakeServer::start(&lab, with_run(vec![good_run(5)]));
    let text = "cluster: dev\nprofile: laptop\npool: {}\npools:\n  nodes: { roles: [controller, broker], count: three }\n";
    std::fs::write(lab.folder().join("bad.yaml"), text).unwrap();
    let outcome = lab.run("up -f bad.yaml");
    assert_eq!(outcome.code, 1);
    assert!(outcome.stderr.starts_with("error: bad.yaml has "), "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("bad.yaml:3:1") && outcome.stderr.contains("bad.yaml:5"),
        "{}",
        outcome.stderr
    );
    assert_eq!(server.asked(), []);
}

#[test]
fn a_run_that_stops_is_a_failure_with_the_reason() {
    let lab = Lab::new();
    let failed = run(5, RunState::Failed { reason: "nodes-0 is not ready".into() }, StepState::Failed);
    let _server = FakeServer::start(&lab, with_run(vec![vec![failed]]));
    insta::assert_snapshot!("up_failed", without_times(&lab.transcript("up")));
}

#[test]
fn a_stream_that_breaks_off_and_one_of_the_run_before_do_not_end_the_showing() {
    let lab = Lab::new();
    let mut views = vec![good_run(5), good_run(4), good_run(5)];
    views[0].pop();
    let _server = FakeServer::start(&lab, with_run(views));
    let outcome = lab.run("up");
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert_eq!(outcome.stderr.matches("restart nodes-0: done").count(), 1, "{}", outcome.stderr);
}

#[test]
fn up_while_another_run_goes_on_shows_that_one_and_then_its_own() {
    let lab = Lab::new();
    let mut world = with_run(vec![good_run(5), good_run(6)]);
    world.busy = true;
    world.clusters[0].run = good_run(5).into_iter().next();
    let server = FakeServer::start(&lab, world);
    insta::assert_snapshot!("up_busy", without_times(&lab.transcript("up")));
    assert_eq!(server.asked().iter().filter(|(what, _)| what == "apply dev").count(), 2);
}

#[test]
fn ctrl_c_ends_the_showing_and_says_that_the_run_goes_on() {
    for line in ["up", "down", "destroy --yes"] {
        let lab = Lab::new();
        let mut begun = good_run(5);
        begun.pop();
        let endless = (0..1000).map(|_| begun.clone()).collect();
        let _server = FakeServer::start(&lab, with_run(endless));
        let mut child = lab.command(line).stdin(Stdio::null()).spawn().unwrap();
        let mut told = wait_for_line(&mut child, "restart nodes-0 ...");
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        let mut rest = String::new();
        told.read_to_string(&mut rest).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130));
        assert!(!rest.contains("error"), "{line}: {rest}");
        insta::assert_snapshot!(format!("ctrl_c_{}", line.replace(" --", "_")), without_times(&rest));
    }
}

#[test]
fn down_keeps_the_data_and_lets_an_idle_daemon_end() {
    let lab = Lab::new();
    let server = FakeServer::start(&lab, with_run(vec![good_run(6)]));
    insta::assert_snapshot!("down", without_times(&lab.transcript("down")));
    assert_eq!(applied(&server).request.want, Want::Down);
    assert_eq!(server.asked().last().unwrap().0, "stop-if-idle");
    let answers = std::os::unix::net::UnixStream::connect(lab.socket()).is_ok();
    assert!(!answers, "nothing talks to a daemon that is about to go");
}

#[test]
fn destroy_says_what_it_deletes_and_does_nothing_unconfirmed() {
    let lab = Lab::new();
    let server = FakeServer::start(&lab, with_run(vec![good_run(7)]));
    insta::assert_snapshot!("destroy_unconfirmed", lab.transcript("destroy"));
    assert_eq!(server.asked(), []);
    insta::assert_snapshot!("destroy", without_times(&lab.transcript("destroy --yes")));
    assert_eq!(applied(&server).request.want, Want::Destroyed);
    assert_eq!(server.asked().last().unwrap().0, "stop-if-idle");
}

#[test]
fn mirrors_are_checked_and_remembered() {
    let lab = Lab::new();
    let _server = FakeServer::start(&lab, World::of(vec![healthy()]));
    assert_eq!(lab.run("up --mirror ftp://mirror.example.com").code, 1);
    let line = "up --mirror https://one.example.com/maven --mirror http://two.example.com";
    assert_eq!(lab.run(line).code, 0);
    let kept = std::fs::read_to_string(lab.folder().join("config/mirrors")).unwrap();
    assert_eq!(kept, "https://one.example.com/maven\nhttp://two.example.com\n");
}
