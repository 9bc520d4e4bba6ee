//! Keys of the whole spec, of components, monitoring, policy and artifacts.

use super::fleet::{LISTENERS, POOLS, PORTS};
use super::people::{CERTIFICATES, TOPIC, USER};
use super::{Field, HEAP, HOSTS, Kind, LABEL, PORT, Shape};

/// The whole spec.
pub(crate) static CLUSTER: Shape = Shape {
    name: "a spec",
    fields: &[
        Field {
            key: "cluster",
            doc: "The cluster's name: part of host names and certificates, and never changed later.",
            default: "",
            example: "telemetry",
            kind: Kind::Text(LABEL),
        },
        Field {
            key: "profile",
            doc: "What the cluster is for. `production` gives every node its own machine and refuses what pages \
                  people; `laptop` allows combined nodes and small heaps.",
            default: "",
            example: "production",
            kind: Kind::OneOf(&["laptop", "production"]),
        },
        Field {
            key: "kafka",
            doc: "The exact version of Apache Kafka.",
            default: "what the cluster runs, or the newest that Klamm knows",
            example: "4.3.1",
            kind: Kind::Text(r"^[0-9]+\.[0-9]+\.[0-9]+$"),
        },
        Field {
            key: "pools",
            doc: "Groups of equal nodes by name.",
            default: "laptop: three combined nodes; production: three controllers and three brokers",
            example: "{ brokers: { roles: [broker], count: 3 } }",
            kind: POOLS,
        },
        Field {
            key: "listeners",
            doc: "Where programs connect, by name. Every listener is encrypted and authenticated.",
            default: "clients: port 9092, mtls",
            example: "{ clients: { port: 9092, auth: mtls } }",
            kind: LISTENERS,
        },
        Field {
            key: "ports",
            doc: "Base ports of the two listeners that only nodes use.",
            default: "internal 19092, controller 29092",
            example: "{ internal: 19092, controller: 29092 }",
            kind: Kind::Map(&PORTS),
        },
        Field {
            key: "certificates",
            doc: "Who issues certificates, and for how long.",
            default: "Klamm's own authority, 90 days",
            example: "{ lifetime: 90d }",
            kind: Kind::Map(&CERTIFICATES),
        },
        Field {
            key: "config",
            doc: "Kafka's own keys for every node, checked against the version. Times and sizes may carry units.",
            default: "none",
            example: "{ log.retention.ms: 7d }",
            kind: Kind::Properties,
        },
        Field {
            key: "topics",
            doc: "Topics that shall exist, by name.",
            default: "none",
            example: "{ orders: { partitions: 12 } }",
            kind: Kind::Named { pattern: "^[A-Za-z0-9._-]{1,249}$", value: &Kind::Map(&TOPIC) },
        },
        Field {
            key: "users",
            doc: "Users that shall exist, by name, with what they may do.",
            default: "none",
            example: "{ billing: { allow: [\"read topic:orders group:billing-*\"] } }",
            kind: Kind::Named { pattern: "^[A-Za-z0-9._-]{1,64}$", value: &Kind::Map(&USER) },
        },
        Field {
            key: "components",
            doc: "What runs beside Kafka.",
            default: "nothing",
            example: "{ registry: { count: 2 } }",
            kind: Kind::Map(&COMPONENTS),
        },
        Field {
            key: "monitoring",
            doc: "How the cluster is watched.",
            default: "no metrics endpoint",
            example: "{ prometheus: true }",
            kind: Kind::Map(&MONITORING),
        },
        Field {
            key: "policy",
            doc: "When and how fast Klamm may change things.",
            default: "any time, one node after the other",
            example: "{ max-unavailable: 1 }",
            kind: Kind::Map(&POLICY),
        },
        Field {
            key: "artifacts",
            doc: "Where Kafka itself comes from; every file is verified wherever it comes from.",
            default: "Maven Central",
            example: "{ mirrors: [\"https://maven.example.com/central\"] }",
            kind: Kind::Map(&ARTIFACTS),
        },
    ],
};

/// What runs beside Kafka.
static COMPONENTS: Shape = Shape {
    name: "the components",
    fields: &[
        Field {
            key: "registry",
            doc: "A schema registry.",
            default: "none",
            example: "{ count: 2 }",
            kind: Kind::Map(&REGISTRY),
        },
        Field {
            key: "connect",
            doc: "A Kafka Connect cluster.",
            default: "none",
            example: "{ count: 2 }",
            kind: Kind::Map(&CONNECT),
        },
    ],
};

const COUNT: Kind = Kind::Integer { least: 1, most: 100 };

/// The schema registry.
static REGISTRY: Shape = Shape {
    name: "the registry",
    fields: &[
        Field { key: "count", doc: "How many processes.", default: "1", example: "2", kind: COUNT },
        Field {
            key: "port",
            doc: "Base port of its HTTPS endpoint.",
            default: "8081",
            example: "8081",
            kind: PORT,
        },
        Field {
            key: "hosts",
            doc: "The hosts it may use, by name or by a beginning with `*`.",
            default: "any host",
            example: "[\"apps-*\"]",
            kind: HOSTS,
        },
        Field {
            key: "heap",
            doc: "Java heap of each process.",
            default: "auto",
            example: "512MiB",
            kind: HEAP,
        },
    ],
};

/// The Connect cluster.
static CONNECT: Shape = Shape {
    name: "the Connect cluster",
    fields: &[
        Field { key: "count", doc: "How many workers.", default: "1", example: "2", kind: COUNT },
        Field {
            key: "port",
            doc: "Base port of its HTTPS endpoint.",
            default: "8083",
            example: "8083",
            kind: PORT,
        },
        Field {
            key: "hosts",
            doc: "The hosts it may use, by name or by a beginning with `*`.",
            default: "any host",
            example: "[\"apps-*\"]",
            kind: HOSTS,
        },
        Field { key: "heap", doc: "Java heap of each worker.", default: "auto", example: "1GiB", kind: HEAP },
        Field {
            key: "plugins",
            doc: "Plugins by Maven coordinate, GROUP:ARTIFACT:VERSION.",
            default: "none",
            example: "[\"io.debezium:debezium-connector-postgres:3.3.1.Final\"]",
            kind: Kind::List(&Kind::Text(r"^[A-Za-z0-9._-]+:[A-Za-z0-9._-]+:[A-Za-z0-9._-]+$")),
        },
        Field {
            key: "config",
            doc: "Properties of the workers.",
            default: "none",
            example: "{ offset.flush.interval.ms: 10s }",
            kind: Kind::Properties,
        },
        Field {
            key: "connectors",
            doc: "Connectors that shall run, by name.",
            default: "none",
            example: "{ invoices: { class: io.debezium.connector.postgresql.PostgresConnector } }",
            kind: Kind::Named { pattern: "^[A-Za-z0-9._-]+$", value: &Kind::Map(&CONNECTOR) },
        },
    ],
};

/// A connector.
static CONNECTOR: Shape = Shape {
    name: "a connector",
    fields: &[
        Field {
            key: "class",
            doc: "Its Java class.",
            default: "",
            example: "io.debezium.connector.postgresql.PostgresConnector",
            kind: Kind::Text(r"^[A-Za-z_$][A-Za-z0-9_$.]*$"),
        },
        Field {
            key: "tasks",
            doc: "Most tasks it may split into.",
            default: "1",
            example: "4",
            kind: Kind::Integer { least: 1, most: 1000 },
        },
        Field {
            key: "config",
            doc: "Its properties; secrets by `${file:PATH:KEY}`, never here.",
            default: "none",
            example: "{ database.hostname: db.example.com }",
            kind: Kind::Properties,
        },
    ],
};

/// Monitoring.
static MONITORING: Shape = Shape {
    name: "the monitoring",
    fields: &[Field {
        key: "prometheus",
        doc: "Whether metrics are served for Prometheus.",
        default: "false",
        example: "true",
        kind: Kind::Bool,
    }],
};

/// The policy.
static POLICY: Shape = Shape {
    name: "the policy",
    fields: &[
        Field {
            key: "windows",
            doc: "When planned changes may run: DAYS FROM-UNTIL [OFFSET], in UTC without an offset.",
            default: "any time",
            example: "[\"sat-sun 02:00-06:00 +01:00\"]",
            kind: Kind::List(&Kind::Text("")),
        },
        Field {
            key: "max-unavailable",
            doc: "Most nodes that may be stopped at once; safety still has the last word on each.",
            default: "1",
            example: "1",
            kind: Kind::Integer { least: 1, most: 1000 },
        },
        Field {
            key: "heal",
            doc: "What Klamm does without being asked.",
            default: "after 5m",
            example: "{ after: 5m }",
            kind: Kind::Map(&HEAL),
        },
    ],
};

/// Healing.
static HEAL: Shape = Shape {
    name: "the healing policy",
    fields: &[
        Field {
            key: "enabled",
            doc: "Whether Klamm repairs more than a crashed process by itself.",
            default: "true",
            example: "true",
            kind: Kind::Bool,
        },
        Field {
            key: "after",
            doc: "How long a slot must be unwell before the next step of healing.",
            default: "5m",
            example: "5m",
            kind: Kind::Duration,
        },
    ],
};

/// Artifacts.
static ARTIFACTS: Shape = Shape {
    name: "the artifacts",
    fields: &[
        Field {
            key: "mirrors",
            doc: "Base URLs of Maven repositories to try first, in order.",
            default: "none",
            example: "[\"https://maven.example.com/central\"]",
            kind: Kind::List(&Kind::Text("^https?://")),
        },
        Field {
            key: "lock",
            doc: "Path of your own signed lock file, instead of the one inside Klamm.",
            default: "the one inside Klamm",
            example: "/etc/klamm/kafka-4.3.1.lock",
            kind: Kind::Text("^/"),
        },
    ],
};
