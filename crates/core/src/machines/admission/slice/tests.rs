//! What the planner renders passes; what a stolen server would like to ask does not.

use super::*;
use crate::machines::reconcile::tests::{cluster, host, target};
use crate::model::inventory::HostFolders;
use crate::model::target::RunState;
use crate::model::{DirectoryId, Sha256};
use crate::signature::SigningKey;

fn terms() -> Terms {
    let folders = HostFolders { state: "/home/a/../b/state".into(), logs: "/home/b/log".into() };
    Terms { key: SigningKey::from_seed(&[1; 32]).verifying_key(), host: host(), folders }
}

fn slot() -> SlotTarget {
    let name: SlotName = "brokers-0".parse().unwrap();
    let folder = terms().folders.slot(cluster(), &name);
    let mut slot = target(RunState::Running);
    slot.identity.directories[0].path = format!("{folder}/data");
    slot.process.arguments = vec![format!("{folder}/config/server.properties")];
    slot.files.insert("config/server.properties".into(), Sha256::of(b"p"));
    slot
}

fn problem(change: impl FnOnce(&mut SlotTarget)) -> Option<String> {
    let mut slot = slot();
    change(&mut slot);
    let mut slice = HostSlice::empty(cluster(), "dev".parse().unwrap());
    slice.slots.insert("brokers-0".parse().unwrap(), slot);
    problem_of(&slice, &terms()).map(|(_, problem)| problem)
}

#[test]
fn what_is_rendered_passes_with_data_in_the_slots_folder_or_on_a_disk_of_its_own() {
    assert_eq!(problem(|_| {}), None);
    assert_eq!(
        problem(|slot| slot.identity.directories[0].path = "/srv/kafka/d1/dev/brokers-0".into()),
        None
    );
}

#[test]
fn a_data_directory_elsewhere_is_refused() {
    for path in [
        "data",
        "",
        "/",
        "/etc/dev/brokers-0",
        "/srv/kafka/d1/dev/../dev/brokers-0",
        "/srv/kafka/d1",
        "/srv/kafka/d1/dev/brokers-1",
        "/srv/kafka/d1/prod/brokers-0",
        "/home/b/state/dev/brokers-0",
        "/home/b/log/dev/brokers-0",
        "/home/a/../b/state/agent",
    ] {
        let problem = problem(|slot| slot.identity.directories[0].path = path.into());
        assert!(problem.as_ref().is_some_and(|text| text.contains(path)), "{path}: {problem:?}");
    }
    assert!(problem(|slot| slot.identity.directories.clear()).is_some());
    let twice = |slot: &mut SlotTarget| {
        let other =
            DataDirectory { id: DirectoryId::from_random([9; 16]), ..slot.identity.directories[0].clone() };
        slot.identity.directories.push(other);
    };
    assert!(problem(twice).unwrap().contains("two slots"));
}

#[test]
fn a_file_that_leaves_its_folder_or_is_the_agents_own_is_refused() {
    for path in [
        "config/../process.json",
        "/etc/passwd",
        "process.json",
        "config",
        "config/",
        "tls/current/node.pem",
        "",
    ] {
        let stray = |slot: &mut SlotTarget| {
            slot.files.insert(path.into(), Sha256::of(b"x"));
        };
        assert!(problem(stray).is_some(), "{path}");
    }
    let seed = |slot: &mut SlotTarget| {
        slot.identity.directories[0].seeds.insert("../../x".into(), Sha256::of(b"x"));
    };
    assert!(problem(seed).is_some());
}

#[test]
fn another_program_other_arguments_and_unknown_options_are_refused() {
    let class = problem(|slot| slot.process.main_class = "java.lang.Evil".into());
    assert!(class.unwrap().contains("java.lang.Evil"));
    assert!(problem(|slot| slot.process.arguments.push("--override".into())).is_some());
    assert!(problem(|slot| slot.process.arguments = vec!["/tmp/server.properties".into()]).is_some());
    let option =
        problem(|slot| slot.process.jvm_options = vec!["-Xmx1g".into(), "-javaagent:/tmp/a.jar".into()]);
    assert!(option.unwrap().contains("-javaagent:/tmp/a.jar"));
}
