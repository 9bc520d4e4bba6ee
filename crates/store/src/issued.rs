//! The issuance log: which certificate was issued to whom, and what for.

use jiff::{SignedDuration, Timestamp};
use rusqlite::params;

use klamm_core::model::ClusterId;

use crate::store::parsed;
use crate::{Store, StoreError};

/// How long the log remembers a certificate that has expired.
const KEPT_AFTER_EXPIRY: SignedDuration = SignedDuration::from_hours(30 * 24);

/// One issued certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// Its serial number, lower-case hexadecimal.
    pub serial: String,
    /// Of which cluster; none for Klamm's own.
    pub cluster: Option<ClusterId>,
    /// `node`, `user`, `server` or `agent`.
    pub kind: String,
    /// Its subject, RFC 2253.
    pub subject: String,
    /// Its issuer, RFC 2253.
    pub issuer: String,
    /// First moment of its life.
    pub not_before: Timestamp,
    /// Last moment of its life.
    pub not_after: Timestamp,
    /// What it was issued for.
    pub purpose: String,
}

impl Store {
    /// Writes down an issued certificate; before it is handed out.
    pub fn record_issued(&mut self, issued: &Issued, at: Timestamp) -> Result<(), StoreError> {
        self.write("issuance entry", |transaction| {
            let Issued { serial, cluster, kind, subject, issuer, not_before, not_after, purpose } = issued;
            // Each command line has a certificate of ten minutes: the log must not grow with every call.
            let forgotten = at.checked_sub(KEPT_AFTER_EXPIRY).unwrap_or(Timestamp::MIN);
            transaction.execute("DELETE FROM issued WHERE not_after < ?1", [forgotten.to_string()])?;
            transaction.execute(
                "INSERT INTO issued (serial, cluster, kind, subject, issuer, not_before, not_after, purpose)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                params![
                    serial,
                    cluster.map(|id| id.to_string()),
                    kind,
                    subject,
                    issuer,
                    not_before.to_string(),
                    not_after.to_string(),
                    purpose
                ],
            )?;
            Ok(())
        })
    }

    /// What was issued for a cluster, or for Klamm itself, and is still valid at `now`, in the order of issuance.
    pub fn issued(&mut self, cluster: Option<ClusterId>, now: Timestamp) -> Result<Vec<Issued>, StoreError> {
        self.read("read of the issuance log", |transaction| {
            let mut statement = transaction.prepare_cached(
                "SELECT serial, kind, subject, issuer, not_before, not_after, purpose FROM issued
                 WHERE cluster IS ?1 ORDER BY rowid",
            )?;
            let rows = statement.query_map([cluster.map(|id| id.to_string())], |row| {
                Ok(Issued {
                    serial: row.get(0)?,
                    cluster,
                    kind: row.get(1)?,
                    subject: row.get(2)?,
                    issuer: row.get(3)?,
                    not_before: parsed(row, 4)?,
                    not_after: parsed(row, 5)?,
                    purpose: row.get(6)?,
                })
            })?;
            let all: Vec<Issued> = rows.collect::<Result<_, _>>()?;
            Ok(all.into_iter().filter(|issued| issued.not_after > now).collect())
        })
    }
}
