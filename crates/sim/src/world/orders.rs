//! The operator: edits a spec and has it applied.

use std::collections::{BTreeMap, BTreeSet};

use klamm_core::api::Want;
use klamm_core::model::SlotName;
use klamm_core::model::run::RunState;

use super::World;
use crate::command::Order;
use crate::server::topics_of;

/// A setting that everything takes and Kafka does not start with: above `replica.lag.time.max.ms`.
pub(crate) const REFUSED: (&str, &str) = ("replica.fetch.wait.max.ms", "60000");

/// What the operator has and wants.
#[derive(Debug)]
pub(crate) struct Operator {
    base: String,
    edits: Edits,
    /// Before the last edit.
    before: Option<Edits>,
    /// What was last asked for.
    pub(crate) want: Option<Want>,
    /// Slots whose data fate has taken: only a person can say what becomes of them.
    pub(crate) lost: BTreeSet<SlotName>,
    /// Whether the last edit took back what Kafka refuses.
    pub(crate) took_back: bool,
}

/// What was written into the spec since the beginning.
#[derive(Debug, Clone, Default)]
struct Edits {
    settings: BTreeMap<String, String>,
    /// Partitions and replicas by name.
    topics: BTreeMap<String, (u32, u16)>,
    users: BTreeSet<String>,
}

impl Operator {
    pub(crate) fn new(spec: &str) -> Self {
        Self {
            base: spec.to_owned(),
            edits: Edits::default(),
            before: None,
            want: None,
            lost: BTreeSet::new(),
            took_back: false,
        }
    }

    /// The settings that were written into the spec.
    pub(crate) fn settings(&self) -> &BTreeMap<String, String> {
        &self.edits.settings
    }

    /// Takes back what Kafka refuses; whether there was any.
    pub(super) fn take_back_the_refused(&mut self) -> bool {
        self.edits.settings.remove(REFUSED.0).is_some()
    }

    /// Whether the spec holds what Kafka refuses.
    fn is_refused(&self) -> bool {
        self.edits.settings.get(REFUSED.0).is_some_and(|value| value == REFUSED.1)
    }

    /// The spec as it is written now.
    pub(crate) fn spec(&self) -> String {
        let Edits { settings, topics, users } = &self.edits;
        let mut spec = self.base.clone();
        if !settings.is_empty() {
            spec.push_str("config:\n");
            for (key, value) in settings {
                spec.push_str(&format!("  {key}: {value}\n"));
            }
        }
        if !topics.is_empty() {
            if !spec.contains("\ntopics:\n") {
                spec.push_str("topics:\n");
            }
            let lines: String = topics
                .iter()
                .map(|(name, (partitions, replicas))| {
                    format!("  {name}: {{ partitions: {partitions}, replicas: {replicas} }}\n")
                })
                .collect();
            spec = spec.replacen("topics:\n", &format!("topics:\n{lines}"), 1);
        }
        if !users.is_empty() {
            spec.push_str("users:\n");
            for name in users {
                spec.push_str(&format!("  {name}: {{ auth: mtls, allow: [\"read topic:t1\"] }}\n"));
            }
        }
        spec
    }
}

impl World {
    pub(super) fn order(&mut self, order: &Order) -> Vec<String> {
        self.around.record.note(self.around.now, None, format!("-- {order}"));
        match order {
            Order::Up => self.apply(Want::Up),
            Order::Down => self.apply(Want::Down),
            Order::Destroy => self.apply(Want::Destroyed),
            Order::Set { key, value } => self.edit(|edits| {
                edits.settings.insert(key.clone(), value.clone());
            }),
            Order::Unset { key } => self.edit(|edits| {
                edits.settings.remove(key);
            }),
            Order::Topic { name, partitions, replicas } => self.edit(|edits| {
                edits.topics.entry(name.clone()).or_insert((*partitions, *replicas));
            }),
            Order::User { name } => self.edit(|edits| {
                edits.users.insert(name.clone());
            }),
            Order::DropUser { name } => self.edit(|edits| {
                edits.users.remove(name);
            }),
            Order::Revert => {
                if let Some(before) = self.operator.before.take() {
                    let was_refused = self.operator.is_refused();
                    self.operator.edits = before;
                    self.operator.took_back |= was_refused && !self.operator.is_refused();
                }
                self.apply_if_up()
            }
            Order::Abort => match self.server.abort(&mut self.around) {
                Ok(()) => Vec::new(),
                Err(refusal) => vec![refusal],
            },
            Order::Resume => match self.server.newest_run() {
                Some(RunState::Failed { .. } | RunState::Aborted { .. }) => match self.operator.want {
                    Some(want) => self.apply(want),
                    None => vec!["nothing was asked for yet".to_owned()],
                },
                Some(RunState::Running | RunState::Done) | None => vec!["nothing to resume".to_owned()],
            },
        }
    }

    /// An edit of the spec is applied at once where the cluster shall be up.
    fn edit(&mut self, edit: impl FnOnce(&mut Edits)) -> Vec<String> {
        self.operator.before = Some(self.operator.edits.clone());
        let was_refused = self.operator.is_refused();
        edit(&mut self.operator.edits);
        self.operator.took_back |= was_refused && !self.operator.is_refused();
        self.apply_if_up()
    }

    fn apply_if_up(&mut self) -> Vec<String> {
        match self.operator.want {
            Some(Want::Up) => self.apply(Want::Up),
            Some(Want::Down | Want::Destroyed) | None => Vec::new(),
        }
    }

    /// Has the spec applied, and gives the plan as the operator sees it.
    pub(super) fn apply(&mut self, want: Want) -> Vec<String> {
        let spec = self.operator.spec();
        // Whoever is refused, or hears nothing, asks again.
        self.operator.want = Some(want);
        self.around.condemned |= want == Want::Destroyed;
        match self.server.apply(want, &spec, &mut self.around) {
            Ok(plan) => {
                self.clients.use_topics(&topics_of(&spec));
                if plan.is_empty() {
                    return vec!["nothing to do".to_owned()];
                }
                let steps = plan.steps.iter().enumerate();
                steps
                    .map(|(place, step)| {
                        format!("{}. {} [{}]: {}", place + 1, step.act.title(), step.class, step.reason)
                    })
                    .collect()
            }
            Err(refusal) => vec![format!("refused: {refusal}")],
        }
    }
}
