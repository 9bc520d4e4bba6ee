//! Ports and names under which clients find nodes.

use std::collections::BTreeMap;

use super::Scene;
use crate::problem::Code;
use crate::read::{Place, Problems};

/// All rules about listeners.
pub(super) fn check(scene: &Scene<'_>, problems: &mut Problems) {
    check_ports(scene, problems);
    check_names(scene, problems);
    if scene.cluster.listeners.is_empty() && !problems.any_error_below("listeners") {
        let spot = scene.root.find(&["listeners"]).spot();
        let message = "without a listener no program can reach the cluster";
        problems.error(
            Code::NoWayIn,
            spot,
            message,
            "add `clients: { port: 9092, auth: mtls }`, or leave `listeners` out",
        );
    }
}

/// Every base port with its place; for defaults the place is where it would be written.
fn ports<'a>(scene: &Scene<'a>) -> Vec<(u16, String, Place<'a>)> {
    let mut ports = Vec::new();
    for (name, listener) in &scene.cluster.listeners {
        let place = scene.root.find(&["listeners", name.as_str(), "port"]);
        ports.push((listener.port, format!("the listener `{name}`"), place));
    }
    let own = [("internal", scene.cluster.ports.internal), ("controller", scene.cluster.ports.controller)];
    for (name, port) in own {
        ports.push((port, format!("the nodes' own listener `{name}`"), scene.root.find(&["ports", name])));
    }
    let components = &scene.cluster.components;
    if let Some(registry) = &components.registry {
        let place = scene.root.find(&["components", "registry", "port"]);
        ports.push((registry.port, "the registry".to_owned(), place));
    }
    if let Some(connect) = &components.connect {
        let place = scene.root.find(&["components", "connect", "port"]);
        ports.push((connect.port, "Connect".to_owned(), place));
    }
    // One that could not be read is reported already; what stands in for it is nobody's wish.
    ports.retain(|(port, _, place)| place.scalar().is_none_or(|text| text == port.to_string()));
    ports
}

fn check_ports(scene: &Scene<'_>, problems: &mut Problems) {
    let ports = ports(scene);
    let mut taken: BTreeMap<u16, (&String, &Place<'_>)> = BTreeMap::new();
    for (port, owner, place) in &ports {
        if let Some((first_owner, first)) = taken.get(port) {
            // Point at the one that was written, if only one was.
            let (here, there) = if place.scalar().is_some() { (place, *first) } else { (*first, place) };
            let free = (*port..).find(|free| !ports.iter().any(|(port, _, _)| port == free)).unwrap_or(9092);
            let message = format!("port {port} is of {first_owner} and of {owner}");
            problems
                .error(
                    Code::PortTaken,
                    here.spot(),
                    message,
                    format!("write another port, for example {free}"),
                )
                .other(there.spot().span, "the same port");
        } else {
            taken.insert(*port, (owner, place));
        }
        if place.scalar().is_none() {
            continue;
        }
        if *port < 1024 {
            let message = format!("port {port} is for root alone, and nodes run without privileges");
            problems.error(Code::PortRange, place.spot(), message, "write a port from 1024 to 32767");
        } else if *port >= 32768 {
            let message = format!(
                "port {port} is in the range that systems hand out to outgoing connections: some day it is taken at a start"
            );
            problems.warning(Code::PortRange, place.spot(), message, "write a port from 1024 to 32767");
        }
    }
}

fn check_names(scene: &Scene<'_>, problems: &mut Problems) {
    for (name, listener) in &scene.cluster.listeners {
        let Some(template) = &listener.advertised else { continue };
        let place = scene.root.find(&["listeners", name.as_str(), "advertised"]);
        if scene.cluster.brokers() > 1 && !template.tells_slots_apart() {
            let message =
                format!("`{template}` gives every node one name, and a client that asks for one reaches any");
            let help = format!("write for example `{{slot}}.{template}`");
            problems.error(Code::Advertised, place.spot(), message, help);
        }
    }
}
