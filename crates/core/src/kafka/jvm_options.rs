//! Options of the Java virtual machine that a node may be started with. An option can load code, open ports or write
//! files, so only known ones pass: those that an operator may set in a spec, and those that Klamm sets itself.

use crate::render::logging::Logging;

/// What may stand behind an option's name.
#[derive(Debug, Clone, Copy)]
enum Value {
    /// The option is whole.
    Nothing,
    /// A number.
    Number,
    /// A number with k, m or g.
    Size,
}

/// Sources: Kafka's own start scripts, and the tuning guides of operators (collector, ergonomics, address family).
const OF_OPERATORS: &[(&str, Value)] = &[
    ("-XX:+UseG1GC", Value::Nothing),
    ("-XX:+UseZGC", Value::Nothing),
    ("-XX:+UseParallelGC", Value::Nothing),
    ("-XX:+UseSerialGC", Value::Nothing),
    ("-XX:+ZGenerational", Value::Nothing),
    ("-XX:+AlwaysPreTouch", Value::Nothing),
    ("-XX:-AlwaysPreTouch", Value::Nothing),
    ("-XX:+UseStringDeduplication", Value::Nothing),
    ("-XX:+UseTransparentHugePages", Value::Nothing),
    ("-XX:+UseNUMA", Value::Nothing),
    ("-XX:+UseCompactObjectHeaders", Value::Nothing),
    ("-XX:MaxGCPauseMillis=", Value::Number),
    ("-XX:InitiatingHeapOccupancyPercent=", Value::Number),
    ("-XX:ParallelGCThreads=", Value::Number),
    ("-XX:ConcGCThreads=", Value::Number),
    ("-XX:ActiveProcessorCount=", Value::Number),
    ("-XX:G1HeapRegionSize=", Value::Size),
    ("-XX:MaxDirectMemorySize=", Value::Size),
    ("-XX:MaxMetaspaceSize=", Value::Size),
    ("-XX:ReservedCodeCacheSize=", Value::Size),
    ("-Djava.net.preferIPv4Stack=true", Value::Nothing),
    ("-Djava.net.preferIPv6Addresses=true", Value::Nothing),
];

/// What [`super::defaults::jvm_flags`] and [`super::defaults::gc_log_option`] give, apart from paths.
const OF_KLAMM: &[(&str, Value)] = &[
    ("-Xmx", Value::Size),
    ("-Xms", Value::Size),
    ("-XX:TieredStopAtLevel=1", Value::Nothing),
    ("-XX:+ExplicitGCInvokesConcurrent", Value::Nothing),
    ("-XX:+ExitOnOutOfMemoryError", Value::Nothing),
    ("-XX:+PerfDisableSharedMem", Value::Nothing),
    ("-Djava.awt.headless=true", Value::Nothing),
    ("-Xlog:async", Value::Nothing),
];

/// The names of the options that an operator may set, with `=` where a value follows.
pub fn names_of_operators() -> impl Iterator<Item = &'static str> {
    OF_OPERATORS.iter().map(|(name, _)| *name)
}

/// Whether an operator may set it.
pub fn operators_may_set(option: &str) -> bool {
    is_among(OF_OPERATORS, option)
}

/// Whether an agent starts a node with it, whose folder and log folder are given.
pub fn agents_accept(option: &str, folder: &str, logs: &str) -> bool {
    let with_paths = [
        format!("-Xlog:gc*:file={logs}/gc.log:time,tags:filecount=5,filesize=20M"),
        format!("-Djava.io.tmpdir={folder}/tmp"),
        format!("-Dkafka.logs.dir={logs}"),
        Logging::Log4j1.jvm_option(folder),
        Logging::Log4j2.jvm_option(folder),
    ];
    operators_may_set(option) || is_among(OF_KLAMM, option) || with_paths.iter().any(|known| known == option)
}

fn is_among(known: &[(&str, Value)], option: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    known.iter().any(|(name, value)| match (option.strip_prefix(name), value) {
        (None, _) => false,
        (Some(rest), Value::Nothing) => rest.is_empty(),
        (Some(rest), Value::Number) => number(rest),
        (Some(rest), Value::Size) => {
            number(rest.strip_suffix(['k', 'm', 'g', 'K', 'M', 'G']).unwrap_or(rest))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::{NodeRole, Profile, defaults};
    use crate::model::ByteCount;

    #[test]
    fn what_klamm_sets_passes_for_every_profile_and_role() {
        for profile in [Profile::Laptop, Profile::Production] {
            for role in [NodeRole::Broker, NodeRole::Controller, NodeRole::Combined] {
                let mut options = defaults::jvm_options(profile, role, None, ByteCount::gibibytes(16));
                options.extend(defaults::gc_log_option(profile, "/logs"));
                options.extend([Logging::Log4j1, Logging::Log4j2].map(|logging| logging.jvm_option("/slot")));
                for option in options {
                    assert!(agents_accept(&option, "/slot", "/logs"), "{option}");
                }
            }
        }
    }

    #[test]
    fn what_loads_code_runs_commands_or_lowers_security_does_not() {
        for option in [
            "-javaagent:/tmp/a.jar",
            "-agentpath:/tmp/a.so",
            "-agentlib:jdwp=transport=dt_socket,server=y",
            "-XX:OnError=/bin/sh",
            "-XX:OnOutOfMemoryError=/bin/sh",
            "-XX:+ExitOnOutOfMemoryError -XX:OnError=x",
            "-XX:VMOptionsFile=/tmp/options",
            "-XX:Flags=/tmp/flags",
            "-Djava.security.properties=/tmp/p",
            "-Djava.security.manager=allow",
            "-Dcom.sun.management.jmxremote",
            "-Djava.io.tmpdir=/tmp",
            "-Dlog4j2.configurationFile=http://elsewhere/log4j2.xml",
            "-Xlog:gc*:file=/etc/cron.d/x",
            "-Xbootclasspath/a:/tmp/a.jar",
            "-Xmx512m -javaagent:/tmp/a.jar",
            "-Xmx",
            "-Xmx1mm",
            "-cp",
            "@/tmp/arguments",
            "",
        ] {
            assert!(!agents_accept(option, "/slot", "/logs"), "{option}");
        }
    }
}
