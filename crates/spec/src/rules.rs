//! What is known to page people: rules over the whole model. Parts that could not be read are left alone.

mod access;
mod listeners;
mod nodes;
mod replication;

use klamm_core::kafka::{NodeRole, Profile};
use klamm_core::model::Cluster;

use crate::check::Context;
use crate::problem::Severity;
use crate::read::{Place, Problems};

/// What every rule sees.
pub(crate) struct Scene<'a> {
    cluster: &'a Cluster,
    root: &'a Place<'a>,
    context: &'a Context,
}

impl Scene<'_> {
    /// Whether the number of nodes with a role could be read; if not, every rule about it would be a guess.
    fn knows(&self, problems: &Problems, matters: fn(NodeRole) -> bool) -> bool {
        let pools = self.root.find(&["pools"]);
        let readable = |path: &str| !problems.any_error_at(path);
        let readable_pool = |(name, place): (&str, Place<'_>)| {
            let role = self
                .cluster
                .pools
                .iter()
                .find(|(known, _)| known.as_str() == name)
                .map(|(_, pool)| pool.roles);
            let path = place.path();
            let unsure_role =
                !readable(path) || !readable(&format!("{path}.roles")) || place.get("roles").is_none();
            let unsure_count = !readable(&format!("{path}.count")) || place.get("count").is_none();
            match role {
                Some(role) if !unsure_role => !unsure_count || !matters(role),
                Some(_) | None => false,
            }
        };
        readable("pools")
            && readable("profile")
            && self.root.get("profile").is_some()
            && (pools.path().is_empty() || pools.entries().all(readable_pool))
    }

    /// Refused in production; on a laptop a person may know better.
    fn severity(&self) -> Severity {
        match self.cluster.profile {
            Profile::Laptop => Severity::Warning,
            Profile::Production => Severity::Error,
        }
    }

    fn is_production(&self) -> bool {
        match self.cluster.profile {
            Profile::Laptop => false,
            Profile::Production => true,
        }
    }
}

/// Applies every rule.
pub(crate) fn check(cluster: &Cluster, root: &Place<'_>, context: &Context, problems: &mut Problems) {
    let scene = Scene { cluster, root, context };
    let (voters_are_known, brokers_are_known) =
        (scene.knows(problems, NodeRole::is_controller), scene.knows(problems, NodeRole::is_broker));
    if voters_are_known {
        nodes::check_voters(&scene, problems);
    }
    if brokers_are_known {
        nodes::check_brokers(&scene, problems);
        replication::check(&scene, problems);
    }
    nodes::check_each(&scene, problems);
    listeners::check(&scene, problems);
    access::check(&scene, problems);
}
