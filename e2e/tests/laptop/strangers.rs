//! Every listening port of the product, called with every kind of wrong papers.

use std::fs;

use anyhow::{Context, Result, ensure};
use e2e::{
    Answer, ClientFiles, Format, Listening, Papers, Role, VERSIONS, call_plain, call_tls, is_of_throwaway,
};
use klamm_pki::{AltName, Authority, AuthorityKind, PrivateKey, Profile};

use crate::world::{ALICE, CLUSTER, World};

/// ApiVersions 0 with correlation id 7 and client id `x`: what any Kafka client may ask before it is known.
const KAFKA_REQUEST: &[u8] = &[0, 0, 0, 11, 0, 18, 0, 0, 0, 0, 0, 7, 0, 1, b'x'];
/// The least that an HTTP server answers.
const HTTP_REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// What a port is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    /// Kafka for users.
    Clients,
    /// Kafka for nodes: replication, controllers.
    Nodes,
    /// The server, for agents.
    Agents,
}

struct Caller {
    who: &'static str,
    papers: Papers,
    /// Where these papers are the right ones.
    at_home: Option<Door>,
}

pub(crate) fn refused_everywhere(world: &mut World) -> Result<()> {
    world.extend_spec(ALICE);
    let status = world.ready()?;
    let callers = callers(world)?;
    let trust_nodes = world.admin(Format::Java)?.read("ca.pem")?;
    let trust_klamm = read(world, "server/keys/klamm.pem")?;
    let sockets = world.product.listening()?;
    let kafka = sockets.iter().filter(|socket| socket.role == Role::Node).count();
    ensure!(
        kafka == 9 && sockets.len() > kafka,
        "three listeners of three nodes and the server's: {sockets:?}"
    );
    let clients: Vec<u16> = status
        .nodes
        .values()
        .filter_map(|node| node.listeners.get("CLIENTS")?.rsplit_once(':')?.1.parse().ok())
        .collect();
    for socket in &sockets {
        let Listening { role, pid: _, address } = socket;
        ensure!(address.ip().is_loopback(), "{socket:?} can be reached from other machines");
        let (door, trust, request) = match role {
            Role::Daemon | Role::Server | Role::Agent => (Door::Agents, &trust_klamm, HTTP_REQUEST),
            Role::Node if clients.contains(&address.port()) => (Door::Clients, &trust_nodes, KAFKA_REQUEST),
            Role::Node => (Door::Nodes, &trust_nodes, KAFKA_REQUEST),
            // It has the files of a node and an authority of its own, and is gone at any moment.
            Role::Throwaway => continue,
        };
        let plain = call_plain(*address, request)?;
        ensure!(matches!(plain, Answer::Refused(_)), "{door:?} at {address} served plain text: {plain:?}");
        for (Caller { who, papers, at_home }, version) in
            callers.iter().flat_map(|caller| VERSIONS.map(|version| (caller, version)))
        {
            let what = format!("{who} with {:?} at {door:?} {address}", version.version);
            // act
            let answer = call_tls(*address, version, trust, papers, request).context(what.clone())?;
            // assert: that the right papers are served shows that the others were refused for what they are
            let served = matches!(answer, Answer::Served(_));
            ensure!(served == (*at_home == Some(door)), "{what}: {answer:?}");
        }
    }
    println!("    {} ports, {} callers each", sockets.len(), callers.len() + 1);
    Ok(())
}

fn callers(world: &World) -> Result<Vec<Caller>> {
    let cluster = || CLUSTER.parse().context("the cluster's name");
    let user =
        |name: &str| Ok::<_, anyhow::Error>(Profile::User { cluster: cluster()?, name: name.parse()? });
    let localhost = || AltName::Dns("localhost".parse().expect("localhost is a DNS name"));
    let node = || {
        let names = [localhost()].into();
        Ok::<_, anyhow::Error>(Profile::Node { cluster: cluster()?, slot: "nodes-0".parse()?, names })
    };
    let agent =
        || Ok::<_, anyhow::Error>(Profile::Agent { host: read(world, "agent/host-id")?.trim().parse()? });
    let alice = ClientFiles::write(&world.product, "alice", Format::Java)?.read("keystore.pem")?;
    let nodes_own = world
        .product
        .files()?
        .into_iter()
        .find(|path| path.ends_with("node.pem") && !is_of_throwaway(path))
        .context("no node has a certificate")?;
    let nodes_own = fs::read_to_string(nodes_own).context("reading a node's certificate")?;
    let klamm = Authority::load(
        &read(world, "server/keys/klamm.pem")?,
        PrivateKey::from_pem(&read(world, "server/keys/klamm.key")?)?,
    )?;
    let stranger = |who, papers| Caller { who, papers, at_home: None };
    let server = Profile::ClusterServer { cluster: cluster()? };
    Ok(vec![
        stranger("nobody", Papers::none()),
        stranger("a forged admin", Papers::forged(AuthorityKind::Users, CLUSTER, user("admin")?)?),
        stranger("a forged node", Papers::forged(AuthorityKind::Nodes, CLUSTER, node()?)?),
        stranger("a forged server", Papers::forged(AuthorityKind::Nodes, CLUSTER, server)?),
        stranger("a forged agent", Papers::forged(AuthorityKind::Klamm, "klamm", agent()?)?),
        Caller { who: "alice", papers: Papers::of_keystore(&alice)?, at_home: Some(Door::Clients) },
        Caller { who: "a node", papers: Papers::of_keystore(&nodes_own)?, at_home: Some(Door::Nodes) },
        // A host is known by its key, and that of a laptop's own agent is nowhere but in its memory: that agents with the
        // right key are heard is told by the story of the fleet.
        stranger("an agent with another key than its host's", Papers::issued_by(&klamm, agent()?)?),
    ])
}

fn read(world: &World, path: &str) -> Result<String> {
    let path = world.product.root().join("state").join(path);
    fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
}
