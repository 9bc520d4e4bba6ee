//! Subject alternative names: the host names and addresses that a server's certificate answers to.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A host name of letters, digits, hyphens and dots, in lower case; never a wildcard, never an address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DnsName(String);

/// A text that is no host name.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("host name {name:?} {problem}")]
pub struct InvalidDnsName {
    /// The offending text.
    pub name: String,
    /// What is wrong with it, to be read after the name.
    pub problem: &'static str,
}

/// A name in a certificate that peers are checked against. Ordered and written as `dns:NAME` or `ip:ADDRESS`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum AltName {
    /// A host name.
    Dns(DnsName),
    /// An IPv4 or IPv6 address.
    Ip(IpAddr),
}

impl DnsName {
    /// The name as it stands in a certificate.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DnsName {
    type Err = InvalidDnsName;

    fn from_str(name: &str) -> Result<Self, InvalidDnsName> {
        let invalid = |problem| InvalidDnsName { name: name.to_owned(), problem };
        if name.is_empty() {
            return Err(invalid("is empty"));
        }
        // RFC 1035: 255 octets on the wire are 253 characters
        if name.len() > 253 {
            return Err(invalid("is longer than 253 characters"));
        }
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.')) {
            return Err(invalid("holds something else than letters, digits, hyphens and dots"));
        }
        for label in name.split('.') {
            if label.is_empty() || label.len() > 63 {
                return Err(invalid("has a part of no or of more than 63 characters"));
            }
            if label.starts_with('-') || label.ends_with('-') {
                return Err(invalid("has a part that begins or ends with a hyphen"));
            }
        }
        // WHATWG URL and inet_aton read a last part of digits as an address
        if name.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit())) {
            return Err(invalid("ends with a number and would be read as an address"));
        }
        Ok(Self(name.to_ascii_lowercase()))
    }
}

impl fmt::Display for DnsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for AltName {
    type Err = InvalidDnsName;

    /// Reads an address or a host name, with or without `ip:` or `dns:` before it.
    fn from_str(text: &str) -> Result<Self, InvalidDnsName> {
        if let Some(name) = text.strip_prefix("dns:") {
            return name.parse().map(Self::Dns);
        }
        let address = text.strip_prefix("ip:");
        match (address.unwrap_or(text).parse::<IpAddr>(), address) {
            (Ok(address), _) => Ok(Self::Ip(address)),
            (Err(_), None) => text.parse().map(Self::Dns),
            (Err(_), Some(_)) => Err(InvalidDnsName { name: text.to_owned(), problem: "is no address" }),
        }
    }
}

impl fmt::Display for AltName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => write!(f, "dns:{name}"),
            Self::Ip(address) => write!(f, "ip:{address}"),
        }
    }
}

impl From<IpAddr> for AltName {
    fn from(address: IpAddr) -> Self {
        Self::Ip(address)
    }
}

impl TryFrom<String> for AltName {
    type Error = InvalidDnsName;
    fn try_from(text: String) -> Result<Self, InvalidDnsName> {
        text.parse()
    }
}

impl From<AltName> for String {
    fn from(name: AltName) -> String {
        name.to_string()
    }
}

impl AltName {
    /// The name as the certificate writer wants it.
    pub(crate) fn to_rcgen(&self) -> rcgen::SanType {
        match self {
            Self::Dns(name) => {
                rcgen::SanType::DnsName(name.as_str().try_into().expect("a checked host name is ASCII"))
            }
            Self::Ip(address) => rcgen::SanType::IpAddress(*address),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_host_names_are_told_apart() {
        for (text, written) in [
            ("localhost", "dns:localhost"),
            ("Brokers-0.Telemetry.klamm", "dns:brokers-0.telemetry.klamm"),
            ("127.0.0.1", "ip:127.0.0.1"),
            ("0:0::1", "ip:::1"),
            ("dns:a.b", "dns:a.b"),
            ("ip:10.0.0.1", "ip:10.0.0.1"),
        ] {
            let name: AltName = text.parse().unwrap();
            assert_eq!(name.to_string(), written);
            assert_eq!(written.parse(), Ok(name));
        }
    }

    #[test]
    fn what_no_host_is_called_is_refused() {
        let long = format!("{}.klamm", "a".repeat(64));
        for text in
            ["", "a b", "*.klamm", "a..b", "-a", "a-.b", "a_b", "x.", "10.0.0.256", "ü", "ip:host", &long]
        {
            assert!(text.parse::<AltName>().is_err(), "{text:?} was taken");
        }
    }
}
