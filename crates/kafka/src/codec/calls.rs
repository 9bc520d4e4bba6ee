//! Every API we call, one file per subject: our parameters to the wire, the wire to our results.

pub(crate) mod acls;
pub(crate) mod cluster;
pub(crate) mod configs;
pub(crate) mod fetch;
pub(crate) mod leaders;
pub(crate) mod log_dirs;
pub(crate) mod metadata;
pub(crate) mod produce;
pub(crate) mod quorum;
pub(crate) mod reassignments;
pub(crate) mod topics;
pub(crate) mod versions;

/// A duration as the protocol writes time-outs.
fn milliseconds(duration: std::time::Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}
