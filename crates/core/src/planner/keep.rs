//! What an existing slot keeps. An edit is what differs between two specs in the eyes of one Klamm on one host: it
//! is made, and all else stays as it was made once. So a newer Klamm, other defaults, or a host with more
//! memory change nothing by themselves.

use std::collections::{BTreeMap, BTreeSet};

use super::made::{Made, names_collector};
use crate::render::properties::read_properties;

/// What a slot had and what it gets: of files their text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Content {
    /// `server.properties`.
    pub(super) properties: String,
    /// The configuration of its log.
    pub(super) logging: String,
    /// The Java command line.
    pub(super) jvm_options: Vec<String>,
    /// The arguments of Kafka's main class.
    pub(super) arguments: Vec<String>,
}

impl Content {
    /// Everything anew.
    pub(super) fn of(made: &Made) -> Self {
        Self {
            properties: made.properties.render(),
            logging: made.logging.clone(),
            jvm_options: made.jvm_options.clone(),
            arguments: made.arguments.clone(),
        }
    }

    /// What it has, with what differs between `before` and `after`, and with all that the spec itself says now.
    pub(super) fn edited(&self, before: &Made, after: &Made) -> Self {
        Self {
            properties: self.edited_properties(before, after),
            logging: keep(&self.logging, &before.logging, &after.logging).clone(),
            jvm_options: self.edited_jvm_options(before, after),
            arguments: keep(&self.arguments, &before.arguments, &after.arguments).clone(),
        }
    }

    fn edited_properties(&self, before: &Made, after: &Made) -> String {
        let current = read_properties(&self.properties);
        let mut wanted = edited(&current, &before.properties.to_map(), &after.properties.to_map());
        wanted.extend(after.own_settings.clone());
        if wanted == current {
            return self.properties.clone();
        }
        after.properties.clone().with(wanted).render()
    }

    fn edited_jvm_options(&self, before: &Made, after: &Made) -> Vec<String> {
        let current = by_name(&self.jvm_options);
        let made = by_name(&after.jvm_options);
        let mut wanted = edited(&current, &by_name(&before.jvm_options), &made);
        wanted.extend(by_name(&after.own_jvm_options));
        if wanted == current {
            return self.jvm_options.clone();
        }
        let mut named = BTreeSet::new();
        let order = after.jvm_options.iter().chain(&self.jvm_options).map(|option| option_name(option));
        let order = order.filter(|name| named.insert(name.clone()));
        order.filter_map(|name| wanted.get(&name).cloned()).collect()
    }
}

/// The current value, unless an edit says otherwise.
pub(super) fn keep<'a, T: PartialEq>(current: &'a T, before: &T, after: &'a T) -> &'a T {
    if before == after { current } else { after }
}

/// `current` with each difference between `before` and `after` made to it.
fn edited(
    current: &BTreeMap<String, String>,
    before: &BTreeMap<String, String>,
    after: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut wanted = current.clone();
    for key in before.keys().chain(after.keys()) {
        match (before.get(key), after.get(key)) {
            (before, after) if before == after => {}
            (_, Some(value)) => drop(wanted.insert(key.clone(), value.clone())),
            (_, None) => drop(wanted.remove(key)),
        }
    }
    wanted
}

fn by_name(options: &[String]) -> BTreeMap<String, String> {
    options.iter().map(|option| (option_name(option), option.clone())).collect()
}

/// What two Java options have in common when the second replaces the first.
pub(super) fn option_name(option: &str) -> String {
    if names_collector(option) {
        return "collector".to_owned();
    }
    if let Some(rest) = option.strip_prefix("-XX:") {
        let name = rest.trim_start_matches(['+', '-']).split('=').next().unwrap_or(rest);
        return format!("-XX:{name}");
    }
    if let Some(rest) = option.strip_prefix("-Xlog:") {
        return format!("-Xlog:{}", rest.split(':').next().unwrap_or(rest));
    }
    for sized in ["-Xmx", "-Xms", "-Xmn", "-Xss"] {
        if option.starts_with(sized) {
            return sized.to_owned();
        }
    }
    if option.starts_with("-D") {
        return option.split('=').next().unwrap_or(option).to_owned();
    }
    option.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_replaces_the_one_of_its_name() {
        for (one, other) in [
            ("-Xmx1g", "-Xmx2g"),
            ("-XX:+UseG1GC", "-XX:+UseZGC"),
            ("-XX:+AlwaysPreTouch", "-XX:-AlwaysPreTouch"),
            ("-XX:MaxDirectMemorySize=1g", "-XX:MaxDirectMemorySize=2g"),
            ("-Da=1", "-Da=2"),
            ("-Xlog:gc*:file=/a", "-Xlog:gc*:file=/b"),
        ] {
            assert_eq!(option_name(one), option_name(other));
        }
        assert_ne!(option_name("-Xmx1g"), option_name("-Xms1g"));
        assert_ne!(option_name("--add-opens=a/b=c"), option_name("--add-opens=a/d=c"));
    }

    #[test]
    fn an_edit_is_made_and_all_else_stays() {
        let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        // An older Klamm gave 4 and 2; this one gives 8 and nothing; the edit is x alone.
        let current = map(&[("fetchers", "4"), ("gone", "2"), ("x", "1"), ("y", "1")]);
        let before = map(&[("fetchers", "8"), ("x", "1"), ("y", "1")]);
        let after = map(&[("fetchers", "8"), ("x", "2"), ("z", "3")]);
        let wanted = map(&[("fetchers", "4"), ("gone", "2"), ("x", "2"), ("z", "3")]);
        assert_eq!(edited(&current, &before, &after), wanted);
    }
}
