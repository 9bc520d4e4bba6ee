//! Hosts that have joined, and the tokens with which others may.

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Transaction, params};

use klamm_core::model::cluster::HostSelector;
use klamm_core::model::{HostId, Sha256};

use crate::error::Failed;
use crate::store::parsed;
use crate::{Store, StoreError};

/// A host that has joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostRecord {
    /// Its id.
    pub id: HostId,
    /// Its own name when it joined.
    pub name: String,
    /// Fingerprint of the public key that it made; it is known by it.
    pub key: String,
    /// When it joined.
    pub joined: Timestamp,
}

/// What lets one host join.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    /// Of the secret; the secret itself is not kept.
    pub digest: Sha256,
    /// The names that the host may have.
    pub names: HostSelector,
    /// Who made it.
    pub actor: String,
    /// From when on it is good no longer.
    pub expires: Timestamp,
}

/// What comes of a host that presents a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joining {
    /// It has joined, now or by the same token and key before: its answer may have been lost.
    Joined,
    /// There is no such token.
    UnknownToken,
    /// The token was good for a while, which is over.
    Expired,
    /// Another host, or another key, used the token.
    Used,
    /// The token is for hosts of other names.
    OtherName,
    /// A host of this id joined before, with another key.
    OtherKey,
}

impl Store {
    /// Keeps a token. Those whose time is over go.
    pub fn add_token(&mut self, token: &NewToken, at: Timestamp) -> Result<(), StoreError> {
        let NewToken { digest, names, actor, expires } = token;
        self.write("token", |transaction| {
            transaction.execute(
                "INSERT INTO tokens (digest, names, actor, expires) VALUES (?1, ?2, ?3, ?4)",
                params![digest.to_string(), names.as_str(), actor, expires.to_string()],
            )?;
            let mut statement = transaction.prepare_cached("SELECT digest, expires FROM tokens")?;
            let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, parsed(row, 1)?)))?;
            let all: Vec<(String, Timestamp)> = rows.collect::<Result<_, _>>()?;
            for (digest, _) in all.iter().filter(|(_, expires)| *expires < at) {
                transaction.execute("DELETE FROM tokens WHERE digest = ?1", [digest])?;
            }
            Ok(())
        })
    }

    /// Lets a host join by the secret of this digest: once, but again by the same key as long as the token is good.
    pub fn join(&mut self, host: &HostRecord, digest: Sha256) -> Result<Joining, StoreError> {
        self.write("joining of a host", |transaction| {
            let token = transaction
                .query_row(
                    "SELECT expires, used_by, names FROM tokens WHERE digest = ?1",
                    [digest.to_string()],
                    |row| {
                        let (expires, names) =
                            (parsed::<Timestamp>(row, 0)?, parsed::<HostSelector>(row, 2)?);
                        Ok((expires, row.get::<_, Option<String>>(1)?, names))
                    },
                )
                .optional()?;
            let Some((expires, used_by, names)) = token else { return Ok(Joining::UnknownToken) };
            if host.joined >= expires {
                return Ok(Joining::Expired);
            }
            if !names.matches(&host.name) {
                return Ok(Joining::OtherName);
            }
            let known = host_of(transaction, &host.id)?;
            if known.as_ref().is_some_and(|known| known.key != host.key) {
                return Ok(Joining::OtherKey);
            }
            if used_by.is_some_and(|by| by != host.key) {
                return Ok(Joining::Used);
            }
            transaction.execute(
                "UPDATE tokens SET used_by = ?2 WHERE digest = ?1",
                params![digest.to_string(), host.key],
            )?;
            put(transaction, host)?;
            Ok(Joining::Joined)
        })
    }

    /// Puts the server's own host in place, whose key is made anew at each start.
    pub fn put_own_host(&mut self, host: &HostRecord) -> Result<(), StoreError> {
        self.write("entry of the own host", |transaction| put(transaction, host))
    }

    /// The host of that id, if it has joined.
    pub fn host(&mut self, id: &HostId) -> Result<Option<HostRecord>, StoreError> {
        self.read("read of a host", |transaction| host_of(transaction, id))
    }

    /// All hosts, by id.
    pub fn hosts(&mut self) -> Result<Vec<HostRecord>, StoreError> {
        self.read("read of hosts", |transaction| {
            let mut statement =
                transaction.prepare_cached("SELECT id, name, key, joined FROM hosts ORDER BY id")?;
            let rows = statement.query_map([], record)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }
}

fn host_of(transaction: &Transaction<'_>, id: &HostId) -> Result<Option<HostRecord>, Failed> {
    let mut statement =
        transaction.prepare_cached("SELECT id, name, key, joined FROM hosts WHERE id = ?1")?;
    Ok(statement.query_row([id.to_string()], record).optional()?)
}

fn put(transaction: &Transaction<'_>, host: &HostRecord) -> Result<(), Failed> {
    let HostRecord { id, name, key, joined } = host;
    transaction.execute(
        "INSERT INTO hosts (id, name, key, joined) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, key = excluded.key",
        params![id.to_string(), name, key, joined.to_string()],
    )?;
    Ok(())
}

fn record(row: &rusqlite::Row<'_>) -> rusqlite::Result<HostRecord> {
    Ok(HostRecord { id: parsed(row, 0)?, name: row.get(1)?, key: row.get(2)?, joined: parsed(row, 3)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn token(secret: &str, expires: i64) -> NewToken {
        let digest = Sha256::of(secret.as_bytes());
        NewToken { digest, names: "*".parse().unwrap(), actor: "alice".into(), expires: at(expires) }
    }

    fn host(id: &str, key: &str, second: i64) -> HostRecord {
        HostRecord { id: id.parse().unwrap(), name: "alpha".into(), key: key.into(), joined: at(second) }
    }

    #[test]
    fn a_token_lets_one_host_join_and_the_same_one_again_when_its_answer_was_lost() {
        let mut store = Store::in_memory().unwrap();
        let digest = Sha256::of(b"secret");
        store.add_token(&token("secret", 600), at(0)).unwrap();
        assert_eq!(store.join(&host("h1", "k1", 1), Sha256::of(b"guess")).unwrap(), Joining::UnknownToken);
        assert_eq!(store.join(&host("h1", "k1", 1), digest).unwrap(), Joining::Joined);
        assert_eq!(store.join(&host("h1", "k1", 2), digest).unwrap(), Joining::Joined);
        assert_eq!(store.join(&host("h2", "k2", 3), digest).unwrap(), Joining::Used);
        assert_eq!(store.join(&host("h2", "k1", 600), digest).unwrap(), Joining::Expired);
        assert_eq!(store.hosts().unwrap(), [host("h1", "k1", 1)]);
    }

    #[test]
    fn a_known_host_does_not_change_its_key_by_a_token() {
        let mut store = Store::in_memory().unwrap();
        for (secret, key, outcome) in [
            ("one", "k1", Joining::Joined),
            ("two", "k2", Joining::OtherKey),
            ("three", "k1", Joining::Joined),
        ] {
            let digest = Sha256::of(secret.as_bytes());
            store.add_token(&token(secret, 600), at(0)).unwrap();
            assert_eq!(store.join(&host("h1", key, 1), digest).unwrap(), outcome);
        }
        assert_eq!(store.host(&"h1".parse().unwrap()).unwrap().unwrap().key, "k1");
    }

    #[test]
    fn a_token_for_some_names_is_left_whole_by_a_host_of_another() {
        let mut store = Store::in_memory().unwrap();
        let token = NewToken { names: "al*".parse().unwrap(), ..token("secret", 600) };
        store.add_token(&token, at(0)).unwrap();
        let other = HostRecord { name: "beta".into(), ..host("h1", "k1", 1) };
        assert_eq!(store.join(&other, token.digest).unwrap(), Joining::OtherName);
        assert_eq!(store.join(&host("h2", "k2", 2), token.digest).unwrap(), Joining::Joined);
    }

    #[test]
    fn tokens_whose_time_is_over_are_forgotten_with_the_next() {
        let mut store = Store::in_memory().unwrap();
        store.add_token(&token("old", 10), at(0)).unwrap();
        store.add_token(&token("new", 600), at(100)).unwrap();
        assert_eq!(store.join(&host("h1", "k1", 5), Sha256::of(b"old")).unwrap(), Joining::UnknownToken);
    }
}
