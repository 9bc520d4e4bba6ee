//! Kafka keys that Klamm writes itself: set by hand they would contradict identity, certificates or rights.

use klamm_core::kafka::properties::split_listener_prefix;

/// Why a key is not the operator's, and what is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owned {
    pub(super) why: &'static str,
    pub(super) instead: &'static str,
}

/// Keys, or beginnings of keys if they end with a dot.
const OWNED: &[(&[&str], Owned)] = &[
    (
        &[
            "listeners",
            "advertised.listeners",
            "listener.security.protocol.map",
            "inter.broker.listener.name",
            "security.inter.broker.protocol",
            "control.plane.listener.name",
            "controller.listener.names",
            "early.start.listeners",
        ],
        Owned {
            why: "ports and names are kept with each slot",
            instead: "write `listeners:` (and `ports:`) in the spec",
        },
    ),
    (
        &["node.id", "broker.id", "broker.id.generation.enable"],
        Owned {
            why: "ids are allocated once and never reused",
            instead: "to pin one, write `node-id` under the pool's `slots`",
        },
    ),
    (&["process.roles"], Owned { why: "it follows from the pool", instead: "write `roles` in the pool" }),
    (
        &["log.dir", "log.dirs", "metadata.log.dir", "cordoned.log.dirs"],
        Owned { why: "directories belong to the slot's identity", instead: "write `storage` in the pool" },
    ),
    (
        &["broker.rack"],
        Owned {
            why: "it is the zone of the host",
            instead: "label hosts with zones; choose them by `zones` in the pool",
        },
    ),
    (
        &[
            "controller.quorum.voters",
            "controller.quorum.bootstrap.servers",
            "controller.quorum.auto.join.enable",
        ],
        Owned {
            why: "voters are added and removed by plan",
            instead: "write a pool with the role `controller`",
        },
    ),
    (
        &["super.users", "authorizer.class.name", "allow.everyone.if.no.acl.found"],
        Owned {
            why: "everything is denied that is not allowed by name",
            instead: "write `users:` with what each may do",
        },
    ),
    (
        &["principal.builder.class"],
        Owned { why: "rights hang on how names are read from certificates", instead: "leave it out" },
    ),
    (
        &["ssl."],
        Owned {
            why: "certificates are made, renewed and checked per listener",
            instead: "write `listeners:` and `certificates:` in the spec",
        },
    ),
    (
        &["sasl."],
        Owned {
            why: "how programs log in is the listener's matter",
            instead: "write `auth: [scram-sha-512]` in the listener",
        },
    ),
    (
        &["zookeeper."],
        Owned {
            why: "Klamm's clusters keep their metadata in their own quorum (KRaft)",
            instead: "leave it out",
        },
    ),
    (
        &["inter.broker.protocol.version"],
        Owned { why: "features are finalised by an upgrade's last step", instead: "leave it out" },
    ),
];

/// The reason why a key is Klamm's, if it is; with a listener's prefix or without.
pub(super) fn owned_key(key: &str) -> Option<Owned> {
    let bare = split_listener_prefix(key).map_or(key, |prefixed| prefixed.key);
    let covers = |owned: &&str| if owned.ends_with('.') { bare.starts_with(*owned) } else { bare == *owned };
    OWNED.iter().find(|(keys, _)| keys.iter().any(covers)).map(|(_, owned)| *owned)
}
