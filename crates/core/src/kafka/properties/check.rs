//! Whether a value fits a property, as `ConfigDef.parseType` and its validators see it.

use std::fmt::Display;
use std::str::FromStr;

use thiserror::Error;

use super::{Property, PropertyKind, Range};

/// Why a value is refused; read after the key and its value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ValueProblem {
    /// Not a key of this line of Kafka.
    #[error("is not a key that this Kafka knows")]
    UnknownKey,
    /// Of another type.
    #[error("is not {expected}")]
    Type {
        /// What it should be, for example `a whole number`.
        expected: &'static str,
    },
    /// A number that is too small or too large.
    #[error("is out of range: {range}")]
    Range {
        /// What it may be, for example `1 to 17`.
        range: String,
    },
    /// Not one of a few values.
    #[error("may only be {}", allowed.join(", "))]
    NotAllowed {
        /// The values there are.
        allowed: Vec<&'static str>,
    },
    /// Nothing, where there must be something.
    #[error("may not be empty")]
    Empty,
    /// An item twice in a list that Kafka takes as a set.
    #[error("names {item} twice")]
    Duplicate {
        /// The item.
        item: String,
    },
}

pub(super) fn check(property: &Property, value: &str) -> Result<(), ValueProblem> {
    let value = value.trim();
    if value.starts_with("${") && value.ends_with('}') {
        return Ok(()); // a config provider gives the value when the node starts
    }
    match &property.kind {
        PropertyKind::Boolean => {
            let known = value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false");
            if known { Ok(()) } else { Err(ValueProblem::Type { expected: "true or false" }) }
        }
        PropertyKind::Short { range } => {
            check_number::<i16>(value, "a whole number of 16 bits").and_then(|n| check_range(n.into(), range))
        }
        PropertyKind::Int { range } => {
            check_number::<i32>(value, "a whole number of 32 bits").and_then(|n| check_range(n.into(), range))
        }
        PropertyKind::Long { range } => {
            check_number::<i64>(value, "a whole number of 64 bits").and_then(|n| check_range(n, range))
        }
        PropertyKind::Double { range } => {
            check_number::<f64>(value, "a number").and_then(|n| check_range(n, range))
        }
        PropertyKind::String { allowed, any_case, not_empty } => {
            if *not_empty && value.is_empty() {
                return Err(ValueProblem::Empty);
            }
            check_allowed(value, allowed, *any_case)
        }
        PropertyKind::List { allowed, distinct, not_empty } => {
            check_list(value, allowed, *distinct, *not_empty)
        }
        PropertyKind::Password => Ok(()),
        PropertyKind::Class => check_class(value),
    }
}

fn check_number<T: FromStr>(value: &str, expected: &'static str) -> Result<T, ValueProblem> {
    value.parse().map_err(|_| ValueProblem::Type { expected })
}

fn check_range<T: PartialOrd + Display>(number: T, range: &Range<T>) -> Result<(), ValueProblem> {
    let fits = range.least.as_ref().is_none_or(|least| number >= *least)
        && range.most.as_ref().is_none_or(|most| number <= *most);
    if fits { Ok(()) } else { Err(ValueProblem::Range { range: range.to_string() }) }
}

fn check_allowed(value: &str, allowed: &[&'static str], any_case: bool) -> Result<(), ValueProblem> {
    let equal = |one: &&str| if any_case { one.eq_ignore_ascii_case(value) } else { *one == value };
    if allowed.is_empty() || allowed.iter().any(equal) {
        Ok(())
    } else {
        Err(ValueProblem::NotAllowed { allowed: allowed.to_vec() })
    }
}

fn check_list(
    value: &str,
    allowed: &[&'static str],
    distinct: bool,
    not_empty: bool,
) -> Result<(), ValueProblem> {
    if value.is_empty() {
        return if not_empty { Err(ValueProblem::Empty) } else { Ok(()) };
    }
    let mut seen: Vec<&str> = Vec::new();
    for item in value.split(',').map(str::trim) {
        check_allowed(item, allowed, false)?;
        if distinct && item.is_empty() {
            return Err(ValueProblem::Empty);
        }
        if distinct && seen.contains(&item) {
            return Err(ValueProblem::Duplicate { item: item.to_owned() });
        }
        seen.push(item);
    }
    Ok(())
}

/// A binary class name: identifiers with dots between, `$` for inner classes.
fn check_class(value: &str) -> Result<(), ValueProblem> {
    let identifier = |part: &str| {
        let mut letters = part.chars();
        letters.next().is_some_and(|first| first.is_alphabetic() || matches!(first, '_' | '$'))
            && letters.all(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '$'))
    };
    if value.split('.').all(identifier) {
        Ok(())
    } else {
        Err(ValueProblem::Type { expected: "the full name of a Java class" })
    }
}
