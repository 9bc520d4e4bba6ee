//! Each answer of Kafka's with the action that helps.

use std::collections::BTreeMap;

use super::*;

fn about_new(config: &[(&str, &str)]) -> NewTopic {
    let config: BTreeMap<_, _> =
        config.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    NewTopic { name: "orders".into(), partitions: None, replication_factor: None, config }
}

fn told(trouble: &KafkaTrouble, about: About<'_>) -> String {
    let user = "alice".parse().unwrap();
    advice(Asker { user: &user, command: "klamm" }, about, trouble, None)
}

fn refused(code: ErrorCode) -> KafkaTrouble {
    Refusal::new(code).into()
}

#[test]
fn a_missing_right_is_answered_with_the_line_that_the_spec_lacks() {
    let about = about_new(&[]);
    let told = told(&refused(ErrorCode::TOPIC_AUTHORIZATION_FAILED), About::NewTopic(&about));
    insta::assert_snapshot!("missing_right", told);
}

#[test]
fn a_topic_that_is_not_there_is_answered_with_the_one_that_may_be_meant() {
    let there = ["payments", "orders", "audit"];
    assert_eq!(closest("oders", there.into_iter()), Some("orders"));
    assert_eq!(closest("invoices", there.into_iter()), None);
    let user = "alice".parse().unwrap();
    let trouble = refused(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    let asker = Asker { user: &user, command: "klamm --cluster dev" };
    insta::assert_snapshot!("missing_topic", advice(asker, About::Topic("oders"), &trouble, Some("orders")));
    assert!(trouble.is_unknown_topic());
}

#[test]
fn a_partition_that_is_not_there_is_answered_with_those_that_are() {
    let missing = |partitions| {
        KafkaTrouble::from(ProduceError::NoSuchPartition { topic: "orders".into(), partition: 9, partitions })
    };
    for partitions in [1, 6] {
        let trouble = missing(partitions);
        let text = format!("{trouble}\nhint: {}", told(&trouble, About::Topic("orders")));
        insta::assert_snapshot!(format!("partition_of_{partitions}"), text);
    }
}

#[test]
fn a_setting_that_kafka_does_not_know_is_answered_with_the_nearest_or_with_what_is_wrong() {
    let trouble = refused(ErrorCode::INVALID_CONFIG);
    for (config, wanted) in [
        (("retention.sm", "1"), "there is no setting retention.sm of topics; is retention.ms meant?"),
        (("retention.ms", "7d"), "retention.ms=7d is not a whole number of 64 bits"),
        (("compression.type", "rar"), "compression.type=rar may only be "),
        (("num.io.threads", "8"), "there is no setting num.io.threads of topics; https://"),
    ] {
        let about = about_new(&[config]);
        let told = told(&trouble, About::NewTopic(&about));
        assert!(told.starts_with(wanted), "{told}");
    }
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
