//! `log4j2.properties`: Kafka's own log goes straight to capped, rotated files. Klamm never sits in between.

use super::NodeContext;
use super::properties::Properties;

/// One file of the log; eleven of them (the current one and ten older) bound a node's log at 220 MiB.
const FILE_SIZE: &str = "20MB";
const FILES_KEPT: &str = "10";

/// Loggers that are quieter than the rest, with the reason.
const LOGGERS: &[(&str, &str, &str)] = &[
    ("authorizer", "kafka.authorizer.logger", "INFO"),
    ("requests", "kafka.request.logger", "WARN"),
    ("channel", "kafka.network.RequestChannel$", "WARN"),
];

/// Renders the file.
pub fn render_log4j2(node: &NodeContext<'_>) -> String {
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
        ("appender.file.layout.pattern", "%d{yyyy-MM-dd'T'HH:mm:ss.SSSXXX} %p %m (%c)%n"),
        ("appender.file.policies.type", "Policies"),
        ("appender.file.policies.size.type", "SizeBasedTriggeringPolicy"),
        ("appender.file.policies.size.size", FILE_SIZE),
        ("appender.file.strategy.type", "DefaultRolloverStrategy"),
        ("appender.file.strategy.fileIndex", "min"),
        ("appender.file.strategy.max", FILES_KEPT),
        ("rootLogger.level", "INFO"),
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
