//! Times and sizes with units, turned into the number that Kafka wants. The key's last word says which.

use klamm_core::kafka::properties::PropertyKind;
use klamm_core::model::ByteCount;

use crate::quantity::duration;

/// What a key counts.
#[derive(Clone, Copy)]
enum Unit {
    Time { name: &'static str, milliseconds: u128 },
    Bytes,
}

fn unit(key: &str) -> Option<Unit> {
    let time = |name, milliseconds| Some(Unit::Time { name, milliseconds });
    match key.rsplit('.').next()? {
        "ms" => time("milliseconds", 1),
        "seconds" => time("seconds", 1_000),
        "minutes" => time("minutes", 60_000),
        "hours" => time("hours", 3_600_000),
        "bytes" | "size" => Some(Unit::Bytes),
        _ => None,
    }
}

fn is_number(kind: &PropertyKind) -> bool {
    match kind {
        PropertyKind::Short { .. } | PropertyKind::Int { .. } | PropertyKind::Long { .. } => true,
        PropertyKind::Boolean
        | PropertyKind::Double { .. }
        | PropertyKind::String { .. }
        | PropertyKind::List { .. }
        | PropertyKind::Password
        | PropertyKind::Class => false,
    }
}

/// The value as Kafka reads it; what has no unit stays as it is. `Err` names the unit that does not divide it.
pub(super) fn to_kafka(key: &str, text: &str, kind: &PropertyKind) -> Result<String, &'static str> {
    match unit(key).filter(|_| is_number(kind)) {
        Some(Unit::Time { name, milliseconds }) => match duration(text) {
            Some(time) if time.as_millis() % milliseconds == 0 => {
                Ok((time.as_millis() / milliseconds).to_string())
            }
            Some(_) => Err(name),
            None => Ok(text.to_owned()),
        },
        Some(Unit::Bytes) => Ok(text.parse::<ByteCount>().map_or(text.to_owned(), |size| size.0.to_string())),
        None => Ok(text.to_owned()),
    }
}

/// The same for keys of which nothing is known but the name.
pub(super) fn by_name(key: &str, text: &str) -> String {
    let number =
        PropertyKind::Long { range: klamm_core::kafka::properties::Range { least: None, most: None } };
    to_kafka(key, text, &number).unwrap_or_else(|_| text.to_owned())
}

/// What may be written besides a number.
pub(super) fn hint(key: &str, kind: &PropertyKind) -> &'static str {
    match unit(key).filter(|_| is_number(kind)) {
        Some(Unit::Time { .. }) => ", or a duration such as 7d",
        Some(Unit::Bytes) => ", or a size such as 1GiB",
        None => "",
    }
}
