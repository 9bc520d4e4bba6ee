//! Whether the document has the shape of a spec: keys known, required ones there, values of their type.

use klamm_core::model::ByteCount;

use super::place::{Place, Problems};
use crate::document::NodeKind;
use crate::problem::Code;
use crate::quantity::duration;
use crate::shape::{Field, Kind, Shape};

/// Checks a mapping and all below it.
pub(super) fn check_shape(place: &Place<'_>, shape: &'static Shape, problems: &mut Problems) {
    let NodeKind::Mapping(_) = place.kind() else {
        wrong_type(place, &Kind::Map(shape), problems);
        return;
    };
    let mut meant: Vec<&str> = Vec::new();
    for (key, value) in place.entries() {
        match shape.field(key) {
            Some(field) => check_field(&value, shape, field, problems),
            None => meant.extend(unknown_key(key, &value, shape, problems)),
        }
    }
    for field in shape.fields.iter().filter(|field| field.is_required()) {
        // A misspelt key was reported where it stands; that it is missing, too, is the same mistake.
        if place.get(field.key).is_none() && !meant.contains(&field.key) {
            let message = format!("{} needs `{}`, {}", shape.name, field.key, first_sentence(field.doc));
            let help = format!("add `{}: {}`", field.key, field.example);
            let mut spot = place.spot();
            spot.value = None;
            problems.error(Code::MissingKey, spot, message, help);
        }
    }
}

/// The beginning of a text, to go on with inside a sentence.
fn first_sentence(doc: &str) -> String {
    let first = doc.split([':', '.', ';']).next().unwrap_or(doc);
    let (head, tail) = first.split_at(first.chars().next().map_or(0, char::len_utf8));
    format!("{}{tail}", head.to_lowercase())
}

fn check_field(place: &Place<'_>, shape: &Shape, field: &'static Field, problems: &mut Problems) {
    if shape.name == "a listener" && field.key == "auth" && check_listener_auth(place, problems) {
        return;
    }
    check_kind(place, &field.kind, problems);
}

fn check_kind(place: &Place<'_>, kind: &'static Kind, problems: &mut Problems) {
    if matches!(place.kind(), NodeKind::Null) {
        let message = format!("`{}` has no value", place.key_spot().value.unwrap_or_default());
        let help = format!("write {}, or leave the key out", describe(kind));
        problems.error(Code::WrongType, place.key_spot(), message, help);
        return;
    }
    match (kind, place.kind()) {
        (Kind::Map(shape), _) => check_shape(place, shape, problems),
        (Kind::Named { value, .. }, NodeKind::Mapping(_)) => {
            place.entries().for_each(|(_, entry)| check_kind(&entry, value, problems));
        }
        (Kind::List(item), NodeKind::List(_)) => {
            place.items().for_each(|entry| check_kind(&entry, item, problems));
        }
        (Kind::Properties, NodeKind::Mapping(_)) => {}
        (Kind::Either(first, second), _) => {
            let fits = |kind: &Kind| match (kind, place.kind()) {
                (Kind::List(_), NodeKind::List(_)) => true,
                (_, NodeKind::Scalar(text)) => scalar_problem(kind, text).is_none(),
                (_, NodeKind::Null | NodeKind::List(_) | NodeKind::Mapping(_)) => false,
            };
            match [first, second].into_iter().find(|kind| fits(kind)) {
                Some(kind) => check_kind(place, kind, problems),
                None => wrong_value(place, kind, problems),
            }
        }
        (
            Kind::Text(_) | Kind::Bool | Kind::Integer { .. } | Kind::Size | Kind::Duration | Kind::OneOf(_),
            NodeKind::Scalar(text),
        ) => {
            if scalar_problem(kind, text).is_some() {
                wrong_value(place, kind, problems);
            }
        }
        (
            Kind::Text(_)
            | Kind::Bool
            | Kind::Integer { .. }
            | Kind::Size
            | Kind::Duration
            | Kind::OneOf(_)
            | Kind::List(_)
            | Kind::Named { .. }
            | Kind::Properties,
            NodeKind::Null | NodeKind::Scalar(_) | NodeKind::List(_) | NodeKind::Mapping(_),
        ) => wrong_type(place, kind, problems),
    }
}

/// Nothing if the text is of the kind. Texts are checked by the types they become.
fn scalar_problem(kind: &Kind, text: &str) -> Option<()> {
    let fits = match kind {
        Kind::Text(_) => true,
        Kind::Bool => matches!(text, "true" | "false"),
        Kind::Integer { least, most } => {
            text.parse().is_ok_and(|number: u64| (*least..=*most).contains(&number))
        }
        Kind::Size => text.parse::<ByteCount>().is_ok(),
        Kind::Duration => duration(text).is_some(),
        Kind::OneOf(words) => words.contains(&text),
        Kind::List(_) | Kind::Map(_) | Kind::Named { .. } | Kind::Properties | Kind::Either(..) => false,
    };
    (!fits).then_some(())
}

fn wrong_value(place: &Place<'_>, kind: &Kind, problems: &mut Problems) {
    let Some(text) = place.scalar() else { return wrong_type(place, kind, problems) };
    let wanted = describe(kind);
    let close = words(kind).into_iter().map(|word| (strsim::osa_distance(word, text), word)).min();
    let help = match close {
        Some((distance, word)) if distance <= 2 && word.len() > 3 => format!("write `{word}`"),
        _ => format!("write {wanted}"),
    };
    let message = if let Kind::Integer { least, most } = kind
        && text.parse::<i128>().is_ok()
    {
        format!("`{text}` is not between {least} and {most}")
    } else {
        format!("`{text}` is not {wanted}")
    };
    problems.error(Code::InvalidValue, place.spot(), message, help);
}

fn wrong_type(place: &Place<'_>, kind: &Kind, problems: &mut Problems) {
    let found = match place.kind() {
        NodeKind::Null => "nothing",
        NodeKind::Scalar(_) => "a single value",
        NodeKind::List(_) => "a list",
        NodeKind::Mapping(_) => "a mapping",
    };
    let name = match place.key_spot().value {
        Some(key) if place.is_item() => format!("an item of `{key}`"),
        Some(key) => format!("`{key}`"),
        None => "the spec".to_owned(),
    };
    let message = format!("{name} is {found} where {} should be", describe(kind));
    let help = match (kind, place.scalar()) {
        (Kind::List(Kind::Map(shape)), Some(text)) => match shape.fields {
            [only] => format!("write `[{{ {}: {text} }}]`", only.key),
            _ => format!("write {}", describe(kind)),
        },
        (Kind::Map(Shape { fields: [only], .. }), Some(text)) => {
            format!("write `{{ {}: {text} }}`", only.key)
        }
        (Kind::List(_), Some(text)) => format!("write `[{text}]`"),
        (Kind::Map(shape), _) => format!("write its keys below it: {}", keys(shape)),
        _ => format!("write {}", describe(kind)),
    };
    problems.error(Code::WrongType, place.spot(), message, help);
}

/// The words that a kind knows.
fn words(kind: &Kind) -> Vec<&'static str> {
    match kind {
        Kind::OneOf(words) => words.to_vec(),
        Kind::Either(first, second) => [words(first), words(second)].concat(),
        Kind::Bool => vec!["true", "false"],
        Kind::Text(_)
        | Kind::Integer { .. }
        | Kind::Size
        | Kind::Duration
        | Kind::List(_)
        | Kind::Map(_)
        | Kind::Named { .. }
        | Kind::Properties => vec![],
    }
}

/// What a kind is, with its article.
pub(crate) fn describe(kind: &Kind) -> String {
    match kind {
        Kind::Text(_) => "text".to_owned(),
        Kind::Bool => "true or false".to_owned(),
        Kind::Integer { least, most } => format!("a whole number from {least} to {most}"),
        Kind::Size => "a size such as 512MiB or 4GiB".to_owned(),
        Kind::Duration => "a duration such as 30s, 5m, 12h or 90d".to_owned(),
        Kind::OneOf([only]) => format!("`{only}`"),
        Kind::OneOf(words) => format!("one of {}", words.join(", ")),
        Kind::List(item) => match item {
            Kind::OneOf(words) => format!("a list of {}", words.join(", ")),
            Kind::Map(shape) => format!("a list of mappings with {}", keys(shape)),
            Kind::Text(_) => "a list such as [a, b]".to_owned(),
            Kind::Bool
            | Kind::Integer { .. }
            | Kind::Size
            | Kind::Duration
            | Kind::List(_)
            | Kind::Named { .. }
            | Kind::Properties
            | Kind::Either(..) => format!("a list, each of it {}", describe(item)),
        },
        Kind::Map(shape) if shape.fields.len() > 4 => "a mapping".to_owned(),
        Kind::Map(shape) => format!("a mapping with {}", keys(shape)),
        Kind::Named { .. } => "a mapping `NAME: …`".to_owned(),
        Kind::Properties => "a mapping `KEY: VALUE` of Kafka's keys".to_owned(),
        Kind::Either(first, second) => format!("{} or {}", describe(first), describe(second)),
    }
}

fn keys(shape: &Shape) -> String {
    let keys: Vec<String> = shape.fields.iter().map(|field| format!("`{}`", field.key)).collect();
    keys.join(", ")
}

/// Reports a key that is not one, and says which one was probably meant.
fn unknown_key(key: &str, value: &Place<'_>, shape: &Shape, problems: &mut Problems) -> Option<&'static str> {
    if forbidden_key(key, value, shape, problems) {
        return None;
    }
    let plain = key.to_ascii_lowercase().replace('_', "-");
    let synonym = SYNONYMS
        .iter()
        .find(|(word, _)| *word == plain)
        .and_then(|(_, meant)| meant.iter().find_map(|meant| shape.field(meant)));
    let close = || {
        shape
            .fields
            .iter()
            .map(|field| (strsim::osa_distance(&plain, field.key), field))
            .filter(|(distance, field)| *distance <= field.key.len().div_ceil(3))
            .min_by_key(|(distance, _)| *distance)
            .map(|(_, field)| field)
    };
    let meant = shape.field(&plain).or(synonym).or_else(close);
    let help = match meant {
        // Where the key is right but stands in the wrong mapping, the words below help more than a guess.
        Some(field) => format!("write `{}`", field.key),
        None => format!("use one of {}", keys(shape)),
    };
    let message = format!("`{key}` is not a key of {}", shape.name);
    problems.error(Code::UnknownKey, value.key_spot(), message, help);
    meant.map(|field| field.key)
}

/// Words that people bring from other tools.
const SYNONYMS: &[(&str, &[&str])] = &[
    ("name", &["cluster"]),
    ("version", &["kafka"]),
    ("replication-factor", &["replicas"]),
    ("replication", &["replicas"]),
    ("replicas", &["count"]),
    ("nodes", &["pools", "count"]),
    ("brokers", &["pools"]),
    ("controllers", &["pools"]),
    ("volumes", &["storage"]),
    ("log-dirs", &["storage"]),
    ("memory", &["heap"]),
    ("xmx", &["heap"]),
    ("racks", &["zones"]),
    ("rack", &["zone", "zones"]),
    ("zone", &["zones"]),
    ("host", &["hosts"]),
    ("role", &["roles"]),
    ("id", &["node-id"]),
    ("properties", &["config"]),
    ("settings", &["config"]),
    ("configuration", &["config"]),
    ("acls", &["allow"]),
    ("permissions", &["allow"]),
    ("authentication", &["auth"]),
    ("advertised-host", &["advertised"]),
    ("advertised-listeners", &["advertised"]),
    ("mirror", &["mirrors"]),
    ("metrics", &["monitoring", "prometheus"]),
    ("validity", &["lifetime"]),
    ("tls", &["certificates"]),
    ("connector.class", &["class"]),
    ("tasks.max", &["tasks"]),
];

/// Keys that are missing on purpose.
fn forbidden_key(key: &str, value: &Place<'_>, shape: &Shape, problems: &mut Problems) -> bool {
    let plain = key.to_ascii_lowercase();
    if ["password", "secret", "passphrase", "credentials"].iter().any(|word| plain.contains(word)) {
        let message = format!("`{key}` would put a secret into a file that is shown, stored and compared");
        let help =
            "leave it out: Klamm makes the password or certificate; `klamm client-config` hands it over";
        problems.error(Code::InlineSecret, value.key_spot(), message, help).hide(value.span());
        return true;
    }
    let security = ["tls", "ssl", "protocol", "security-protocol", "security.protocol", "encryption"];
    if shape.name == "a listener" && security.contains(&plain.as_str()) {
        let message = "a listener has no choice of encryption: every one speaks TLS 1.2 or 1.3";
        problems.error(Code::PlainListener, value.key_spot(), message, "leave it out");
        return true;
    }
    false
}

/// Ways of logging in that are none; says whether it reported one.
fn check_listener_auth(place: &Place<'_>, problems: &mut Problems) -> bool {
    let mut found = false;
    let single = place.scalar().map(|_| place.clone());
    for word_place in place.items().chain(single) {
        let Some(word) = word_place.scalar() else { continue };
        let why = match word.to_ascii_lowercase().as_str() {
            "none" | "plaintext" | "false" | "anonymous" | "tls" | "ssl" => {
                "everybody who reaches the port could read and write"
            }
            "plain" | "sasl_plaintext" | "sasl-plain" => "it hands the password itself to whoever answers",
            _ => continue,
        };
        let message = format!("`{word}` is not a way to log in: {why}");
        let help = "write `mtls` or `[scram-sha-512]`";
        problems.error(Code::PlainListener, word_place.spot(), message, help);
        found = true;
    }
    found
}
