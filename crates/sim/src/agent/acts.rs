//! The acts of a slot: those that only take time, those that ask the server, those on the disk.

use std::path::PathBuf;
use std::time::Duration;

use rand::RngExt as _;

use klamm_core::machines::slot::{Act, Failure};
use klamm_core::model::{Sha256, SlotName};
use klamm_disk::Disk as _;
use klamm_ledger::credential::{NewGeneration, install};
use klamm_ledger::slot::{Beside, collect, delete, format};
use klamm_ledger::{Launched, files, process, storage};
use klamm_supervise::{Event, StopRequest};

use super::{Agent, Asked, Purpose, chain};
use crate::around::Around;
use crate::host::Place;
use crate::message::{Answer, Timer, Wanted};
use crate::record::Rule;

/// Where the host notes that Kafka and Java are laid out.
const PROVIDED: &str = "/cache/provided";

/// What an act came to.
type Outcome = Result<(), Failure>;

fn failure(error: &dyn std::error::Error) -> Failure {
    Failure { reason: chain(error), needs_a_person: false }
}

impl Agent {
    /// Looks at everything of a slot and begins what is to be done.
    pub(super) fn lap(&mut self, name: &SlotName, place: &mut Place, around: &mut Around) {
        let Some(slot) = self.slots.get_mut(name) else { return };
        let key = slot.machine.key().clone();
        let beside = Beside {
            distribution: place.disk.exists(PROVIDED.as_ref()).unwrap_or(false),
            process: process::facts(slot.unit.state(), slot.launched),
            now: around.wall(place.host),
        };
        let target = slot.machine.target().clone();
        let found = collect(&place.disk, (&key, &slot.folders), &target, &self.ledger, beside);
        let acts = slot.machine.lap(found.map_err(|error| chain(&error)), around.now);
        if !acts.is_empty() {
            slot.doing.round += 1;
            (slot.doing.open, slot.doing.failed) = (acts.len(), None);
            self.begin(name, acts, place, around);
        }
    }

    /// Begins acts that do not depend on each other.
    fn begin(&mut self, name: &SlotName, acts: Vec<Act>, place: &mut Place, around: &mut Around) {
        for act in acts {
            let Some(slot) = self.slots.get_mut(name) else { return };
            let round = slot.doing.round;
            let asked = |purpose| Asked { slot: name.clone(), round, purpose };
            match act {
                Act::Provide => {
                    let time = Duration::from_millis(around.random.random_range(50..3_000));
                    around.wake(place.host, around.now + time, Timer::Worked(name.clone(), round));
                }
                Act::AskPermit(wanted) => {
                    self.ask(asked(Purpose::Permit), Wanted::Permit(wanted), place, around)
                }
                Act::Certify { .. } => {
                    self.ask(asked(Purpose::Certify), Wanted::Certificate(name.clone()), place, around);
                }
                Act::Format => {
                    let directories = &slot.machine.target().identity.directories;
                    match storage::contents_wanted(&place.disk, directories) {
                        Ok(contents) => {
                            self.ask(asked(Purpose::Format), Wanted::Contents(contents), place, around);
                        }
                        Err(error) => self.finish(name, Err(failure(&error)), around),
                    }
                }
                Act::WriteFiles => {
                    let wanted = &slot.machine.target().files;
                    match files::contents_wanted(&place.disk, &slot.folders.slot, wanted) {
                        Ok(contents) => {
                            self.ask(asked(Purpose::WriteFiles), Wanted::Contents(contents), place, around);
                        }
                        Err(error) => self.finish(name, Err(failure(&error)), around),
                    }
                }
                Act::Launch => {
                    let outcome = self.launch(name, place, around);
                    self.finish(name, outcome, around);
                }
                Act::Stop { by, patience } => {
                    slot.handle(Event::Stop(StopRequest::graceful(by, patience)), place, around);
                    self.finish(name, Ok(()), around);
                }
                Act::Delete => {
                    let (key, target) = (slot.machine.key().clone(), slot.machine.target().clone());
                    let deleted = delete(&place.disk, (&key, &slot.folders), &target);
                    self.check_delete(name, place, around);
                    self.finish(name, deleted.map(drop).map_err(|error| failure(&error)), around);
                }
            }
        }
    }

    /// What is deleted is gone for Kafka too; and it is deleted only when somebody wants that.
    fn check_delete(&mut self, name: &SlotName, place: &mut Place, around: &mut Around) {
        if let Some(volume) = place.volumes.remove(name) {
            around.kafka.delete(volume);
        }
        if !around.condemned {
            let what = format!("{} deletes {name}", place.host);
            around.record.find(around.now, Rule::DataStays, what);
        }
    }

    /// One of the acts under way ended; when all have, the machine is told.
    fn finish(&mut self, name: &SlotName, outcome: Outcome, around: &mut Around) {
        let Some(slot) = self.slots.get_mut(name) else { return };
        if let Err(failure) = outcome {
            slot.doing.failed.get_or_insert(failure);
        }
        slot.doing.open = slot.doing.open.saturating_sub(1);
        if slot.doing.open == 0 {
            let outcome = slot.doing.failed.take().map_or(Ok(()), Err);
            slot.machine.acted(outcome, around.now);
        }
    }

    /// The time that laying out Kafka and Java takes has passed.
    pub(super) fn provided(&mut self, name: &SlotName, round: u64, place: &mut Place, around: &mut Around) {
        if self.slots.get(name).is_some_and(|slot| slot.doing.round == round && slot.machine.is_acting()) {
            let written = place.disk.replace_file(PROVIDED.as_ref(), b"4.3.1");
            self.finish(name, written.map_err(|error| failure(&error)), around);
            self.drive(name, place, around);
        }
    }

    /// Takes what the server answered.
    pub(super) fn take_answer(
        &mut self,
        name: &SlotName,
        purpose: Purpose,
        answer: Result<Answer, String>,
        place: &mut Place,
        around: &mut Around,
    ) {
        let Some(slot) = self.slots.get_mut(name) else { return };
        let refused = |reason| Failure { reason, needs_a_person: false };
        match answer {
            Ok(Answer::Permit(answer)) => {
                slot.permitted = answer.refused.is_none();
                let acts = slot.machine.permit_answered(Ok(answer), around.now);
                slot.doing.open = acts.len();
                self.begin(name, acts, place, around);
            }
            Ok(Answer::Certificate { keystore, trust_nodes, trust_users }) => {
                let generation = NewGeneration {
                    keystore: &keystore,
                    trust_nodes: &trust_nodes,
                    trust_users: &trust_users,
                };
                let installed = install(&place.disk, &slot.folders, generation);
                self.finish(name, installed.map_err(|error| failure(&error)), around);
            }
            Ok(Answer::Contents(contents)) => {
                let filled = self.fill(name, purpose, &|digest| contents.get(&digest).cloned(), place);
                if purpose == Purpose::Format && filled.is_ok() && place.wiped.contains(name) {
                    let what = format!("{} formats {name} anew, whose data is lost", place.host);
                    around.record.find(around.now, Rule::DataStays, what);
                }
                self.finish(name, filled, around);
            }
            Err(reason) => match purpose {
                Purpose::Permit => {
                    slot.machine.permit_answered(Err(refused(reason)), around.now);
                }
                Purpose::Certify | Purpose::Format | Purpose::WriteFiles => {
                    self.finish(name, Err(refused(reason)), around);
                }
            },
        }
    }

    /// Writes what was asked for.
    fn fill(
        &mut self,
        name: &SlotName,
        purpose: Purpose,
        contents: &dyn Fn(Sha256) -> Option<Vec<u8>>,
        place: &Place,
    ) -> Outcome {
        let Some(slot) = self.slots.get(name) else { return Ok(()) };
        let (key, target) = (slot.machine.key(), slot.machine.target());
        if purpose == Purpose::WriteFiles {
            let written = files::write(&place.disk, &slot.folders.slot, &target.files, contents);
            return written.map_err(|error| failure(&error));
        }
        format(&place.disk, key, target, contents).map_err(|error| failure(&error))?;
        let noted = self.ledger.note_formatted(&place.disk, key.cluster, name);
        noted.map_err(|error| failure(&error))
    }

    fn launch(&mut self, name: &SlotName, place: &mut Place, around: &mut Around) -> Outcome {
        let Some(slot) = self.slots.get_mut(name) else { return Ok(()) };
        let launch = slot.machine.target().launch();
        let record = Launched::new(launch, PathBuf::from("java"), Vec::new());
        record.write(&place.disk, &slot.folders.launched()).map_err(|error| failure(&error))?;
        slot.launched = Some(launch);
        slot.handle(Event::Start, place, around);
        Ok(())
    }
}
