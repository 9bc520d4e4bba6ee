//! `server.properties` of one node.

use std::collections::BTreeMap;

use super::NodeContext;
use super::properties::Properties;
use crate::kafka::defaults;
use crate::model::ClusterName;
use crate::model::target::ListenerPurpose;

/// Klamm's engine factory, in its own jar.
const ENGINE_FACTORY: &str = "dev.klamm.kafka.KlammSslEngineFactory";

/// Kafka's name of the listener for replication.
pub const INTERNAL: &str = "INTERNAL";

/// Kafka's name of the listener for the quorum.
pub const CONTROLLER: &str = "CONTROLLER";

/// The file before it is text: pairs in blocks, so that single settings can be looked at and kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerProperties {
    blocks: Vec<Block>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Block {
    comment: &'static str,
    pairs: Vec<(String, String)>,
}

impl ServerProperties {
    /// What makes the node this node, then security, then each other setting by name.
    pub fn of(node: &NodeContext<'_>) -> Self {
        let mut file = Self::default();
        write_identity(&mut file, node);
        write_listeners(&mut file, node);
        write_security(&mut file, node);
        file.block("settings");
        for (key, value) in settings(node) {
            file.set(&key, &value);
        }
        file
    }

    /// All pairs by key; of a key that stands there twice the last, as Java takes it.
    pub fn to_map(&self) -> BTreeMap<String, String> {
        self.blocks.iter().flat_map(|block| &block.pairs).cloned().collect()
    }

    /// The same file with exactly these pairs: each in its old place, new ones among the settings.
    pub fn with(mut self, mut wanted: BTreeMap<String, String>) -> Self {
        for block in &mut self.blocks {
            let pairs = std::mem::take(&mut block.pairs);
            let keep = |(key, _): (String, String)| wanted.remove(&key).map(|value| (key, value));
            block.pairs = pairs.into_iter().filter_map(keep).collect();
        }
        if let Some(settings) = self.blocks.last_mut() {
            settings.pairs.extend(wanted);
            settings.pairs.sort();
        }
        self
    }

    /// The bytes of the file.
    pub fn render(&self) -> String {
        let mut text = Properties::new("written by Klamm; changes are lost, edit the spec instead");
        for Block { comment, pairs } in &self.blocks {
            text.gap();
            text.comment(comment);
            pairs.iter().for_each(|(key, value)| text.set(key, value));
        }
        text.into_text()
    }

    fn block(&mut self, comment: &'static str) {
        self.blocks.push(Block { comment, pairs: Vec::new() });
    }

    fn set(&mut self, key: &str, value: &str) {
        let block = self.blocks.last_mut().expect("every writer begins with its block");
        block.pairs.push((key.to_owned(), value.to_owned()));
    }
}

fn write_identity(file: &mut ServerProperties, node: &NodeContext<'_>) {
    file.block("identity");
    file.set("process.roles", node.role.process_roles());
    file.set("node.id", &node.identity.node_id.to_string());
    if let Some(zone) = node.zone {
        file.set("broker.rack", zone);
    }
    let directories: Vec<&str> =
        node.identity.directories.iter().map(|directory| directory.path.as_str()).collect();
    file.set("log.dirs", &directories.join(","));
    if let Some(metadata) = directories.first() {
        file.set("metadata.log.dir", metadata);
    }
}

/// Klamm's defaults with the spec's settings over them.
fn settings(node: &NodeContext<'_>) -> BTreeMap<String, String> {
    let defaults = defaults::settings(node.role, node.profile, node.version, &node.size);
    let mut settings: BTreeMap<String, String> =
        defaults.into_iter().map(|setting| (setting.key.to_owned(), setting.value)).collect();
    settings.extend(node.settings.clone());
    settings
}

fn write_listeners(file: &mut ServerProperties, node: &NodeContext<'_>) {
    file.block("listeners");
    let bracketed = |host: &str| if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let mut bound = Vec::new();
    let mut advertised = Vec::new();
    let mut protocols = Vec::new();
    for (name, listener) in &node.identity.listeners {
        bound.push(format!("{name}://{}:{}", bracketed(&listener.bind.to_string()), listener.port));
        advertised.push(format!("{name}://{}:{}", bracketed(&listener.host), listener.port));
        protocols.push(format!("{name}:SSL"));
    }
    // A broker dials the controllers by this listener's settings also where it has no such listener.
    if !node.role.is_controller() {
        protocols.push(format!("{CONTROLLER}:SSL"));
    }
    // A controller answers brokers by the settings of theirs.
    if !node.role.is_broker() {
        protocols.push(format!("{INTERNAL}:SSL"));
    }
    file.set("listeners", &bound.join(","));
    file.set("advertised.listeners", &advertised.join(","));
    file.set("listener.security.protocol.map", &protocols.join(","));
    file.set("inter.broker.listener.name", INTERNAL);
    file.set("controller.listener.names", CONTROLLER);
    file.set("controller.quorum.bootstrap.servers", &node.controllers.join(","));
}

fn write_security(file: &mut ServerProperties, node: &NodeContext<'_>) {
    let Principals { nodes, server, rule_of_nodes, rule_of_users } = Principals::of(node.cluster);
    file.block("security: nodes trust nodes, clients' listeners trust users, and nobody else is known");
    file.set("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer");
    file.set("super.users", &format!("{nodes};{server}"));
    // The base keys serve the Raft client and the clients between brokers.
    write_tls(file, node, "", "trust-nodes.pem", &rule_of_nodes);
    // A node also dials the other role's listener, by that listener's settings.
    let mut serves_users = BTreeMap::from([(CONTROLLER, false), (INTERNAL, false)]);
    for (name, listener) in &node.identity.listeners {
        let for_users = match &listener.purpose {
            ListenerPurpose::Clients(_) => true,
            ListenerPurpose::Controller | ListenerPurpose::Internal => false,
        };
        serves_users.insert(name, for_users);
    }
    for (name, for_users) in serves_users {
        let prefix = format!("listener.name.{}.", name.to_ascii_lowercase());
        if for_users {
            write_tls(file, node, &prefix, "trust-users.pem", &rule_of_users);
            for setting in defaults::client_listener_settings(node.profile) {
                file.set(&format!("{prefix}{}", setting.key), &setting.value);
            }
        } else {
            write_tls(file, node, &prefix, "trust-nodes.pem", &rule_of_nodes);
        }
    }
}

/// Kafka's own keys, so that a node also starts without the engine factory; the factory reads them too.
fn write_tls(file: &mut ServerProperties, node: &NodeContext<'_>, prefix: &str, trust: &str, rules: &str) {
    let tls = format!("{}/tls/current", node.folder);
    let mut set = |key: &str, value: &str| file.set(&format!("{prefix}{key}"), value);
    set("ssl.engine.factory.class", ENGINE_FACTORY);
    set("ssl.keystore.type", "PEM");
    set("ssl.keystore.location", &format!("{tls}/node.pem"));
    set("ssl.truststore.type", "PEM");
    set("ssl.truststore.location", &format!("{tls}/{trust}"));
    set("ssl.client.auth", "required");
    set("ssl.principal.mapping.rules", rules);
}

/// Who is who: the subjects in certificates and what Kafka makes of them.
struct Principals {
    nodes: String,
    server: String,
    rule_of_nodes: String,
    rule_of_users: String,
}

impl Principals {
    /// All nodes are one principal, so that adding a slot changes no broker's super users. There is no DEFAULT
    /// rule: a subject that no rule maps is nobody.
    fn of(cluster: &ClusterName) -> Self {
        let nodes = format!("node:{cluster}");
        let server = "klamm:server".to_owned();
        Self {
            rule_of_nodes: format!(
                "RULE:^CN=[^,]+,OU=nodes,O={cluster}$/{nodes}/,RULE:^CN=server,OU=klamm,O={cluster}$/{server}/"
            ),
            rule_of_users: format!("RULE:^CN=([A-Za-z0-9._-]+),OU=users,O={cluster}$/$1/"),
            nodes: format!("User:{nodes}"),
            server: format!("User:{server}"),
        }
    }
}
