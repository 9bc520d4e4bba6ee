//! What a person reads when something failed.

use super::*;

#[test]
fn a_failure_is_told_with_code_chain_and_hint() {
    let failure = Failure {
        code: "klamm/plan/refused".into(),
        message: "cluster dev cannot be planned".into(),
        causes: vec!["slot nodes-0 has no host".into(), "host a1 is full".into()],
        hint: Some("add a host".into()),
    };
    insta::assert_snapshot!(report::render(&failure, None, false), @"
    error: cluster dev cannot be planned [klamm/plan/refused]
      because slot nodes-0 has no host
      because host a1 is full
    hint: add a host
    ");
    assert!(report::render(&failure, None, true).starts_with("\x1b[31merror:\x1b[0m "));
}

#[test]
fn a_reader_that_went_away_is_no_failure_and_ctrl_c_is_one_of_its_own() {
    let closed = CliError::Output { source: io::ErrorKind::BrokenPipe.into() };
    assert!(closed.is_silent());
    assert_eq!(closed.exit_code(), exit::DONE);
    let full = CliError::Output { source: io::ErrorKind::StorageFull.into() };
    assert!(!full.is_silent());
    assert_eq!(full.exit_code(), exit::FAILED);
    assert_eq!(CliError::Interrupted { goes_on: None }.exit_code(), exit::INTERRUPTED);
}
