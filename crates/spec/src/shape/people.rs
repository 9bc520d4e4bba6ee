//! Keys of certificates, topics and users: what the people around a cluster ask for.

use super::{Field, Kind, Shape};

/// The certificate policy.
pub(super) static CERTIFICATES: Shape = Shape {
    name: "the certificate policy",
    fields: &[
        Field {
            key: "authority",
            doc: "Who issues certificates: Klamm's own authority.",
            default: "builtin",
            example: "builtin",
            kind: Kind::OneOf(&["builtin"]),
        },
        Field {
            key: "lifetime",
            doc: "How long a certificate lives. Renewal needs no restart, so it may be short; long enough that the \
                  fleet outlives an outage of its server.",
            default: "90d",
            example: "90d",
            kind: Kind::Duration,
        },
        Field {
            key: "renew-at",
            doc: "The share of its life after which a certificate is renewed.",
            default: "2/3",
            example: "2/3",
            kind: Kind::Text("^[0-9]+/[0-9]+$"),
        },
    ],
};

/// A topic.
pub(super) static TOPIC: Shape = Shape {
    name: "a topic",
    fields: &[
        Field {
            key: "partitions",
            doc: "Number of partitions. It can grow and never shrink, and growing changes which partition a key \
                  goes to.",
            default: "",
            example: "12",
            kind: Kind::Integer { least: 1, most: 100_000 },
        },
        Field {
            key: "replicas",
            doc: "Copies of each partition.",
            default: "3, or the number of brokers if that is less",
            example: "3",
            kind: Kind::Integer { least: 1, most: 1000 },
        },
        Field {
            key: "config",
            doc: "Kafka's own keys of a topic. Times (`7d`) and sizes (`1GiB`) may carry units.",
            default: "none",
            example: "{ retention.ms: 7d }",
            kind: Kind::Properties,
        },
    ],
};

/// A user.
pub(super) static USER: Shape = Shape {
    name: "a user",
    fields: &[
        Field {
            key: "auth",
            doc: "How the user proves who it is. Klamm makes the certificate or the password; neither is ever in \
                  the spec.",
            default: "mtls",
            example: "mtls",
            kind: Kind::OneOf(&["mtls", "scram-sha-256", "scram-sha-512"]),
        },
        Field {
            key: "allow",
            doc: "What the user may do, a line each: OPERATION[,OPERATION…] RESOURCE…, with topic:NAME, group:NAME, \
                  transactional-id:NAME or cluster; a name may end with `*`. `all` alone is every right. Nothing \
                  else is allowed.",
            default: "nothing",
            example: "[\"read topic:orders group:billing-*\"]",
            kind: Kind::List(&Kind::Text("")),
        },
    ],
};
