//! Lock files: those that are carried, and those that must be refused.

use super::*;

fn artifact(coordinate: &str, path: &str) -> Artifact {
    let roles = vec![ClassPathRole::Node, ClassPathRole::Tools];
    Artifact { coordinate: coordinate.into(), path: path.into(), size: 1, sha256: Sha256::of(b"x"), roles }
}

#[test]
fn every_carried_lock_is_in_its_one_text_form_and_its_digest_is_that_of_the_file() {
    for text in CARRIED {
        let lock = Lock::parse(text).unwrap();
        assert_eq!(lock.render(), *text);
        assert_eq!(lock.digest(), Sha256::of(text.as_bytes()));
        assert_eq!(Lock::for_kafka(lock.kafka()), Some(&lock));
        assert_eq!(Lock::by_digest(lock.digest()), Some(&lock));
    }
    assert_eq!(Lock::for_kafka("4.3"), None);
    assert_eq!(Lock::carried().len(), CARRIED.len());
}

#[test]
fn kafka_4_3_1_has_all_its_jars_and_nodes_need_none_of_connect() {
    let lock = Lock::for_kafka("4.3.1").unwrap();
    assert_eq!(lock.artifacts().len(), 92);
    assert_eq!(lock.artifacts_for(ClassPathRole::Tools).count(), 92);
    let node: Vec<_> = lock.artifacts_for(ClassPathRole::Node).map(|it| it.coordinate.as_str()).collect();
    assert_eq!(node.len(), 46);
    assert!(node.contains(&"org.apache.kafka:kafka_2.13:4.3.1"));
    assert!(node.contains(&"org.apache.logging.log4j:log4j-slf4j-impl:2.25.2"));
    assert!(!node.iter().any(|it| it.contains("jetty") || it.contains("jersey") || it.contains("connect")));
    assert_eq!(lock.java()[0], 25);
}

#[test]
fn artifacts_are_put_in_order_and_an_order_by_hand_is_refused() {
    let (a, b) = (artifact("a:a:1", "a/a.jar"), artifact("b:b:1", "b/b.jar"));
    let lock = Lock::new("1.2.3", &[17], vec![b.clone(), a.clone()]).unwrap();
    assert_eq!(lock.artifacts(), [a.clone(), b]);
    assert_eq!(Lock::parse(&lock.render()).unwrap(), lock);
    let swapped = lock.render().replace("a:a:1", "z:z:1");
    assert!(matches!(Lock::parse(&swapped), Err(LockError::Order(second)) if second == "b:b:1"));
    let twice = Lock::new("1.2.3", &[17], vec![a.clone(), artifact("a:a:1", "b/b.jar")]);
    assert!(matches!(twice, Err(LockError::Order(_))));
    let same_name = Lock::new("1.2.3", &[17], vec![a, artifact("c:a:1", "c/a.jar")]);
    assert!(matches!(same_name, Err(LockError::SameFileName(name)) if name == "a.jar"));
}

#[test]
fn a_lock_cannot_name_a_file_outside_of_the_repository_or_the_cache() {
    for path in
        ["../x.jar", "/etc/passwd", "a//b.jar", "a/./b.jar", "a/b:c.jar", "", "a/b.jar?token=x", "a/%2e%2e/b"]
    {
        let made = Lock::new("1.2.3", &[17], vec![artifact("a:a:1", path)]);
        assert!(matches!(made, Err(LockError::Path { .. })), "{path:?} was accepted");
    }
    for version in ["../1", "", "1/2", "."] {
        assert!(matches!(Lock::new(version, &[17], vec![]), Err(LockError::Version(_))));
    }
    assert!(matches!(Lock::new("1.2.3", &[], vec![]), Err(LockError::NoJava(_))));
}

#[test]
fn a_lock_of_a_newer_format_or_with_unknown_keys_is_refused() {
    let text = Lock::new("1.2.3", &[17], vec![]).unwrap().render();
    assert!(matches!(
        Lock::parse(&text.replace("\"version\": 1", "\"version\": 2")),
        Err(LockError::Format(2))
    ));
    assert!(matches!(Lock::parse(&text.replace("\"kafka\"", "\"Kafka\"")), Err(LockError::Json(_))));
}
