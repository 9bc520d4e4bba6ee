//! The causes, what each is called, and what to do.

use thiserror::Error;

/// Why a node did not start.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StartCause {
    /// Something else listens there.
    #[error("another program listens on {address}")]
    PortInUse {
        /// `HOST:PORT`.
        address: String,
    },
    /// The host has no interface with it.
    #[error("this host does not have the address of {address}")]
    AddressNotOfThisHost {
        /// `HOST:PORT`.
        address: String,
    },
    /// The name means nothing on this host.
    #[error("the host name in {address} does not resolve here")]
    AddressUnresolved {
        /// `HOST:PORT`.
        address: String,
    },
    /// Ports below 1024 need a right.
    #[error("the node's user may not listen on {address}")]
    PortNotAllowed {
        /// `HOST:PORT`.
        address: String,
    },
    /// Another Kafka holds the lock in it.
    #[error("another Kafka process uses the data directory {directory}")]
    DirectoryInUse {
        /// Its path.
        directory: String,
    },
    /// An empty disk where data was expected, or a disk that is not mounted.
    #[error("the data directory {} is not formatted", directory.as_deref().unwrap_or("of this node"))]
    NotFormatted {
        /// Its path; `None` if no directory is.
        directory: Option<String>,
    },
    /// The file's rights forbid it.
    #[error("the node's user may not use {path}")]
    PermissionDenied {
        /// The file or folder.
        path: String,
    },
    /// Nothing can be written.
    #[error("the disk is full")]
    DiskFull,
    /// Mounted read-only, often by the kernel after an error of the disk.
    #[error("the file system of {path} is read-only")]
    ReadOnly {
        /// The file that was to be written.
        path: String,
    },
    /// A disk of another cluster.
    #[error("{file} belongs to cluster {found}, not {expected}")]
    OtherCluster {
        /// The directory's `meta.properties`.
        file: String,
        /// The id in the node's other directories.
        expected: String,
        /// The id in the file.
        found: String,
    },
    /// The addresses of the controllers lead to another cluster.
    #[error("the controllers belong to another cluster than this node's disks")]
    ControllersOfOtherCluster,
    /// A disk of another node.
    #[error("{file} belongs to node {stored}")]
    OtherNode {
        /// The directory's `meta.properties`.
        file: String,
        /// The id in it.
        stored: String,
    },
    /// A file without ids.
    #[error("meta.properties in {directory} is damaged")]
    DamagedMetaProperties {
        /// The data directory.
        directory: String,
    },
    /// A node with this id is registered and lives, or died less than a session ago.
    #[error("a broker with this node id is registered already")]
    NodeIdRegistered,
    /// An option that this Java does not know.
    #[error("java does not know the option {option}")]
    UnknownJavaOption {
        /// Without `-XX:`.
        option: String,
    },
    /// The jar of a Java agent.
    #[error("the java agent {path} cannot be opened")]
    JavaAgentMissing {
        /// The jar.
        path: String,
    },
    /// Classes for a newer Java.
    #[error("this java is too old for these jars")]
    JavaTooOld,
    /// `-Xms` above `-Xmx`.
    #[error("the heap's initial size is above its largest")]
    HeapBoundsSwapped,
    /// The host cannot give what Java asks for.
    #[error("the host does not have the memory that java asks for")]
    NotEnoughMemory,
    /// Java ran out of memory.
    #[error("java ran out of memory: {what}")]
    OutOfMemory {
        /// Which memory, in Java's words.
        what: String,
    },
    /// A key that must be there.
    #[error("the setting {key} is missing")]
    MissingSetting {
        /// The key.
        key: String,
    },
    /// A value that Kafka refuses.
    #[error("kafka refuses a setting: {said}")]
    InvalidSetting {
        /// In Kafka's words.
        said: String,
    },
    /// A class that is in none of the jars.
    #[error("the class {class} is in none of the jars")]
    ClassNotFound {
        /// Its full name.
        class: String,
    },
    /// Keys and certificates.
    #[error("the node's certificate or trust cannot be loaded: {said}")]
    Tls {
        /// In Kafka's words.
        said: String,
    },
    /// The limit of the process.
    #[error("the node may not open more files")]
    TooManyOpenFiles,
}

impl StartCause {
    /// What to do about it, as a sentence in the imperative without a full stop.
    pub fn fix(&self) -> &'static str {
        match self {
            Self::PortInUse { .. } => {
                "stop the other program (`ss -ltnp` names it), or give the listener another port"
            }
            Self::AddressNotOfThisHost { .. } => "bind an address that `ip address` shows on this host",
            Self::AddressUnresolved { .. } => "make the name known to this host, or bind an address",
            Self::PortNotAllowed { .. } => "use a port from 1024, or give the service CAP_NET_BIND_SERVICE",
            Self::DirectoryInUse { .. } => {
                "find the process that holds it (`fuser`) and end it before anything else"
            }
            Self::NotFormatted { .. } => {
                "check that the disk is mounted; if it really is new, let Klamm decide whether the node may start empty"
            }
            Self::PermissionDenied { .. } => "give the file to the user that Kafka runs as",
            Self::DiskFull => "free or add space; shorter retention acts only after the node runs",
            Self::ReadOnly { .. } => {
                "look at the kernel's log for the disk's errors, repair it, mount it again"
            }
            Self::OtherCluster { .. } | Self::OtherNode { .. } => {
                "mount the disk that belongs to this slot; do not edit meta.properties"
            }
            Self::ControllersOfOtherCluster => {
                "compare controller.quorum.bootstrap.servers with the cluster's controllers"
            }
            Self::DamagedMetaProperties { .. } => {
                "restore the file from the ids that Klamm keeps for the slot; the data beside it may be whole"
            }
            Self::NodeIdRegistered => {
                "wait for the old session to end (9 s after a kill); if it lasts, find the second node with this id"
            }
            Self::UnknownJavaOption { .. } => "take the option out of `jvm:`, or use the Java it is for",
            Self::JavaAgentMissing { .. } => "run the plan again, so that the agent's jar is laid out anew",
            Self::JavaTooOld => "use a Java that this Kafka supports: 17 or newer from Kafka 4.0",
            Self::HeapBoundsSwapped => "take -Xms and -Xmx out of `jvm:` and set `heap:`",
            Self::NotEnoughMemory => "set a smaller `heap:`, or run fewer nodes on this host",
            Self::OutOfMemory { .. } => "set a larger `heap:` for the pool",
            Self::MissingSetting { .. } | Self::InvalidSetting { .. } => {
                "correct the setting in the spec's `config:`"
            }
            Self::ClassNotFound { .. } => {
                "correct the class name in the spec, or verify the Kafka distribution if it is one of Kafka's own"
            }
            Self::Tls { .. } => "look at `klamm cert list` for the node and renew its certificate",
            Self::TooManyOpenFiles => "raise the limit of open files to 100000 or more for the service",
        }
    }

    /// Whether starting again without any change can help.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::PortInUse { .. }
            | Self::AddressNotOfThisHost { .. }
            | Self::AddressUnresolved { .. }
            | Self::DirectoryInUse { .. }
            | Self::NodeIdRegistered
            | Self::NotEnoughMemory
            | Self::OutOfMemory { .. }
            | Self::TooManyOpenFiles => true,
            Self::PortNotAllowed { .. }
            | Self::NotFormatted { .. }
            | Self::PermissionDenied { .. }
            | Self::DiskFull
            | Self::ReadOnly { .. }
            | Self::OtherCluster { .. }
            | Self::ControllersOfOtherCluster
            | Self::OtherNode { .. }
            | Self::DamagedMetaProperties { .. }
            | Self::UnknownJavaOption { .. }
            | Self::JavaAgentMissing { .. }
            | Self::JavaTooOld
            | Self::HeapBoundsSwapped
            | Self::MissingSetting { .. }
            | Self::InvalidSetting { .. }
            | Self::ClassNotFound { .. }
            | Self::Tls { .. } => false,
        }
    }
}
