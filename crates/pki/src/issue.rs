//! Issuing: a request is checked against what was granted, and the certificate is written from the grant alone.

use std::time::Duration;

use jiff::Timestamp;
use rcgen::{CertificateParams, IsCa, KeyUsagePurpose, SerialNumber};
use thiserror::Error;

use crate::inspect::inspect_der;
use crate::pem::encode;
use crate::{
    AltName, Authority, AuthorityKind, CertificateFacts, CertificateRequest, InspectError, Profile, Serial,
    Subject, Validity,
};

/// What the caller decided to issue. Everything in the certificate but the public key comes from here.
#[derive(Debug, Clone)]
pub struct Grant {
    /// Whose certificate it is.
    pub profile: Profile,
    /// Its life; must end before the authority's.
    pub validity: Validity,
    /// Its serial number.
    pub serial: Serial,
}

/// A certificate that was issued.
#[derive(Debug, Clone)]
pub struct IssuedCertificate {
    /// What its holder presents: the leaf, then intermediates; never the root, which is trusted and not sent.
    pub chain_pem: String,
    /// What is in the leaf, for the issuance log.
    pub facts: CertificateFacts,
}

/// Why a certificate was refused.
#[derive(Debug, Error)]
pub enum IssueError {
    /// The profile belongs to another kind of authority.
    #[error("{subject} is issued by the {wanted} authority, not by {authority}")]
    WrongAuthority {
        /// Whom the grant was for.
        subject: String,
        /// The kind that may issue it.
        wanted: AuthorityKind,
        /// Who was asked.
        authority: String,
    },
    /// The profile belongs to another cluster.
    #[error("{subject} belongs to another cluster than {authority}")]
    WrongCluster {
        /// Whom the grant was for.
        subject: String,
        /// Who was asked.
        authority: String,
    },
    /// A certificate that serves must answer to a name.
    #[error("{subject} accepts connections and was granted no name or address")]
    NoNames {
        /// Whom the grant was for.
        subject: String,
    },
    /// The request is for somebody else.
    #[error("the request is for {wanted}, granted is {granted}")]
    Subject {
        /// The request's subject, RFC 2253.
        wanted: String,
        /// The granted one.
        granted: String,
    },
    /// The request asks for a name that was not granted.
    #[error("the request of {subject} asks for {name}, which is not granted")]
    Name {
        /// Whom the grant was for.
        subject: String,
        /// The first name outside of the grant.
        name: AltName,
    },
    /// A leaf must expire before its issuer.
    #[error("{subject} would live until {not_after}, {authority} lives until {authority_not_after} only")]
    OutlivesAuthority {
        /// Whom the grant was for.
        subject: String,
        /// Last moment of the granted life.
        not_after: Timestamp,
        /// Who was asked.
        authority: String,
        /// Last moment of the authority's life.
        authority_not_after: Timestamp,
    },
    /// What was written cannot be read back.
    #[error("the certificate that was made for {subject} cannot be read back")]
    Unreadable {
        /// Whom the grant was for.
        subject: String,
        /// What is wrong with it.
        #[source]
        source: InspectError,
    },
    /// The library refused.
    #[error("the certificate of {subject} could not be written")]
    Write {
        /// Whom the grant was for.
        subject: String,
        /// What the library said.
        #[source]
        source: rcgen::Error,
    },
}

impl Authority {
    /// Issues what `grant` says for the key of `request`.
    ///
    /// The request's subject must be the granted one, and its names must all be granted; anything else is refused
    /// by name. Names that were granted and not asked for are in the certificate nevertheless.
    pub fn issue(
        &self,
        request: &CertificateRequest,
        grant: &Grant,
    ) -> Result<IssuedCertificate, IssueError> {
        let Grant { profile, validity, serial } = grant;
        let subject = profile.subject();
        self.check_grant(&subject, profile, *validity)?;
        check_request(&subject, profile, request)?;
        let mut params = params_of(&subject, *validity, *serial);
        params.subject_alt_names = profile.names().map(AltName::to_rcgen).collect();
        params.is_ca = IsCa::ExplicitNoCa;
        // all that a P-256 key does in TLS is to sign
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = profile.key_purposes();
        params.use_authority_key_identifier_extension = true;
        let certificate = params
            .signed_by(request.public_key(), self.issuer())
            .map_err(|source| IssueError::Write { subject: subject.to_string(), source })?;
        let facts = inspect_der(certificate.der())
            .map_err(|source| IssueError::Unreadable { subject: subject.to_string(), source })?;
        Ok(IssuedCertificate { chain_pem: encode("CERTIFICATE", certificate.der()), facts })
    }

    /// What this authority never issues, whatever the caller decided.
    fn check_grant(
        &self,
        subject: &Subject,
        profile: &Profile,
        validity: Validity,
    ) -> Result<(), IssueError> {
        let (subject, authority) = (subject.to_string(), self.facts().subject.clone());
        if profile.authority() != self.kind() {
            return Err(IssueError::WrongAuthority { subject, wanted: profile.authority(), authority });
        }
        if profile.cluster().is_some_and(|cluster| cluster != self.owner()) {
            return Err(IssueError::WrongCluster { subject, authority });
        }
        if profile.serves() && profile.names().next().is_none() {
            return Err(IssueError::NoNames { subject });
        }
        let authority_not_after = self.facts().not_after;
        if validity.not_after() >= authority_not_after {
            let not_after = validity.not_after();
            return Err(IssueError::OutlivesAuthority { subject, not_after, authority, authority_not_after });
        }
        Ok(())
    }
}

fn check_request(
    subject: &Subject,
    profile: &Profile,
    request: &CertificateRequest,
) -> Result<(), IssueError> {
    let granted = subject.to_string();
    if request.subject() != granted {
        return Err(IssueError::Subject { wanted: request.subject().to_owned(), granted });
    }
    match request.names().iter().find(|wanted| !profile.names().any(|name| name == *wanted)) {
        Some(name) => Err(IssueError::Name { subject: granted, name: name.clone() }),
        None => Ok(()),
    }
}

/// The part that all certificates have in common.
pub(crate) fn params_of(subject: &Subject, validity: Validity, serial: Serial) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = subject.to_distinguished_name();
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let since_epoch = |at: Timestamp| Duration::from_secs(at.as_second().unsigned_abs());
    params.not_before = epoch + since_epoch(validity.not_before());
    params.not_after = epoch + since_epoch(validity.not_after());
    params.serial_number = Some(SerialNumber::from_slice(serial.as_bytes()));
    params
}

#[cfg(test)]
mod tests;
