//! `log4j.properties`: for Kafka 3.9.

use super::{FILE_SIZE, FILES_KEPT, LOGGERS, PATTERN, ROOT_LEVEL};
use crate::render::NodeContext;
use crate::render::properties::Properties;

/// Renders the file.
pub(super) fn render_log4j1(node: &NodeContext<'_>) -> String {
    let mut file = Properties::new("written by Klamm; changes are lost");
    file.set("log4j.rootLogger", &format!("{ROOT_LEVEL}, file"));
    file.set("log4j.appender.file", "org.apache.log4j.RollingFileAppender");
    file.set("log4j.appender.file.File", &format!("{}/server.log", node.logs));
    file.set("log4j.appender.file.MaxFileSize", FILE_SIZE);
    file.set("log4j.appender.file.MaxBackupIndex", FILES_KEPT);
    // Its own default depends on the locale of the machine.
    file.set("log4j.appender.file.Encoding", "UTF-8");
    file.set("log4j.appender.file.layout", "org.apache.log4j.PatternLayout");
    file.set("log4j.appender.file.layout.ConversionPattern", PATTERN);
    for (_, name, level) in LOGGERS {
        file.set(&format!("log4j.logger.{name}"), level);
    }
    file.into_text()
}
