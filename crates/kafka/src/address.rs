//! Where a Kafka listener can be reached: a host, which is also the name checked in its certificate,
//! and a port.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A listener's host and port. The host is a DNS name or an IP address, without brackets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// DNS name, IPv4 or IPv6 address; the name that TLS verifies.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

/// Why a text is not an address.
#[derive(Debug, Error)]
pub enum AddressError {
    /// There is no `:PORT` at the end.
    #[error("{text:?} has no port: write host:port")]
    NoPort {
        /// What was given.
        text: String,
    },
    /// What follows the last colon is not a TCP port.
    #[error("{text:?} has no valid port")]
    BadPort {
        /// What was given.
        text: String,
        /// Why the port did not parse.
        source: std::num::ParseIntError,
    },
    /// Nothing stands before the port.
    #[error("{text:?} has no host")]
    NoHost {
        /// What was given.
        text: String,
    },
    /// An IPv6 address whose colons cannot be told from the port's.
    #[error("{text:?} is ambiguous: write an IPv6 address as [address]:port")]
    Ambiguous {
        /// What was given.
        text: String,
    },
}

impl Address {
    /// The address of `port` on `host`.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self { host: host.into(), port }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let given = || text.to_owned();
        let (host, port) = text.rsplit_once(':').ok_or_else(|| AddressError::NoPort { text: given() })?;
        let host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            Some(inner) => inner,
            None if host.contains(':') => return Err(AddressError::Ambiguous { text: given() }),
            None => host,
        };
        if host.is_empty() {
            return Err(AddressError::NoHost { text: given() });
        }
        let port = port.parse().map_err(|source| AddressError::BadPort { text: given(), source })?;
        Ok(Self::new(host, port))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_reads_back_as_it_was_written() {
        for text in ["localhost:9092", "10.0.0.1:1", "[::1]:65535", "brokers-0.tele.klamm:9093"] {
            let address: Address = text.parse().expect("a good address");
            assert_eq!(address.to_string(), text);
        }
    }

    #[test]
    fn bad_addresses_are_refused_with_the_text_that_was_given() {
        for text in ["localhost", ":9092", "a:b", "a:70000", "::1:9092", "[]:1"] {
            let error = text.parse::<Address>().expect_err("a bad address");
            assert!(error.to_string().contains(text), "{error}");
        }
    }
}
