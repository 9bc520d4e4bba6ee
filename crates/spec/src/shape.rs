//! Every key of the spec, once: what readers accept, what suggestions offer, what `explain` and the JSON Schema say.

mod fleet;
mod people;
mod rest;

pub(crate) use rest::CLUSTER;

/// A mapping with fixed keys.
#[derive(Debug)]
pub(crate) struct Shape {
    /// What the mapping describes, with its article: `a pool`.
    pub(crate) name: &'static str,
    /// Its keys, in the order in which people should read them.
    pub(crate) fields: &'static [Field],
}

/// One key.
#[derive(Debug)]
pub(crate) struct Field {
    /// The key.
    pub(crate) key: &'static str,
    /// What it means, in sentences.
    pub(crate) doc: &'static str,
    /// Without it; empty if it is required.
    pub(crate) default: &'static str,
    /// A good value, in YAML.
    pub(crate) example: &'static str,
    /// What its value may be.
    pub(crate) kind: Kind,
}

/// What a value may be.
#[derive(Debug)]
pub(crate) enum Kind {
    /// Text that matches the pattern (a regular expression of JSON Schema); empty for any.
    Text(&'static str),
    /// `true` or `false`.
    Bool,
    /// A whole number, both ends included.
    Integer { least: u64, most: u64 },
    /// A number of bytes.
    Size,
    /// A span of time.
    Duration,
    /// One of some words.
    OneOf(&'static [&'static str]),
    /// A list.
    List(&'static Kind),
    /// A mapping with fixed keys.
    Map(&'static Shape),
    /// A mapping from names that people choose.
    Named { pattern: &'static str, value: &'static Kind },
    /// Kafka's own keys with their values.
    Properties,
    /// Either of two.
    Either(&'static Kind, &'static Kind),
}

impl Shape {
    /// One of its keys.
    pub(crate) fn field(&self, key: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.key == key)
    }
}

impl Field {
    /// Whether a spec without it is refused.
    pub(crate) fn is_required(&self) -> bool {
        self.default.is_empty()
    }
}

/// Names that become parts of host names (RFC 1123).
pub(crate) const LABEL: &str = "^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$";
/// Any port.
pub(crate) const PORT: Kind = Kind::Integer { least: 1, most: 65535 };
/// Host selectors.
pub(crate) const HOSTS: Kind = Kind::List(&Kind::Text(r"^[A-Za-z0-9._-]*\*?$"));
/// Heaps.
pub(crate) const HEAP: Kind = Kind::Either(&Kind::OneOf(&["auto"]), &Kind::Size);
