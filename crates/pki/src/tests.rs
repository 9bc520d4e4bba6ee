//! Authorities and credentials for this crate's tests: one cluster, one installation, valid now.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use crate::{
    AltName, Authority, AuthorityKind, CertificateRequest, Credential, Grant, IssueError, IssuedCertificate,
    NewAuthority, PrivateKey, Profile, Serial, SubjectName, Validity,
};

pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

pub(crate) struct World {
    pub(crate) now: Timestamp,
    pub(crate) nodes: Authority,
    pub(crate) users: Authority,
    pub(crate) klamm: Authority,
}

pub(crate) fn name(text: &str) -> SubjectName {
    text.parse().unwrap()
}

pub(crate) fn names<const N: usize>(texts: [&str; N]) -> BTreeSet<AltName> {
    texts.into_iter().map(|text| text.parse().unwrap()).collect()
}

pub(crate) fn serial(byte: u8) -> Serial {
    Serial::from_random([byte; 16])
}

pub(crate) fn authority(kind: AuthorityKind, owner: &str, generation: u32, validity: Validity) -> Authority {
    let new =
        NewAuthority { kind, owner: name(owner), generation, validity, serial: serial(generation as u8) };
    Authority::create(new, PrivateKey::generate().unwrap()).unwrap()
}

impl World {
    pub(crate) fn new() -> Self {
        // the handshakes of the tests read the real clock
        let now = Timestamp::now();
        let validity = Validity::starting(now, DAY * 3650).unwrap();
        Self {
            now,
            nodes: authority(AuthorityKind::Nodes, "telemetry", 1, validity),
            users: authority(AuthorityKind::Users, "telemetry", 1, validity),
            klamm: authority(AuthorityKind::Klamm, "lab", 1, validity),
        }
    }

    pub(crate) fn authority(&self, kind: AuthorityKind) -> &Authority {
        match kind {
            AuthorityKind::Nodes => &self.nodes,
            AuthorityKind::Users => &self.users,
            AuthorityKind::Klamm => &self.klamm,
        }
    }

    pub(crate) fn grant(&self, profile: Profile) -> Grant {
        Grant { profile, validity: Validity::starting(self.now, DAY * 90).unwrap(), serial: serial(0xab) }
    }

    /// Issues for a request that asks for exactly what is granted.
    pub(crate) fn issue(&self, grant: &Grant) -> Result<(PrivateKey, IssuedCertificate), IssueError> {
        let key = PrivateKey::generate().unwrap();
        let request = CertificateRequest::create(&key, &grant.profile).unwrap();
        let issued = self.authority(grant.profile.authority()).issue(&request, grant)?;
        Ok((key, issued))
    }

    pub(crate) fn credential(&self, profile: Profile) -> Credential {
        let (key, issued) = self.issue(&self.grant(profile)).unwrap();
        Credential::new(key, &issued.chain_pem).unwrap()
    }

    pub(crate) fn node(&self, slot: &str) -> Credential {
        self.credential(node_profile(slot))
    }

    pub(crate) fn user(&self, user: &str) -> Credential {
        self.credential(user_profile(user))
    }
}

pub(crate) fn node_profile(slot: &str) -> Profile {
    let names = names(["localhost", &format!("{slot}.telemetry.klamm"), "127.0.0.1", "::1"]);
    Profile::Node { cluster: name("telemetry"), slot: name(slot), names }
}

pub(crate) fn user_profile(user: &str) -> Profile {
    Profile::User { cluster: name("telemetry"), name: name(user) }
}
