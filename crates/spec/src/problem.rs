//! Problems of a spec: where, what, why, and what to write instead.

use std::fmt;

use serde::Serialize;

/// A stretch of the spec's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// First byte behind it.
    pub end: usize,
    /// Line of the first byte, from 1.
    pub line: usize,
    /// Column of the first byte in characters, from 1.
    pub column: usize,
}

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The spec is refused.
    Error,
    /// The spec is taken, and a person should look.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal,)+) => {
        /// The kind of a problem: stable, with a page of documentation each.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        pub enum Code {
            $($(#[doc = $doc])+ #[serde(rename = $text)] $name,)+
        }

        impl Code {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The code as it is printed.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }

            /// What it stands for, in a sentence.
            pub fn summary(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($doc),+).trim_ascii(),)+
                }
            }
        }
    };
}

codes! {
    /// Not YAML, or more of it than a spec may be.
    Syntax = "spec/syntax",
    /// A key stands twice in one mapping.
    DuplicateKey = "spec/duplicate-key",
    /// A key that the spec does not have.
    UnknownKey = "spec/unknown-key",
    /// A key that must be there.
    MissingKey = "spec/missing-key",
    /// A list where a number should be, and the like.
    WrongType = "spec/wrong-type",
    /// The right type, but not a value that can be.
    InvalidValue = "spec/invalid-value",
    /// A Kafka version that this Klamm cannot run.
    UnsupportedVersion = "spec/unsupported-version",
    /// A name that Klamm or Kafka keeps for itself.
    ReservedName = "spec/reserved-name",
    /// Two listeners on one port.
    PortTaken = "spec/port-taken",
    /// A port that the system may give to somebody else, or only to root.
    PortRange = "spec/port-range",
    /// Slots that clients could not tell apart.
    Advertised = "spec/advertised-name",
    /// A listener without encryption or without authentication.
    PlainListener = "spec/plain-listener",
    /// A secret in the spec.
    InlineSecret = "spec/inline-secret",
    /// TLS that is too old.
    TlsVersion = "spec/tls-version",
    /// Copies of a partition that do not protect it.
    Replication = "spec/replication",
    /// A minimum of in-sync replicas that stops writes or protects nothing.
    MinInsync = "spec/min-insync",
    /// Kafka's own topics with too few copies.
    InternalTopic = "spec/internal-topic",
    /// Too few brokers for what is asked of them.
    Brokers = "spec/brokers",
    /// A number of voters that does not help.
    Voters = "spec/voters",
    /// Combined nodes where each needs its own machine.
    Combined = "spec/combined-nodes",
    /// A Java heap that does not fit.
    Heap = "spec/heap",
    /// A JVM option that is not on the allow-list.
    JvmOption = "spec/jvm-option",
    /// Data directories that share a place, or are of no use.
    Storage = "spec/storage",
    /// A node id twice.
    NodeIdTaken = "spec/node-id-taken",
    /// Something about a slot that the pool does not have.
    NoSuchSlot = "spec/no-such-slot",
    /// A Kafka key that Klamm writes itself.
    OwnedProperty = "spec/owned-property",
    /// A key that this Kafka does not know.
    UnknownProperty = "spec/unknown-property",
    /// A key that an older Kafka knew.
    RemovedProperty = "spec/removed-property",
    /// A key in a layer where it does nothing or harm.
    MisplacedProperty = "spec/misplaced-property",
    /// A value that Kafka refuses.
    PropertyValue = "spec/property-value",
    /// A setting that is known to lose data or sleep.
    RiskyProperty = "spec/risky-property",
    /// A user who cannot log in anywhere.
    NoWayIn = "spec/no-way-in",
}

/// One problem of a spec.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// What kind of problem.
    pub code: Code,
    /// How bad.
    pub severity: Severity,
    /// The name under which the text was given.
    pub file: String,
    /// Where in the text.
    pub span: Span,
    /// Where in the spec: `pools.brokers.count`. Empty for the whole spec.
    pub path: String,
    /// The offending value or key as it is written; none where something is missing. Never a secret.
    pub value: Option<String>,
    /// What is wrong and why.
    pub message: String,
    /// What to write instead.
    pub help: String,
    /// The other place, if the problem is between two.
    pub other: Option<(Span, String)>,
    /// Where a secret stands that no report may show.
    #[serde(skip)]
    pub(crate) secret: Option<Span>,
}

/// `file:line:column: severity: message (code); help`, for one line each.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, severity, file, span, path: _, value: _, message, help, other: _, secret: _ } = self;
        let Span { line, column, .. } = span;
        write!(f, "{file}:{line}:{column}: {severity}: {message} ({}); {help}", code.as_str())
    }
}
