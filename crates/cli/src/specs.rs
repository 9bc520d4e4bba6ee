//! Where a command's spec comes from: `-f FILE`, `./klamm.yaml`, or the one that Klamm brings.

use std::io::{self, Read as _};
use std::path::Path;

use klamm_core::kafka::KafkaVersion;
use klamm_core::model::ClusterName;
use klamm_spec::{Checked, Context};

use crate::error::CliError;
use crate::invocation::DEFAULT_CLUSTER;
use crate::output::Terminal;

/// The spec that commands find by themselves.
pub(crate) const FILE: &str = "klamm.yaml";
/// Messages about a spec are as wide as this where the terminal does not say.
const WIDTH: usize = 100;

/// A spec without errors, as far as it can be judged without the server.
#[derive(Debug)]
pub(crate) struct GivenSpec {
    pub(crate) text: String,
    /// Its name for messages.
    pub(crate) file: String,
    pub(crate) cluster: ClusterName,
}

/// The spec of `-f FILE` (`-` is standard input), else of `./klamm.yaml`; none where there is neither.
pub(crate) fn find(file: Option<&Path>, terminal: &Terminal) -> Result<Option<GivenSpec>, CliError> {
    match file {
        Some(path) => {
            let (text, file) = read(path)?;
            check(text, file, terminal).map(Some)
        }
        None => in_current_folder()?.map(|text| check(text, FILE.to_owned(), terminal)).transpose(),
    }
}

/// The text of a spec file (`-` is standard input) and its name for messages.
pub(crate) fn read(path: &Path) -> Result<(String, String), CliError> {
    if path == Path::new("-") {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text).map_err(|source| CliError::Input { source })?;
        return Ok((text, "standard input".to_owned()));
    }
    let file = path.display().to_string();
    let text =
        std::fs::read_to_string(path).map_err(|source| CliError::Read { path: file.clone(), source })?;
    Ok((text, file))
}

/// `./klamm.yaml`, if it is there.
pub(crate) fn in_current_folder() -> Result<Option<String>, CliError> {
    match std::fs::read_to_string(FILE) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(CliError::Read { path: FILE.to_owned(), source }),
    }
}

/// The cluster that a spec names, if the spec is sound enough to tell.
pub(crate) fn cluster_of(text: &str) -> Option<ClusterName> {
    klamm_spec::check(text, FILE, &context()).cluster.map(|cluster| cluster.name)
}

/// The laptop spec that Klamm brings, for a cluster of this name.
pub(crate) fn built_in(cluster: &ClusterName) -> String {
    let text = klamm_spec::default_laptop();
    text.replacen(&format!("cluster: {DEFAULT_CLUSTER}"), &format!("cluster: {cluster}"), 1)
}

/// All problems of a spec, errors and warnings.
pub(crate) fn check_text(text: &str, file: &str) -> Checked {
    klamm_spec::check(text, file, &context())
}

/// The error that tells all of a spec's problems.
pub(crate) fn refused(checked: &Checked, text: &str, file: &str, terminal: &Terminal) -> CliError {
    let width = terminal.width.unwrap_or(WIDTH);
    CliError::Spec {
        file: file.to_owned(),
        count: checked.errors().count(),
        rendered: klamm_spec::render(&checked.problems, text, width, terminal.error_color),
    }
}

fn check(text: String, file: String, terminal: &Terminal) -> Result<GivenSpec, CliError> {
    let checked = check_text(&text, &file);
    match &checked.cluster {
        Some(cluster) => Ok(GivenSpec { cluster: cluster.name.clone(), text, file }),
        None => Err(refused(&checked, &text, &file, terminal)),
    }
}

/// What this `klamm` can run; memory and the running version are the server's to know.
fn context() -> Context {
    Context { supported_versions: supported_versions(), running_version: None, memory: None }
}

/// The versions of Kafka that this `klamm` can run, oldest first.
pub(crate) fn supported_versions() -> Vec<KafkaVersion> {
    klamm_daemon::runnable_versions()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_spec_can_be_of_any_cluster() {
        for name in ["dev", "telemetry"] {
            let cluster: ClusterName = name.parse().unwrap();
            assert_eq!(cluster_of(&built_in(&cluster)), Some(cluster));
        }
    }
}
