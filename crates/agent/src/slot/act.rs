//! Doing what the machine of a slot says.

use std::collections::BTreeMap;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, try_join_all};

use klamm_core::api::{PermitAnswer, PermitWanted};
use klamm_core::machines::slot::{Act, SlotKey};
use klamm_core::model::Sha256;
use klamm_core::model::target::SlotTarget;
use klamm_disk::RealDisk;
use klamm_ledger::SlotFolders;
use klamm_supervise::{StopRequest, UnitHandle};

use super::{Shared, credential, launch};
use crate::error::AgentError;

/// What came of acts.
pub(super) enum Done {
    /// They are done.
    All,
    /// The server answered, or could not be asked.
    Permit(Result<PermitAnswer, AgentError>),
    /// One of them failed.
    Failed(AgentError),
}

/// All that acts need; they run beside the loop that watches the process.
pub(super) struct Hands {
    pub(super) shared: Shared,
    pub(super) key: SlotKey,
    pub(super) target: SlotTarget,
    pub(super) folders: SlotFolders,
    pub(super) unit: UnitHandle,
}

impl Hands {
    /// Does acts that do not depend on each other, all at once.
    pub(super) fn act(self, acts: Vec<Act>) -> BoxFuture<'static, Done> {
        async move {
            match &acts[..] {
                [Act::AskPermit(wanted)] => Done::Permit(self.ask_permit(wanted).await),
                acts => match try_join_all(acts.iter().map(|act| self.do_one(act))).await {
                    Ok(_) => Done::All,
                    Err(error) => Done::Failed(error),
                },
            }
        }
        .boxed()
    }

    async fn do_one(&self, act: &Act) -> Result<(), AgentError> {
        match act {
            Act::Provide => Ok(self.shared.provider.provide(&self.target.process).await.map(drop)?),
            Act::Format => self.format().await,
            Act::Certify { reason } => {
                tracing::info!(slot = %self.key.slot, reason, "making a certificate");
                let (wanted, link) = (&self.target.credential, &self.shared.link);
                Ok(credential::certify(&self.key, wanted, &self.folders, link).await?)
            }
            Act::WriteFiles => self.write_files().await,
            Act::Stop { by, patience } => Ok(self.unit.stop(StopRequest::graceful(by, *patience)).await?),
            Act::Delete => self.delete(),
            Act::Launch => self.launch().await,
            // The machine hands it out alone.
            Act::AskPermit(wanted) => self.ask_permit(wanted).await.map(drop),
        }
    }

    async fn ask_permit(&self, wanted: &PermitWanted) -> Result<PermitAnswer, AgentError> {
        Ok(self.shared.link.may_stop(wanted).await?)
    }

    async fn format(&self) -> Result<(), AgentError> {
        let Self { shared, key, target, .. } = self;
        let wanted = klamm_ledger::storage::contents_wanted(&RealDisk, &target.identity.directories)?;
        let contents = self.fetch(wanted).await?;
        let owner = klamm_ledger::slot::owner(key, target);
        klamm_ledger::storage::format(&RealDisk, &target.identity.directories, owner, &|digest| {
            contents.get(&digest).cloned()
        })?;
        Ok(shared.ledger().note_formatted(&RealDisk, key.cluster, &key.slot)?)
    }

    async fn write_files(&self) -> Result<(), AgentError> {
        let (folder, files) = (&self.folders.slot, &self.target.files);
        let wanted = klamm_ledger::files::contents_wanted(&RealDisk, folder, files)?;
        let contents = self.fetch(wanted).await?;
        Ok(klamm_ledger::files::write(&RealDisk, folder, files, &|digest| contents.get(&digest).cloned())?)
    }

    async fn fetch(
        &self,
        wanted: impl IntoIterator<Item = Sha256>,
    ) -> Result<BTreeMap<Sha256, Vec<u8>>, AgentError> {
        let mut contents = BTreeMap::new();
        for digest in wanted {
            contents.insert(digest, self.shared.link.blob(digest).await?.to_vec());
        }
        Ok(contents)
    }

    /// Starts the process. The record of it is on the disk before.
    async fn launch(&self) -> Result<(), AgentError> {
        let Self { shared, target, folders, unit, .. } = self;
        if let Some(pid) = launch::process_in(&folders.slot) {
            return Err(launch::StartError::Occupied { folder: folders.slot.clone(), pid }.into());
        }
        let provided = shared.provider.provide(&target.process).await?;
        let archive = shared.warm.option(&target.process, &provided).await;
        let launch = launch::prepare(target, &provided, archive, folders)?;
        Ok(unit.start(launch).await?)
    }

    fn delete(&self) -> Result<(), AgentError> {
        let place = (&self.key, &self.folders);
        for path in klamm_ledger::slot::delete(&RealDisk, place, &self.target)? {
            tracing::warn!(slot = %self.key.slot, path, "a foreign data directory is left alone");
        }
        Ok(())
    }
}
