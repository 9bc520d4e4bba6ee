//! How a node logs: straight to capped, rotated files; Klamm never sits in between. Kafka 3.9 logs with reload4j,
//! which is log4j 1 with its holes mended; Kafka 4 with log4j 2. Both write the same lines to the same files.

mod log4j1;
mod log4j2;

use super::NodeContext;
use crate::kafka::{KafkaLine, KafkaVersion};

/// One file of the log; eleven of them (the current one and ten older) bound a node's log at 220 MiB.
const FILE_SIZE: &str = "20MB";
const FILES_KEPT: &str = "10";
const PATTERN: &str = "%d{yyyy-MM-dd'T'HH:mm:ss.SSSXXX} %p %m (%c)%n";
const ROOT_LEVEL: &str = "INFO";

/// Loggers with a level of their own: an id for log4j 2, the logger, its level.
const LOGGERS: &[(&str, &str, &str)] = &[
    ("authorizer", "kafka.authorizer.logger", "INFO"),
    ("requests", "kafka.request.logger", "WARN"),
    ("channel", "kafka.network.RequestChannel$", "WARN"),
];

/// The logging library of a Kafka.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Logging {
    /// reload4j, to Kafka 3.9.
    Log4j1,
    /// log4j 2, from Kafka 4.0 on.
    Log4j2,
}

impl Logging {
    /// The library that this Kafka logs with.
    pub fn of(version: KafkaVersion) -> Self {
        if version.line() < KafkaLine::new(4, 0) { Self::Log4j1 } else { Self::Log4j2 }
    }

    /// Its configuration's path in the slot's folder.
    pub fn file(self) -> &'static str {
        match self {
            Self::Log4j1 => "config/log4j.properties",
            Self::Log4j2 => "config/log4j2.properties",
        }
    }

    /// Renders that file.
    pub fn render(self, node: &NodeContext<'_>) -> String {
        match self {
            Self::Log4j1 => log4j1::render_log4j1(node),
            Self::Log4j2 => log4j2::render_log4j2(node),
        }
    }

    /// The option that tells Java where the file is; `folder` is the slot's.
    pub fn jvm_option(self, folder: &str) -> String {
        let file = format!("{folder}/{}", self.file());
        match self {
            // Wants a URL; a plain path is looked for on the class path.
            Self::Log4j1 => format!("-Dlog4j.configuration=file:{}", percent_encoded(&file)),
            Self::Log4j2 => format!("-Dlog4j2.configurationFile={file}"),
        }
    }
}

/// A path as it stands in a URL: everything but what needs no escape there is written as bytes.
fn percent_encoded(path: &str) -> String {
    let mut encoded = String::new();
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_spaces_signs_and_letters_beyond_ascii_is_a_url_for_log4j_1_and_a_path_for_log4j_2() {
        let folder = "/srv/a b/50%/ü#1";
        assert_eq!(
            Logging::Log4j1.jvm_option(folder),
            "-Dlog4j.configuration=file:/srv/a%20b/50%25/%C3%BC%231/config/log4j.properties"
        );
        assert_eq!(
            Logging::Log4j2.jvm_option(folder),
            "-Dlog4j2.configurationFile=/srv/a b/50%/ü#1/config/log4j2.properties"
        );
    }
}
