//! Why a node did not start, read from the end of its output: a catalogue of lines that Kafka and Java write, each
//! seen on real ones, with what to do. The exit status alone says almost nothing (it is 1 for nearly all).

mod cause;

pub use cause::StartCause;

/// Why a node did not start, or ended right after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartError {
    /// What it was.
    pub cause: StartCause,
    /// The line of the log that says so.
    pub evidence: String,
}

/// Finds the cause in the end of a node's standard output and error, both in one text. The last line that the
/// catalogue knows wins: the text may begin with an earlier start, and in a chain of exceptions the last is the
/// root. Ask it only about a node that ended or does not get ready: a healthy one may have waited for the session
/// of its killed predecessor, and said so.
pub fn recognise(log_tail: &str) -> Option<StartError> {
    log_tail.lines().rev().find_map(|line| {
        let cause = RULES.iter().find_map(|rule| rule(line))?;
        Some(StartError { cause, evidence: line.trim().to_owned() })
    })
}

type Rule = fn(&str) -> Option<StartCause>;

/// In order of how much they say: a line can hold more than one.
const RULES: &[Rule] = &[
    bind,
    data_directory,
    disk,
    identity,
    java,
    memory,
    configuration,
    classes,
    tls,
    |line| line.contains("Too many open files").then_some(StartCause::TooManyOpenFiles),
    |line| line.contains("DUPLICATE_BROKER_REGISTRATION").then_some(StartCause::NodeIdRegistered),
];

/// The text between two others; to the end of the line if the second is empty.
fn between<'a>(line: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(before)?;
    if after.is_empty() { Some(rest.trim()) } else { rest.split_once(after).map(|(text, _)| text.trim()) }
}

fn bind(line: &str) -> Option<StartCause> {
    let address = between(line, "Socket server failed to bind to ", ": ")?.to_owned();
    if line.contains("Address already in use") {
        Some(StartCause::PortInUse { address })
    } else if line.contains("Cannot assign requested address") {
        Some(StartCause::AddressNotOfThisHost { address })
    } else if line.contains("Unresolved address") {
        Some(StartCause::AddressUnresolved { address })
    } else if line.contains("Permission denied") {
        Some(StartCause::PortNotAllowed { address })
    } else {
        None
    }
}

fn data_directory(line: &str) -> Option<StartCause> {
    if let Some(directory) = between(line, "Failed to acquire lock on file .lock in ", ". A Kafka instance") {
        return Some(StartCause::DirectoryInUse { directory: directory.to_owned() });
    }
    if let Some(directory) = between(line, "No `meta.properties` found in ", " (have you run") {
        return Some(StartCause::NotFormatted { directory: Some(directory.to_owned()) });
    }
    if line.contains("No readable meta.properties files found") {
        return Some(StartCause::NotFormatted { directory: None });
    }
    let path = between(line, "java.nio.file.AccessDeniedException: ", "")?;
    Some(StartCause::PermissionDenied { path: path.to_owned() })
}

fn disk(line: &str) -> Option<StartCause> {
    if line.contains("No space left on device") {
        return Some(StartCause::DiskFull);
    }
    let (before, _) = line.split_once(": Read-only file system")?;
    let path = before.rsplit_once(' ').map_or(before, |(_, path)| path);
    Some(StartCause::ReadOnly { path: path.to_owned() })
}

fn identity(line: &str) -> Option<StartCause> {
    if let Some(file) = between(line, "Invalid cluster.id in: ", ". Expected") {
        let (expected, found) = (between(line, "Expected ", ",")?, between(line, "but read ", "")?);
        return Some(StartCause::OtherCluster {
            file: file.to_owned(),
            expected: expected.to_owned(),
            found: found.to_owned(),
        });
    }
    if line.contains("INCONSISTENT_CLUSTER_ID") {
        return Some(StartCause::ControllersOfOtherCluster);
    }
    if let Some(stored) = between(line, "Stored node id ", " doesn't match") {
        let file = between(line, " in ", ". If you moved")?;
        return Some(StartCause::OtherNode { file: file.to_owned(), stored: stored.to_owned() });
    }
    let directory = between(line, "node ID not found in ", "")?;
    Some(StartCause::DamagedMetaProperties { directory: directory.to_owned() })
}

fn java(line: &str) -> Option<StartCause> {
    if let Some(option) = between(line, "Unrecognized VM option '", "'") {
        return Some(StartCause::UnknownJavaOption { option: option.to_owned() });
    }
    if let Some(path) = between(line, "Error opening zip file or JAR manifest missing : ", "") {
        return Some(StartCause::JavaAgentMissing { path: path.to_owned() });
    }
    line.contains("UnsupportedClassVersionError").then_some(StartCause::JavaTooOld)
}

fn memory(line: &str) -> Option<StartCause> {
    if line.contains("Initial heap size set to a larger value than the maximum heap size") {
        return Some(StartCause::HeapBoundsSwapped);
    }
    if line.contains("There is insufficient memory for the Java Runtime Environment to continue")
        || line.contains("Could not reserve enough space for")
    {
        return Some(StartCause::NotEnoughMemory);
    }
    let what = between(line, "java.lang.OutOfMemoryError: ", "")?;
    Some(StartCause::OutOfMemory { what: what.to_owned() })
}

fn configuration(line: &str) -> Option<StartCause> {
    if let Some(class) = between(line, ": Class ", " could not be found") {
        return Some(StartCause::ClassNotFound { class: class.to_owned() });
    }
    if let Some(key) = between(line, "Missing required configuration \"", "\"") {
        return Some(StartCause::MissingSetting { key: key.to_owned() });
    }
    if let Some(said) = between(line, "ConfigException: ", "") {
        return Some(StartCause::InvalidSetting { said: said.to_owned() });
    }
    let said = between(line, "IllegalArgumentException: requirement failed: ", "")?;
    Some(StartCause::InvalidSetting { said: said.to_owned() })
}

fn classes(line: &str) -> Option<StartCause> {
    if let Some(class) = between(line, "Could not find or load main class ", "") {
        return Some(StartCause::ClassNotFound { class: class.to_owned() });
    }
    let missing = between(line, "java.lang.ClassNotFoundException: ", "")
        .or_else(|| between(line, "java.lang.NoClassDefFoundError: ", ""))?;
    Some(StartCause::ClassNotFound { class: missing.replace('/', ".") })
}

fn tls(line: &str) -> Option<StartCause> {
    let said = between(line, "InvalidConfigurationException: ", "").filter(|said| said.contains("SSL"))?;
    Some(StartCause::Tls { said: said.to_owned() })
}

#[cfg(test)]
mod tests;
