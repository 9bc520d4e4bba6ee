//! What only the server holds: the authorities and the target-signing key, each in a file of its own, 0600.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rand::Rng;
use thiserror::Error;

use klamm_core::model::{ClusterId, ClusterName};
use klamm_core::planner::TrustBundles;
use klamm_core::signature::{SignatureError, SigningKey};
use klamm_disk::{DiskError, read_file, replace_file};
use klamm_pki::{
    Authority, AuthorityError, AuthorityKind, KeyError, NewAuthority, PrivateKey, Serial, SubjectName,
    Validity, ValidityError,
};

/// How long an authority lives. A leaf may live a sixth of it (rotation invariant I4), so this allows leaves of
/// up to twenty months.
const AUTHORITY_LIFE: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// Why a key or an authority could not be had.
#[derive(Debug, Error)]
pub enum KeysError {
    /// Its file could not be read or written.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The key is damaged, or could not be made.
    #[error("{path}: the key cannot be used")]
    Key {
        /// Its file.
        path: PathBuf,
        /// Why.
        #[source]
        source: KeyError,
    },
    /// The authority is damaged, or could not be made.
    #[error("{path}: the authority cannot be used")]
    Authority {
        /// Its file.
        path: PathBuf,
        /// Why.
        #[source]
        source: AuthorityError,
    },
    /// Its life cannot be written down.
    #[error("an authority of ten years cannot be made now")]
    Validity(#[from] ValidityError),
    /// The target-signing key is damaged.
    #[error("{path}: the key cannot be used")]
    Signing {
        /// Its file.
        path: PathBuf,
        /// Why.
        #[source]
        source: SignatureError,
    },
    /// One half of an authority is missing: making a new one would cut off everything that trusts the old.
    #[error("{missing} is missing beside its other half; restore it from a backup")]
    Half {
        /// The missing file.
        missing: PathBuf,
    },
}

/// The folder of keys.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    folder: PathBuf,
}

/// The two authorities of a cluster.
#[derive(Debug, Clone)]
pub(crate) struct ClusterAuthorities {
    /// Issues to nodes, and to the server as their client.
    pub nodes: Arc<Authority>,
    /// Issues to users.
    pub users: Arc<Authority>,
}

impl ClusterAuthorities {
    /// What certificates are verified with.
    pub(crate) fn trust(&self) -> TrustBundles {
        TrustBundles {
            nodes: self.nodes.certificate_pem().to_owned(),
            users: self.users.certificate_pem().to_owned(),
        }
    }
}

impl Keys {
    /// Keys in `folder`.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The target-signing key; made at the first call.
    pub(crate) fn signing(&self, random: &mut dyn Rng) -> Result<SigningKey, KeysError> {
        let path = self.folder.join("targets.key");
        if let Some(pkcs8) = read_file(&path)? {
            return SigningKey::from_pkcs8(&pkcs8).map_err(|source| KeysError::Signing { path, source });
        }
        let mut seed = [0; 32];
        random.fill_bytes(&mut seed);
        let key = SigningKey::from_seed(&seed);
        replace_file(&path, key.to_pkcs8())?;
        Ok(key)
    }

    /// Klamm's own authority; made at the first call.
    pub(crate) fn klamm(&self, random: &mut dyn Rng) -> Result<Arc<Authority>, KeysError> {
        let owner: SubjectName = "klamm".parse().expect("a plain word is a subject name");
        ensure_authority(&self.folder, AuthorityKind::Klamm, owner, random)
    }

    /// The authorities of a cluster; made at the first call. They belong to its id, so that a cluster of the same
    /// name that comes later trusts nobody of this one.
    pub(crate) fn cluster(
        &self,
        id: ClusterId,
        name: &ClusterName,
        random: &mut dyn Rng,
    ) -> Result<ClusterAuthorities, KeysError> {
        let folder = self.cluster_folder(id);
        let owner: SubjectName = name.as_str().parse().expect("a cluster name is a subject name");
        let nodes = ensure_authority(&folder, AuthorityKind::Nodes, owner.clone(), random)?;
        let users = ensure_authority(&folder, AuthorityKind::Users, owner, random)?;
        Ok(ClusterAuthorities { nodes, users })
    }

    /// Deletes the authorities of a destroyed cluster.
    pub(crate) fn forget(&self, id: ClusterId) -> Result<(), KeysError> {
        Ok(klamm_disk::delete(&self.cluster_folder(id))?)
    }

    fn cluster_folder(&self, id: ClusterId) -> PathBuf {
        self.folder.join("clusters").join(id.to_string())
    }
}

fn ensure_authority(
    folder: &Path,
    kind: AuthorityKind,
    owner: SubjectName,
    random: &mut dyn Rng,
) -> Result<Arc<Authority>, KeysError> {
    let certificate = folder.join(format!("{}.pem", kind.as_str()));
    let key = folder.join(format!("{}.key", kind.as_str()));
    let authority = match (read_file(&certificate)?, read_file(&key)?) {
        (Some(pem), Some(secret)) => {
            let key = PrivateKey::from_pem(&String::from_utf8_lossy(&secret))
                .map_err(|source| KeysError::Key { path: key, source })?;
            Authority::load(&String::from_utf8_lossy(&pem), key)
                .map_err(|source| KeysError::Authority { path: certificate, source })?
        }
        // A key without its certificate: killed between the two writes, or the certificate was lost. With the same
        // key and name, whatever was issued stays good.
        (None, kept) => {
            let unusable = |source| KeysError::Key { path: key.clone(), source };
            let secret = match kept {
                Some(secret) => PrivateKey::from_pem(&String::from_utf8_lossy(&secret)).map_err(unusable)?,
                None => {
                    let secret = PrivateKey::generate().map_err(unusable)?;
                    replace_file(&key, secret.to_pem().as_bytes())?;
                    secret
                }
            };
            let new = NewAuthority {
                kind,
                owner,
                generation: 1,
                validity: Validity::starting(Timestamp::now(), AUTHORITY_LIFE)?,
                serial: fresh_serial(random),
            };
            let authority = Authority::create(new, secret)
                .map_err(|source| KeysError::Authority { path: certificate.clone(), source })?;
            replace_file(&certificate, authority.certificate_pem().as_bytes())?;
            authority
        }
        (Some(_), None) => return Err(KeysError::Half { missing: key }),
    };
    Ok(Arc::new(authority))
}

/// A serial number that nobody can foresee.
pub(crate) fn fresh_serial(random: &mut dyn Rng) -> Serial {
    let mut bytes = [0; 16];
    random.fill_bytes(&mut bytes);
    Serial::from_random(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities_are_made_once_and_private_and_a_lost_half_is_never_replaced() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::new(folder.path().to_owned());
        let random = &mut rand::rng();
        let (id, name) = (ClusterId::from_random([1; 16]), "dev".parse().unwrap());
        let first = keys.cluster(id, &name, random).unwrap();
        let second = keys.cluster(id, &name, random).unwrap();
        assert_eq!(first.trust(), second.trust());
        assert_ne!(first.trust().nodes, first.trust().users);
        let key = folder.path().join(format!("clusters/{id}/nodes.key"));
        assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::remove_file(&key).unwrap();
        assert!(matches!(keys.cluster(id, &name, random), Err(KeysError::Half { .. })));
    }
}
