//! What the server answers to agents: permits, certificates, contents.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use klamm_core::api::PermitWanted;
use klamm_core::model::inventory::Observed;
use klamm_core::model::target::{CredentialTarget, SlotTarget};
use klamm_core::model::{HostId, SlotName};
use klamm_core::mutant;
use klamm_core::planner::safety::reason_not_to_stop;
use klamm_pki::{
    AltName, CertificateRequest, Credential, DnsName, Grant, PrivateKey, Profile, Serial, Validity,
};
use rand::RngExt as _;

use super::{ServerState, look, moment};
use crate::around::Around;
use crate::command::Host;
use crate::message::{Answer, Wanted};
use crate::record::Rule;

impl ServerState {
    pub(super) fn answer(
        &mut self,
        host: &HostId,
        wanted: Wanted,
        around: &mut Around,
    ) -> Result<Answer, String> {
        match wanted {
            Wanted::Permit(wanted) => self.permit(host, &wanted, around),
            Wanted::Certificate(slot) => self.certificate(host, &slot, around),
            Wanted::Contents(digests) => {
                let mut contents = BTreeMap::new();
                for digest in digests {
                    let content = self.store.blob(digest).map_err(|error| error.to_string())?;
                    contents.insert(digest, content.ok_or_else(|| format!("there is no content {digest}"))?);
                }
                Ok(Answer::Contents(contents))
            }
        }
    }

    fn permit(
        &mut self,
        host: &HostId,
        wanted: &PermitWanted,
        around: &mut Around,
    ) -> Result<Answer, String> {
        let no_target = || "the cluster is not here".to_owned();
        let target = self.current.as_ref().ok_or_else(no_target)?;
        let serving = self.serving.as_mut().ok_or_else(no_target)?;
        let now = moment(around).wall;
        let needs = serving.desk.needs_kafka(wanted, target, &serving.inventory, now);
        serving.inventory.kafka = if needs { look(around) } else { None };
        let answer = serving.desk.decide(host, wanted, target, &serving.inventory, now);
        let answer = answer.map_err(|refusal| refusal.to_string())?;
        let slot = &wanted.slot;
        match &answer.refused {
            Some(why) => {
                around.record.note(around.now, Some(Host::Server), format!("{slot} may not stop: {why}"))
            }
            None => {
                around.record.note(around.now, Some(Host::Server), format!("{slot} may stop"));
                check_truth(slot, target.slot(slot), needs, around);
            }
        }
        Ok(Answer::Permit(answer))
    }

    fn certificate(&mut self, host: &HostId, slot: &SlotName, around: &mut Around) -> Result<Answer, String> {
        let target = self.current.as_ref().ok_or("the cluster is not here")?;
        let slots = target.slots();
        let (_, wanted) = slots.get(slot).filter(|(owner, _)| *owner == host).ok_or("it is not yours")?;
        let serial = Serial::from_random(around.random.random());
        let credential =
            self.issue(slot, &wanted.credential, serial, around).map_err(|error| error.to_string())?;
        Ok(Answer::Certificate {
            keystore: credential.keystore_pem().as_bytes().to_vec(),
            trust_nodes: self.trust.nodes.clone().into_bytes(),
            trust_users: self.trust.users.clone().into_bytes(),
        })
    }

    fn issue(
        &self,
        slot: &SlotName,
        wanted: &CredentialTarget,
        serial: Serial,
        around: &Around,
    ) -> Result<Credential, Box<dyn std::error::Error>> {
        let mut names: BTreeSet<AltName> = wanted
            .dns_names
            .iter()
            .map(|name| Ok(AltName::Dns(name.parse::<DnsName>()?)))
            .collect::<Result<_, Box<dyn std::error::Error>>>()?;
        names.extend(wanted.addresses.iter().copied().map(AltName::Ip));
        let profile = Profile::Node { cluster: "sim".parse()?, slot: slot.to_string().parse()?, names };
        let key = PrivateKey::generate()?;
        let request = CertificateRequest::create(&key, &profile)?;
        let lifetime = Duration::from_secs(wanted.lifetime_seconds);
        let validity = Validity::starting(around.wall(Host::Server), lifetime)?;
        let issued = self.nodes.issue(&request, &Grant { profile, validity, serial })?;
        Ok(Credential::new(key, &issued.chain_pem)?)
    }
}

/// A permit for a node that serves somebody is right only if the cluster, as it truly is, can do without it.
fn check_truth(slot: &SlotName, target: Option<&SlotTarget>, serves: bool, around: &mut Around) {
    let Some(target) = target.filter(|_| serves) else { return };
    if let Some(other) = around.other_that_stops(slot) {
        let what = format!("{slot}: {other} was stopped and has not ended");
        around.record.find(around.now, Rule::PermitsAreSafe, what);
    }
    let now = around.wall(Host::Server);
    let truth = around.kafka_now().map(|value| Observed { at: now, value });
    let nodes = BTreeSet::from([target.identity.node_id]);
    if let Some(reason) = mutant::without(|| reason_not_to_stop(&nodes, truth.as_ref(), now)) {
        around.record.find(around.now, Rule::PermitsAreSafe, format!("{slot}: {reason}"));
    }
}
