//! Distinguished names of Klamm's certificates: an organisation, a unit, a common name, in this order.

use std::fmt;
use std::str::FromStr;

use rcgen::{DistinguishedName, DnType};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// X.520 bounds organisation and common name at 64 characters.
pub(crate) const LONGEST_NAME: usize = 64;

/// A part of a subject that somebody chose: a cluster, a slot, a user, a host.
///
/// Letters, digits, dots, hyphens and underscores only: nothing that a distinguished name would have to escape, so
/// that Kafka's mapping rules (`[^,]+`, `[A-Za-z0-9._-]+`) see exactly this text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SubjectName(String);

/// A text that cannot be a part of a subject.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{name:?} {problem}")]
pub struct InvalidSubjectName {
    /// The offending text.
    pub name: String,
    /// What is wrong with it, to be read after the name.
    pub problem: &'static str,
}

/// The subject of a certificate that Klamm issues. Written as RFC 2253 and Java write it: `CN=…,OU=…,O=…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    organization: String,
    unit: &'static str,
    common_name: String,
}

impl SubjectName {
    /// The name as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SubjectName {
    type Err = InvalidSubjectName;

    fn from_str(name: &str) -> Result<Self, InvalidSubjectName> {
        let problem = if name.is_empty() {
            "is empty"
        } else if name.len() > LONGEST_NAME {
            "is longer than the 64 characters of a common name"
        } else if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
        {
            "may hold only letters, digits, dots, hyphens and underscores"
        } else {
            return Ok(Self(name.to_owned()));
        };
        Err(InvalidSubjectName { name: name.to_owned(), problem })
    }
}

impl fmt::Display for SubjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl TryFrom<String> for SubjectName {
    type Error = InvalidSubjectName;
    fn try_from(name: String) -> Result<Self, InvalidSubjectName> {
        name.parse()
    }
}

impl From<SubjectName> for String {
    fn from(name: SubjectName) -> String {
        name.0
    }
}

impl Subject {
    /// The parts are trusted: they come from a [`SubjectName`] or from this crate.
    pub(crate) fn new(organization: &str, unit: &'static str, common_name: impl Into<String>) -> Self {
        Self { organization: organization.to_owned(), unit, common_name: common_name.into() }
    }

    /// The name in the order of the encoding: O, OU, CN. RFC 2253 writes it backwards, which gives the order that
    /// Kafka's mapping rules are written for.
    pub(crate) fn to_distinguished_name(&self) -> DistinguishedName {
        let mut name = DistinguishedName::new();
        name.push(DnType::OrganizationName, self.organization.as_str());
        name.push(DnType::OrganizationalUnitName, self.unit);
        name.push(DnType::CommonName, self.common_name.as_str());
        name
    }

    /// The common name.
    pub(crate) fn common_name(&self) -> &str {
        &self.common_name
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { organization, unit, common_name } = self;
        write!(f, "CN={common_name},OU={unit},O={organization}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_would_need_escaping_is_refused() {
        for name in ["", "a,b", "a=b", "a b", "node:tele", "a+b", "\"", "ü", "a\0", "a\n", &"a".repeat(65)] {
            assert!(name.parse::<SubjectName>().is_err(), "{name:?} was taken");
        }
        for name in ["telemetry", "brokers-0", "Alice.B_c", &"a".repeat(64)] {
            assert_eq!(name.parse::<SubjectName>().unwrap().as_str(), name);
        }
    }
}
