//! Users without a door, and certificates that live too short or too long.

use std::time::Duration;

use klamm_core::model::cluster::{ListenerAuth, UserAuth};

use super::Scene;
use crate::problem::Code;
use crate::read::Problems;

/// All rules about users and certificates.
pub(super) fn check(scene: &Scene<'_>, problems: &mut Problems) {
    check_doors(scene, problems);
    check_lifetime(scene, problems);
}

fn check_doors(scene: &Scene<'_>, problems: &mut Problems) {
    if problems.any_error_below("listeners") {
        return;
    }
    for (name, user) in &scene.cluster.users {
        let fits = |auth: &ListenerAuth| match (auth, user.auth) {
            (ListenerAuth::Mtls, UserAuth::Mtls) => true,
            (ListenerAuth::Sasl(offered), UserAuth::Sasl(mechanism)) => offered.contains(&mechanism),
            (ListenerAuth::Mtls, UserAuth::Sasl(_)) | (ListenerAuth::Sasl(_), UserAuth::Mtls) => false,
        };
        if scene.cluster.listeners.values().any(|listener| fits(&listener.auth)) {
            continue;
        }
        let (word, listener) = match user.auth {
            UserAuth::Mtls => ("mtls", "mtls".to_owned()),
            UserAuth::Sasl(mechanism) => (mechanism.as_str(), format!("[{}]", mechanism.as_str())),
        };
        let message = format!("`{name}` logs in by {word}, and no listener takes that");
        let help = format!("add a listener with `auth: {listener}`, or change the user's `auth`");
        problems.warning(
            Code::NoWayIn,
            scene.root.find(&["users", name.as_str(), "auth"]).spot(),
            message,
            help,
        );
    }
}

/// Back-dating and jitter need some room: shorter certificates would be renewed all the time.
const SHORTEST: Duration = Duration::from_secs(30);
/// Ten years: longer than any machine, and than most algorithms.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
/// Shorter than an ordinary night: the fleet must outlive an outage of its server.
const SHORT: Duration = Duration::from_secs(24 * 3600);
/// What public authorities gave at the end; longer and nobody remembers how to renew.
const LONG: Duration = Duration::from_secs(825 * 24 * 3600);

fn check_lifetime(scene: &Scene<'_>, problems: &mut Problems) {
    let lifetime = scene.cluster.certificates.lifetime;
    let place = scene.root.find(&["certificates", "lifetime"]);
    if !(SHORTEST..=LONGEST).contains(&lifetime) {
        let message = "a certificate cannot live so short or so long";
        problems.error(Code::InvalidValue, place.spot(), message, "write from 30s to 10y; 90d is usual");
    } else if lifetime < SHORT && scene.is_production() {
        let message = "nodes lose their certificates when the server is away for longer than this";
        problems.warning(
            Code::InvalidValue,
            place.spot(),
            message,
            "write `90d`: renewal never restarts a node anyway",
        );
    } else if lifetime > LONG {
        let message = "a stolen key is good for as long as its certificate, and renewal costs nothing here";
        problems.warning(Code::InvalidValue, place.spot(), message, "write `90d`");
    }
}
