//! Klamm's certificates: authorities, keys, requests, issuing, inspection, and the bridge to rustls.
//!
//! Bytes in, bytes out. It must never read a clock, a file, a socket or the environment, and never start a process:
//! moments come in as [`jiff::Timestamp`], serial numbers as random bytes; only keys are generated here.
//! A private key is made where it is used and leaves this crate only as a [`SecretPem`].
//!
//! Start at [`Profile`]: what a certificate can be. A [`CertificateRequest`] asks for one, an [`Authority`] signs it
//! against a [`Grant`], a [`Credential`] is the result with its key, and [`LiveIdentity`] presents it in handshakes.

mod alt_name;
mod authority;
mod check;
mod credential;
mod fingerprint;
mod inspect;
mod issue;
mod key;
mod pem;
mod profile;
mod request;
mod rfc2253;
mod serial;
mod subject;
mod tls;
mod validity;

pub use alt_name::{AltName, DnsName, InvalidDnsName};
pub use authority::{Authority, AuthorityError, AuthorityKind, NewAuthority};
pub use check::{Finding, check_credential};
pub use credential::{Credential, CredentialError};
pub use fingerprint::{Fingerprint, InvalidFingerprint};
pub use inspect::{CertificateFacts, InspectError, KeyPurpose, inspect, inspect_der};
pub use issue::{Grant, IssueError, IssuedCertificate};
pub use key::{KeyError, PrivateKey, SecretPem};
pub use pem::{PemError, keystore_pem, trust_bundle};
pub use profile::Profile;
pub use request::{CertificateRequest, RequestError};
pub use serial::Serial;
pub use subject::{InvalidSubjectName, Subject, SubjectName};
pub use tls::{
    ClientAuth, LiveIdentity, TlsError, client_config, crypto_provider, enrolment_client_config, root_store,
    server_config,
};
pub use validity::{Validity, ValidityError, renew_at};

#[cfg(test)]
mod tests;
