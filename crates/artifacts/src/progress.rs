//! What a caller hears while artifacts are made ready.

/// One thing that happened. Events are cheap and may come from several threads.
///
/// Counts are those of one `ensure_` call; whoever runs two at once gives each its own sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress<'a> {
    /// A new stage, as text for a person: `checking the cache`, `unpacking Java 25.0.2`.
    Stage(&'a str),
    /// Downloads are about to start: how many files, and the bytes of all of them, those already here included.
    Planned {
        /// Number of files.
        files: usize,
        /// Sum of their sizes in bytes.
        bytes: u64,
    },
    /// A file's download starts or is resumed.
    Started {
        /// The file's name without folders.
        file: &'a str,
        /// Its size in bytes.
        bytes: u64,
    },
    /// Bytes of all planned files that are on disk now. Falls when a server makes a file start again.
    Bytes {
        /// Bytes on disk.
        done: u64,
        /// As in `Planned`.
        total: u64,
    },
    /// An attempt failed and will be repeated.
    Retrying {
        /// The file's name without folders.
        file: &'a str,
        /// Why, as text for a person.
        because: &'a str,
    },
    /// A file is complete, verified and in place.
    Finished {
        /// The file's name without folders.
        file: &'a str,
    },
}

/// Receives [`Progress`]; any `Fn(Progress<'_>)` is one. It must return at once: downloads wait for it.
pub trait ProgressSink: Send + Sync {
    /// Takes one event.
    fn report(&self, event: Progress<'_>);
}

impl<F: Fn(Progress<'_>) + Send + Sync> ProgressSink for F {
    fn report(&self, event: Progress<'_>) {
        self(event);
    }
}

/// Hears nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoProgress;

impl ProgressSink for NoProgress {
    fn report(&self, _event: Progress<'_>) {}
}
