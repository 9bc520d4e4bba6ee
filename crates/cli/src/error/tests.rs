//! What a person reads when something failed.

use klamm_kafka::ErrorCode;

use super::*;

#[test]
fn a_failure_is_told_with_code_chain_and_hint() {
    let failure = Failure {
        code: "klamm/plan/refused".into(),
        message: "cluster dev cannot be planned".into(),
        causes: vec!["slot nodes-0 has no host".into(), "host a1 is full".into()],
        hint: Some("add a host".into()),
    };
    insta::assert_snapshot!(report::render(&failure, false), @"
    error: cluster dev cannot be planned [klamm/plan/refused]
      because slot nodes-0 has no host
      because host a1 is full
    hint: add a host
    ");
    assert!(report::render(&failure, true).starts_with("\x1b[31merror:\x1b[0m "));
}

#[test]
fn a_missing_right_is_answered_with_the_line_that_the_spec_lacks() {
    let error = CliError::KafkaRefused {
        doing: "creating topic orders".into(),
        user: "alice".parse().unwrap(),
        source: Refusal::new(ErrorCode::TOPIC_AUTHORIZATION_FAILED),
    };
    insta::assert_snapshot!(report::render(&error.to_failure(), false), @r#"
    error: creating topic orders was refused by kafka [klamm/kafka/refused]
      because kafka answered TOPIC_AUTHORIZATION_FAILED
    hint: give user alice access in the spec, such as `users: { alice: { auth: mtls, allow: ["read,write topic:orders", "read group:alice-*"] } }`, then `klamm up`
    "#);
}

#[test]
fn a_reader_that_went_away_is_no_failure_and_ctrl_c_is_one_of_its_own() {
    let closed = CliError::Output { source: io::ErrorKind::BrokenPipe.into() };
    assert!(closed.is_silent());
    assert_eq!(closed.exit_code(), exit::DONE);
    let full = CliError::Output { source: io::ErrorKind::StorageFull.into() };
    assert!(!full.is_silent());
    assert_eq!(full.exit_code(), exit::FAILED);
    assert_eq!(CliError::Interrupted { hint: None }.exit_code(), exit::INTERRUPTED);
}

#[test]
fn the_access_that_hints_propose_is_what_a_spec_accepts() {
    let users = access_example(&"alice".parse().unwrap());
    let text = klamm_spec::default_laptop();
    let (text, _) = text.split_once("users:").unwrap();
    let text = format!("{text}{}\n", users.trim_matches('`'));
    let checked = crate::specs::check_text(&text, "klamm.yaml");
    assert!(checked.cluster.is_some(), "{:?}", checked.problems);
}
