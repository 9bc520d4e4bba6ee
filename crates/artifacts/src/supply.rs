//! Everything an `ensure_` call needs beside the thing it ensures.

use std::sync::Arc;
use std::time::Duration;

use crate::cache::Cache;
use crate::mirrors::Mirrors;
use crate::progress::{NoProgress, ProgressSink};
use crate::sources::Access;

/// Where artifacts are kept, where they come from, how hard to try, and who hears about it.
#[derive(Clone)]
pub struct Supply {
    /// The folder that all clusters and processes of one user share.
    pub cache: Cache,
    /// The operator's mirrors.
    pub mirrors: Mirrors,
    /// Whom to trust beside the machine's authorities, and who to be.
    pub access: Access,
    /// Parallelism and patience.
    pub pace: Pace,
    /// Hears what happens.
    pub progress: Arc<dyn ProgressSink>,
}

impl Supply {
    /// The default hosts, the default pace and nobody listening.
    pub fn new(cache: Cache) -> Self {
        Self {
            cache,
            mirrors: Mirrors::none(),
            access: Access::default(),
            pace: Pace::default(),
            progress: Arc::new(NoProgress),
        }
    }
}

/// How many downloads run at once and how failures of the network are answered.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Downloads at once.
    pub parallel: usize,
    /// Attempts in a row at one URL that bring nothing, before it is given up. An attempt that brought at least
    /// 64 KiB starts the count again, so a slow, flaky line still ends.
    pub attempts: u32,
    /// The pause after the first failed attempt; it doubles up to `longest_pause`.
    pub first_pause: Duration,
    /// The longest pause between two attempts, whatever the server asks for.
    pub longest_pause: Duration,
    /// How long a connection may take to be made.
    pub connect: Duration,
    /// How long a server may send nothing.
    pub silence: Duration,
}

impl Default for Pace {
    /// Eight at once fills a line with 92 files of mostly less than 1 MiB; five attempts with pauses of 0.25, 0.5,
    /// 1 and 2 s tell a machine without a network so within four seconds.
    fn default() -> Self {
        Self {
            parallel: 8,
            attempts: 5,
            first_pause: Duration::from_millis(250),
            longest_pause: Duration::from_secs(15),
            connect: Duration::from_secs(10),
            silence: Duration::from_secs(30),
        }
    }
}
