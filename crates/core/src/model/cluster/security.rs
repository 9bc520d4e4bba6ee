//! Certificates and users as the spec wants them.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::InvalidName;
use super::{AccessRule, AclOperation, ResourcePattern, SaslMechanism};

/// Who issues certificates, and for how long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificatePolicy {
    /// The issuer of node and user certificates.
    pub authority: Authority,
    /// How long a node's certificate lives.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub lifetime: Duration,
    /// The share of its life after which a certificate is renewed.
    pub renew_at: Fraction,
}

impl CertificatePolicy {
    /// 90 days, renewed with 30 left: a fleet must outlive a long outage of its server.
    pub const DEFAULT: Self = Self {
        authority: Authority::Builtin,
        lifetime: Duration::from_secs(90 * 24 * 3600),
        renew_at: Fraction { numerator: 2, denominator: 3 },
    };

    /// How old a certificate is when it is renewed.
    pub fn renewal_age(&self) -> Duration {
        self.renew_at.of(self.lifetime)
    }
}

/// An issuer of certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Authority {
    /// Klamm's own.
    Builtin,
}

/// A proper fraction, more than 0 and less than 1: `2/3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fraction {
    numerator: u32,
    denominator: u32,
}

impl Fraction {
    /// That part of a duration, rounded down to nanoseconds.
    pub fn of(self, whole: Duration) -> Duration {
        let nanos = whole.as_nanos() * u128::from(self.numerator) / u128::from(self.denominator);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

impl FromStr for Fraction {
    type Err = InvalidName;
    fn from_str(value: &str) -> Result<Self, InvalidName> {
        let invalid = |problem| InvalidName { kind: "fraction", value: value.to_owned(), problem };
        let number = |text: &str| text.trim().parse::<u32>().ok();
        let (numerator, denominator) = value
            .split_once('/')
            .and_then(|(over, under)| Some((number(over)?, number(under)?)))
            .ok_or_else(|| invalid("is not a fraction such as 2/3"))?;
        if numerator == 0 || numerator >= denominator {
            return Err(invalid("is not between 0 and 1"));
        }
        Ok(Self { numerator, denominator })
    }
}

impl TryFrom<String> for Fraction {
    type Error = InvalidName;
    fn try_from(value: String) -> Result<Self, InvalidName> {
        value.parse()
    }
}

impl From<Fraction> for String {
    fn from(fraction: Fraction) -> String {
        fraction.to_string()
    }
}

impl fmt::Display for Fraction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/{}", self.numerator, self.denominator))
    }
}

/// A user of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// How the user proves who it is.
    pub auth: UserAuth,
    /// What it may do, as the spec's lines say it; nothing else is allowed.
    pub allow: Vec<AccessRule>,
}

impl User {
    /// The rights as Kafka's ACL entries: each operation on each resource once, sorted.
    pub fn acls(&self) -> BTreeSet<(ResourcePattern, AclOperation)> {
        self.allow.iter().flat_map(AccessRule::acls).collect()
    }
}

/// How a user proves who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UserAuth {
    /// By a certificate of the user authority.
    Mtls,
    /// By a password that Klamm makes and keeps.
    Sasl(SaslMechanism),
}
