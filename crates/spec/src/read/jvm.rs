//! Options of the Java virtual machine that an operator may set. Everything else is refused: an option can load
//! code, open ports or write files.

/// What may stand behind an option's name.
#[derive(Clone, Copy)]
enum Value {
    /// The option is whole.
    Nothing,
    /// A number.
    Number,
    /// A number with k, m or g.
    Size,
}

/// Sources: Kafka's own start scripts, and the tuning guides of operators (collector, ergonomics, address family).
const ALLOWED: &[(&str, Value)] = &[
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

/// Two collectors end in "conflicting collector combinations" at the start.
pub(super) fn is_collector(option: &str) -> bool {
    matches!(option, "-XX:+UseG1GC" | "-XX:+UseZGC" | "-XX:+UseParallelGC" | "-XX:+UseSerialGC")
}

/// Why an option is refused and what to do, if it is.
pub(super) fn reason_against(option: &str) -> Option<(String, String)> {
    if option.starts_with("-Xm") {
        return Some((
            format!("`{option}` sets the heap behind Klamm's back"),
            "write `heap:` in the pool".to_owned(),
        ));
    }
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    for (name, value) in ALLOWED {
        let Some(rest) = option.strip_prefix(name) else { continue };
        let fits = match value {
            Value::Nothing => rest.is_empty(),
            Value::Number => number(rest),
            Value::Size => number(rest.trim_end_matches(['k', 'm', 'g', 'K', 'M', 'G'])),
        };
        if fits {
            return None;
        }
    }
    let name = option.split('=').next().unwrap_or(option);
    let close = ALLOWED
        .iter()
        .map(|(known, _)| (strsim::osa_distance(known.trim_end_matches('='), name), known))
        .min()
        .filter(|(distance, _)| *distance <= 4);
    let message = format!("`{option}` is not on the list of JVM options that a spec may set");
    let help = match close {
        Some((_, known)) => format!("write `{known}`, or leave it out"),
        None => "leave it out; options can load code or open ports, so only known ones pass".to_owned(),
    };
    Some((message, help))
}
