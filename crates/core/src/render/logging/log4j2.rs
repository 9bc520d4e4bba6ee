//! `log4j2.properties`: for Kafka 4.

use super::{FILE_SIZE, FILES_KEPT, LOGGERS, PATTERN, ROOT_LEVEL};
use crate::render::NodeContext;
use crate::render::properties::Properties;

/// Renders the file.
pub(super) fn render_log4j2(node: &NodeContext<'_>) -> String {
    let mut file = Properties::new("written by Klamm; changes are lost");
    let logs = node.logs;
    for (key, value) in [
        ("status", "warn"),
        ("name", "klamm"),
        // A laptop's class path need not be scanned for plug-ins, and a shutdown hook would cut off the last lines.
        ("shutdownHook", "disable"),
        ("appender.file.type", "RollingFile"),
        ("appender.file.name", "file"),
    ] {
        file.set(key, value);
    }
    file.set("appender.file.fileName", &format!("{logs}/server.log"));
    file.set("appender.file.filePattern", &format!("{logs}/server.log.%i"));
    for (key, value) in [
        ("appender.file.layout.type", "PatternLayout"),
        ("appender.file.layout.pattern", PATTERN),
        ("appender.file.policies.type", "Policies"),
        ("appender.file.policies.size.type", "SizeBasedTriggeringPolicy"),
        ("appender.file.policies.size.size", FILE_SIZE),
        ("appender.file.strategy.type", "DefaultRolloverStrategy"),
        ("appender.file.strategy.fileIndex", "min"),
        ("appender.file.strategy.max", FILES_KEPT),
        ("rootLogger.level", ROOT_LEVEL),
        ("rootLogger.appenderRef.file.ref", "file"),
    ] {
        file.set(key, value);
    }
    for (id, name, level) in LOGGERS {
        file.set(&format!("logger.{id}.name"), name);
        file.set(&format!("logger.{id}.level"), level);
    }
    file.into_text()
}
