//! Runs, history, differences, and plans that are shown before they are done.

use klamm_core::api::{ApplyRequest, RunState, StepState, Want};

use crate::fake_server::{FakeServer, World};
use crate::program::Lab;
use crate::world::{good_run, healthy, plan, run};

fn applied(server: &FakeServer) -> Option<ApplyRequest> {
    let asked = server.asked();
    let (_, body) = asked.iter().find(|(what, _)| what.starts_with("apply"))?;
    Some(serde_json::from_str(body).expect("an apply body"))
}

fn with_plan() -> World {
    let mut world = World::of(vec![healthy()]);
    world.plan = plan();
    world.runs = vec![good_run(5)];
    world
}

#[test]
fn runs_are_listed_with_the_newest_first_and_one_is_shown_with_its_journal() {
    let lab = Lab::new();
    let _server = FakeServer::start(&lab, World::of(vec![healthy()]));
    insta::assert_snapshot!("run_list_80", lab.transcript("run list"));
    insta::assert_snapshot!("run_list_one", lab.transcript("run list -n 1"));
    insta::assert_snapshot!("run_show", lab.transcript("run show"));
    let told = lab.run("run show 5 --output json").stdout;
    assert_eq!(serde_json::from_str::<klamm_core::api::RunDetail>(&told).unwrap().row.run, 5);
    let lab = lab.wide();
    insta::assert_snapshot!("run_list_200", lab.transcript("run list"));
}

#[test]
fn the_newest_run_is_aborted_in_the_name_of_who_types() {
    let lab = Lab::new();
    let server = FakeServer::start(&lab, World::of(vec![healthy()]));
    insta::assert_snapshot!("run_abort", lab.transcript("run abort"));
    let (what, body) = server.asked().pop().unwrap();
    assert_eq!(what, "abort dev 5");
    assert!(body.contains("tester (uid "), "{body}");
}

#[test]
fn a_run_is_resumed_and_followed_to_its_end() {
    let lab = Lab::new();
    let server = FakeServer::start(&lab, with_plan());
    let outcome = lab.run("run resume 5");
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("restart nodes-0: done"), "{}", outcome.stderr);
    assert_eq!(server.asked()[0].0, "resume dev 5");
}

#[test]
fn a_run_that_somebody_aborts_meanwhile_is_no_success() {
    let lab = Lab::new();
    let mut world = with_plan();
    world.runs = vec![vec![run(5, RunState::Aborted { by: "bob".into() }, StepState::Aborted)]];
    let _server = FakeServer::start(&lab, world);
    let outcome = lab.run("run resume 5");
    assert_eq!(outcome.code, 1);
    assert!(outcome.stderr.contains("run 5 of cluster dev was aborted by bob"), "{}", outcome.stderr);
}

#[test]
fn history_and_differences_are_told_with_the_same_change_of_several_nodes_once() {
    let lab = Lab::new();
    let server = FakeServer::start(&lab, World::of(vec![healthy()]));
    insta::assert_snapshot!("history_80", lab.transcript("history"));
    insta::assert_snapshot!("diff", lab.transcript("diff 3 4"));
    assert_eq!(server.asked().last().unwrap().1, "\"from=3&to=4\"");
    assert!(lab.run("diff --color always").stdout.contains("\x1b[32m+"));
    assert!(lab.run("history -n 1").stderr.contains("not shown: 2 older"));
    let lab = lab.wide();
    insta::assert_snapshot!("history_200", lab.transcript("history"));
}

#[test]
fn apply_shows_its_plan_and_does_nothing_unconfirmed() {
    let lab = Lab::new();
    let server = FakeServer::start(&lab, with_plan());
    insta::assert_snapshot!("apply_unconfirmed", lab.transcript("apply"));
    assert_eq!(applied(&server), None);
}

#[test]
fn apply_does_exactly_the_plan_that_was_shown() {
    let lab = Lab::new();
    let server = FakeServer::start(&lab, with_plan());
    let outcome = lab.run("apply --yes");
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(outcome.stdout.starts_with("#  STEP"), "{}", outcome.stdout);
    let applied = applied(&server).expect("something was applied");
    assert_eq!((applied.request.want, applied.shown, applied.why), (Want::Up, Some(plan()), None));
}

#[test]
fn apply_makes_no_cluster_of_its_own_and_starts_no_server_where_there_was_none() {
    let lab = Lab::new();
    assert_eq!(lab.run("apply --yes").code, 1);
    assert!(!lab.folder().join("state").exists());
    let server = FakeServer::start(&lab, with_plan());
    let outcome = lab.run("apply --yes --cluster nowhere");
    assert_eq!(outcome.code, 1);
    assert!(outcome.stderr.contains("there is no cluster nowhere"), "{}", outcome.stderr);
    assert_eq!(applied(&server), None);
}

#[test]
fn roll_names_nodes_by_themselves_by_their_pool_or_all_of_them() {
    let rolled = |line: &str| {
        let lab = Lab::new();
        let server = FakeServer::start(&lab, with_plan());
        assert_eq!(lab.run(line).code, 0);
        let applied = applied(&server).expect("something was applied");
        let slots = applied.request.roll.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        (slots, applied.why.expect("the journal is told why"))
    };
    let of = |slots: &str, why: &str| (slots.to_owned(), why.to_owned());
    assert_eq!(rolled("roll --yes"), of("nodes-0 nodes-1 nodes-2", "rolls all nodes"));
    assert_eq!(rolled("roll nodes --yes"), of("nodes-0 nodes-1 nodes-2", "rolls nodes"));
    assert_eq!(rolled("roll nodes-2 nodes-0 --yes"), of("nodes-0 nodes-2", "rolls nodes-2, nodes-0"));
    let lab = Lab::new();
    let server = FakeServer::start(&lab, with_plan());
    insta::assert_snapshot!("roll_unknown", lab.transcript("roll brokers --yes"));
    assert_eq!(applied(&server), None);
}

#[test]
fn rollback_plans_the_spec_of_an_earlier_target_and_says_so_in_the_journal() {
    let lab = Lab::new();
    let server = FakeServer::start(&lab, with_plan());
    insta::assert_snapshot!("rollback_unconfirmed", lab.transcript("rollback 3"));
    assert_eq!(applied(&server), None);
    assert_eq!(lab.run("rollback 3 --yes").code, 0);
    let applied = applied(&server).expect("something was applied");
    assert_eq!(applied.request.spec.as_deref(), Some("cluster: dev\n# as it was in 3\n"));
    assert_eq!(applied.why.as_deref(), Some("rolls back to the spec of target 3"));
}
