//! One open connection per address, opened by whoever needs it first and shared with the others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::address::Address;
use crate::connection::{ConnectOptions, Connection};
use crate::transport::ConnectError;

/// The lock is held while connecting: those who come meanwhile wait for the same connection.
type Slot = Arc<tokio::sync::Mutex<Option<Connection>>>;

#[derive(Debug)]
pub(super) struct Pool {
    options: ConnectOptions,
    slots: Mutex<HashMap<Address, Slot>>,
}

impl Pool {
    pub(super) fn new(options: ConnectOptions) -> Self {
        Self { options, slots: Mutex::new(HashMap::new()) }
    }

    pub(super) fn options(&self) -> &ConnectOptions {
        &self.options
    }

    /// The open connection to `address`, or a new one.
    pub(super) async fn get(&self, address: &Address) -> Result<Connection, ConnectError> {
        let slot = Arc::clone(self.slots().entry(address.clone()).or_default());
        let mut slot = slot.lock().await;
        if let Some(open) = slot.as_ref().filter(|connection| connection.is_open()) {
            return Ok(open.clone());
        }
        *slot = None;
        let connection = Connection::open(address, &self.options).await?;
        *slot = Some(connection.clone());
        Ok(connection)
    }

    /// A connection to one of `addresses` that is open already and not just being replaced.
    pub(super) fn any_open(&self, addresses: &[Address]) -> Option<Connection> {
        let slots = self.slots();
        addresses.iter().filter_map(|address| slots.get(address)).find_map(|slot| {
            slot.try_lock().ok()?.as_ref().filter(|connection| connection.is_open()).cloned()
        })
    }

    /// Lets go of connections to addresses that the cluster no longer has.
    pub(super) fn keep_only<'a>(&self, addresses: impl Iterator<Item = &'a Address>) {
        let wanted: Vec<&Address> = addresses.collect();
        self.slots().retain(|address, _| wanted.contains(&address));
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<Address, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
