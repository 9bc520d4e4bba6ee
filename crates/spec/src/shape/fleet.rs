//! Keys of pools, slots and listeners.

use super::{Field, HEAP, HOSTS, Kind, LABEL, PORT, Shape};

/// A pool.
static POOL: Shape = Shape {
    name: "a pool",
    fields: &[
        Field {
            key: "roles",
            doc: "What each node of the pool does: `controller` votes on the cluster's metadata, `broker` holds \
                  partitions and serves programs. Both in one process is for laptops.",
            default: "",
            example: "[broker]",
            kind: Kind::List(&Kind::OneOf(&["controller", "broker"])),
        },
        Field {
            key: "count",
            doc: "How many slots the pool has. Three or five controllers; three or more brokers.",
            default: "",
            example: "3",
            kind: Kind::Integer { least: 1, most: 1000 },
        },
        Field {
            key: "hosts",
            doc: "The hosts the pool may use, by name or by a beginning with `*`.",
            default: "any host",
            example: "[\"kafka-*\"]",
            kind: HOSTS,
        },
        Field {
            key: "zones",
            doc: "The failure domains the pool may use; slots are spread over them.",
            default: "any zone",
            example: "[a, b, c]",
            kind: Kind::List(&Kind::Text("^[A-Za-z0-9._-]+$")),
        },
        Field {
            key: "storage",
            doc: "Where data lives, one directory per disk; the first holds the metadata log.",
            default: "one directory under Klamm's own root",
            example: "[{ path: /srv/kafka/d1 }]",
            kind: Kind::List(&Kind::Map(&STORAGE)),
        },
        Field {
            key: "heap",
            doc: "Java heap of each node. `auto` takes it from the host's memory: Kafka lives from the page cache, \
                  so a larger heap is seldom faster.",
            default: "auto",
            example: "4GiB",
            kind: HEAP,
        },
        Field {
            key: "jvm",
            doc: "More options of the Java virtual machine, from an allow-list.",
            default: "none",
            example: "[-XX:MaxGCPauseMillis=20]",
            kind: Kind::List(&Kind::Text("^-")),
        },
        Field {
            key: "config",
            doc: "Kafka's own keys for all nodes of the pool; wins over the cluster's `config`.",
            default: "none",
            example: "{ num.network.threads: 8 }",
            kind: Kind::Properties,
        },
        Field {
            key: "slots",
            doc: "What differs for single slots, by ordinal from 0.",
            default: "none",
            example: "{ 0: { node-id: 11 } }",
            kind: Kind::Named { pattern: "^(0|[1-9][0-9]{0,2})$", value: &Kind::Map(&SLOT) },
        },
    ],
};

/// One directory of a pool's slots.
static STORAGE: Shape = Shape {
    name: "a storage directory",
    fields: &[Field {
        key: "path",
        doc: "An absolute path on each host of the pool; Klamm makes a folder per slot in it.",
        default: "",
        example: "/srv/kafka/d1",
        kind: Kind::Text("^/[^,]+$"),
    }],
};

/// One slot's differences.
static SLOT: Shape = Shape {
    name: "a slot",
    fields: &[
        Field {
            key: "node-id",
            doc: "The Kafka node id of this slot; needed only to take over disks that have one.",
            default: "the next free one",
            example: "11",
            kind: Kind::Integer { least: 0, most: 2_147_483_647 },
        },
        Field {
            key: "host",
            doc: "The one host this slot may use.",
            default: "any of the pool's",
            example: "kafka-7",
            kind: Kind::Text(r"^[A-Za-z0-9._-]*\*?$"),
        },
        Field {
            key: "zone",
            doc: "The one failure domain this slot may use.",
            default: "any of the pool's",
            example: "a",
            kind: Kind::Text("^[A-Za-z0-9._-]+$"),
        },
        Field {
            key: "config",
            doc: "Kafka's own keys for this slot alone; wins over the pool's and the cluster's.",
            default: "none",
            example: "{ num.io.threads: 16 }",
            kind: Kind::Properties,
        },
    ],
};

/// A listener for programs.
static LISTENER: Shape = Shape {
    name: "a listener",
    fields: &[
        Field {
            key: "port",
            doc: "The port of each slot, or the first of a range where slots share a host. Keep it below 32768, \
                  where the system hands out ports by itself.",
            default: "9092",
            example: "9092",
            kind: PORT,
        },
        Field {
            key: "auth",
            doc: "How programs prove who they are: `mtls` by a certificate, or a list of SASL mechanisms. Every \
                  listener is encrypted.",
            default: "mtls",
            example: "mtls",
            kind: Kind::Either(
                &Kind::OneOf(&["mtls"]),
                &Kind::List(&Kind::OneOf(&["scram-sha-256", "scram-sha-512"])),
            ),
        },
        Field {
            key: "bind",
            doc: "The address to bind.",
            default: "loopback on a laptop, all addresses elsewhere",
            example: "10.0.0.7",
            kind: Kind::Text("^[0-9a-fA-F.:]+$"),
        },
        Field {
            key: "advertised",
            doc: "The host name that programs are told, with {slot}, {pool}, {ordinal}, {node-id}, {cluster} or \
                  {host} in it.",
            default: "the slot's own name",
            example: "\"{slot}.kafka.example.com\"",
            kind: Kind::Text(""),
        },
    ],
};

/// Base ports of Klamm's own two listeners.
pub(super) static PORTS: Shape = Shape {
    name: "the nodes' own ports",
    fields: &[
        Field {
            key: "internal",
            doc: "Base port of replication between brokers.",
            default: "19092",
            example: "19092",
            kind: PORT,
        },
        Field {
            key: "controller",
            doc: "Base port of the controllers' quorum.",
            default: "29092",
            example: "29092",
            kind: PORT,
        },
    ],
};

/// The mapping of pools.
pub(super) const POOLS: Kind = Kind::Named { pattern: LABEL, value: &Kind::Map(&POOL) };
/// The mapping of listeners.
pub(super) const LISTENERS: Kind = Kind::Named { pattern: LABEL, value: &Kind::Map(&LISTENER) };
