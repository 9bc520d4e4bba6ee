//! Options of the Java virtual machine in a spec: why one is refused, and what to write instead.

use klamm_core::kafka::jvm_options::{names_of_operators, operators_may_set};

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
    if operators_may_set(option) {
        return None;
    }
    let name = option.split('=').next().unwrap_or(option);
    let close = names_of_operators()
        .map(|known| (strsim::osa_distance(known.trim_end_matches('='), name), known))
        .min()
        .filter(|(distance, _)| *distance <= 4);
    let message = format!("`{option}` is not on the list of JVM options that a spec may set");
    let help = match close {
        Some((_, known)) => format!("write `{known}`, or leave it out"),
        None => "leave it out; options can load code or open ports, so only known ones pass".to_owned(),
    };
    Some((message, help))
}
