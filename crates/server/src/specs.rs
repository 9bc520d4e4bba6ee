//! Specs: text to model, with every problem ready to print.

use klamm_core::kafka::KafkaVersion;
use klamm_core::model::ByteCount;
use klamm_core::model::cluster::Cluster;
use klamm_spec::{Context, check, render};

use crate::error::ServerError;

/// Wide enough for messages, narrow enough for a terminal; the CLI prints it as it is.
const WIDTH: usize = 100;

/// Reads specs against what this Klamm can run.
#[derive(Debug)]
pub(crate) struct Specs {
    /// The versions that a lock file is carried for.
    pub supported: Vec<KafkaVersion>,
}

impl Specs {
    /// The model, and warnings; or all problems.
    pub(crate) fn read(
        &self,
        text: &str,
        file: &str,
        running: Option<KafkaVersion>,
        memory: Option<ByteCount>,
    ) -> Result<(Cluster, Vec<String>), ServerError> {
        let context =
            Context { supported_versions: self.supported.clone(), running_version: running, memory };
        let checked = check(text, file, &context);
        let count = checked.errors().count();
        match checked.cluster {
            Some(cluster) => {
                let warnings = checked
                    .problems
                    .iter()
                    .map(|problem| render(std::slice::from_ref(problem), text, WIDTH, false));
                Ok((cluster, warnings.collect()))
            }
            None => Err(ServerError::Spec {
                file: file.to_owned(),
                count,
                rendered: render(&checked.problems, text, WIDTH, false),
            }),
        }
    }
}
