//! What a key of the spec means, for `klamm spec explain KEY`.

use crate::read::describe;
use crate::shape::{CLUSTER, Field, Kind, Shape};

/// One key, explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The path with `NAME` where people choose a name: `pools.NAME.heap`.
    pub path: String,
    /// What it means.
    pub doc: &'static str,
    /// What its value may be.
    pub value: String,
    /// What is without it; none if it is required.
    pub default: Option<&'static str>,
    /// A good value, in YAML.
    pub example: &'static str,
    /// The keys below it, if there are any.
    pub keys: Vec<&'static str>,
}

/// Explains a key by its path (`pools.brokers.heap`, any names will do), or all keys of that name (`heap`).
pub fn explain(query: &str) -> Vec<Explanation> {
    let mut all = Vec::new();
    collect(&CLUSTER, "", &mut all);
    let parts: Vec<&str> = query.split('.').collect();
    let fits = |explanation: &Explanation| {
        let path: Vec<&str> = explanation.path.split('.').collect();
        let same = |(part, wanted): (&&str, &&str)| part == wanted || *part == "NAME";
        let whole = path.len() == parts.len() && path.iter().zip(&parts).all(same);
        whole || (parts.len() == 1 && path.last() == parts.first())
    };
    all.retain(fits);
    all
}

fn collect(shape: &'static Shape, below: &str, all: &mut Vec<Explanation>) {
    for field in shape.fields {
        let path = if below.is_empty() { field.key.to_owned() } else { format!("{below}.{}", field.key) };
        let inner = inner_shape(&field.kind);
        all.push(explanation(field, &path, inner));
        if let Some((inner, named)) = inner {
            collect(inner, &if named { format!("{path}.NAME") } else { path }, all);
        }
    }
}

fn explanation(field: &'static Field, path: &str, inner: Option<(&'static Shape, bool)>) -> Explanation {
    Explanation {
        path: path.to_owned(),
        doc: field.doc,
        value: describe(&field.kind),
        default: (!field.is_required()).then_some(field.default),
        example: field.example,
        keys: inner.map_or(vec![], |(shape, _)| shape.fields.iter().map(|field| field.key).collect()),
    }
}

/// The mapping inside a kind, and whether people choose its names.
fn inner_shape(kind: &'static Kind) -> Option<(&'static Shape, bool)> {
    match kind {
        Kind::Map(shape) => Some((shape, false)),
        Kind::Named { value, .. } => inner_shape(value).map(|(shape, _)| (shape, true)),
        Kind::List(item) => inner_shape(item),
        Kind::Text(_)
        | Kind::Bool
        | Kind::Integer { .. }
        | Kind::Size
        | Kind::Duration
        | Kind::OneOf(_)
        | Kind::Properties
        | Kind::Either(..) => None,
    }
}
