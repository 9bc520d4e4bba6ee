//! The one way in: text to checked model.

use klamm_core::kafka::KafkaVersion;
use klamm_core::model::{ByteCount, Cluster};

use crate::document::{self, Fault};
use crate::problem::{Code, Problem, Severity};
use crate::read::{self, Place, Problems, Spot};
use crate::rules;

/// What the spec is checked against besides itself.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// The versions of Kafka that this Klamm can run.
    pub supported_versions: Vec<KafkaVersion>,
    /// The version that the cluster runs: what a spec without `kafka` means, so that a newer Klamm changes nothing.
    pub running_version: Option<KafkaVersion>,
    /// The memory of the host, or of the smallest host, if it is known.
    pub memory: Option<ByteCount>,
}

/// What came of a spec.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The model; none if there is a problem of severity error.
    pub cluster: Option<Cluster>,
    /// Every problem, in the order of the text.
    pub problems: Vec<Problem>,
}

impl Checked {
    /// Whether the spec is refused.
    pub fn is_refused(&self) -> bool {
        self.cluster.is_none()
    }

    /// The problems for which it is refused.
    pub fn errors(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter().filter(|problem| problem.severity == Severity::Error)
    }
}

/// Reads and checks a whole spec. `file_name` is for messages only; nothing is opened.
pub fn check(text: &str, file_name: &str, context: &Context) -> Checked {
    let mut problems = Problems::new(file_name);
    let (root, faults) = document::parse(text);
    for fault in faults {
        match fault {
            Fault::Syntax { span, message, help } => {
                let spot = Spot { span, path: String::new(), value: None };
                problems.error(Code::Syntax, spot, message, help);
            }
            Fault::Duplicate { key, span, first } => {
                let spot = Spot { span, path: String::new(), value: Some(key.clone()) };
                let message = format!("`{key}` stands here a second time; only the first one would count");
                problems
                    .error(Code::DuplicateKey, spot, message, "keep one of the two")
                    .other(first, "the first one");
            }
        }
    }
    let cluster = root.as_ref().map(|root| {
        let root = Place::root(root);
        let cluster = read::read(&root, context, &mut problems);
        rules::check(&cluster, &root, context, &mut problems);
        cluster
    });
    let problems = problems.sorted();
    let refused = problems.iter().any(|problem| problem.severity == Severity::Error);
    Checked { cluster: cluster.filter(|_| !refused), problems }
}
