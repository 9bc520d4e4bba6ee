//! The totals say what the runners said, and never look better than the run.

use super::totals::Totals;

fn totals(lines: &[&str]) -> String {
    let mut totals = Totals::default();
    for line in lines {
        totals.add_line(line);
    }
    totals.to_string()
}

#[test]
fn lines_of_all_runners_are_summed() {
    let lines = [
        "running 3 tests",
        "test layers::tests::an_allowed_arrow_is_left_alone ... ok",
        "test result: ok. 12 passed; 0 failed; 2 ignored; 0 measured; 5 filtered out; finished in 0.01s",
        "test result: FAILED. 1 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.50s",
        "8 passed, 1 failed, 0 skipped",
        "4 passed, 0 failed",
    ];
    assert_eq!(totals(&lines), "25 passed, 4 failed, 2 skipped");
}

#[test]
fn talk_is_not_counted() {
    assert_eq!(
        totals(&["3 nodes failed over", "passed 5 tests", "5 records, 2 failed to decode", ""]),
        "0 passed, 0 failed, 0 skipped"
    );
}

#[test]
fn a_step_that_fails_without_a_failed_test_is_one_failure() {
    let mut built_nothing = Totals::default();
    built_nothing.add_failed_step();
    assert_eq!(built_nothing.failed, 1);
    let mut tests_failed = Totals { passed: 4, failed: 2, skipped: 0 };
    tests_failed.add_failed_step();
    assert_eq!(tests_failed.failed, 2);
}
