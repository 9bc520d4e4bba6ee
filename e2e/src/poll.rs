//! Waiting: look again until it holds, or say what was waited for and what was seen last.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// Looks until `look` gives a value; `Err` of it is what was seen instead. After `patience` it is an error that names
/// `what` and the last sight.
pub fn poll<T>(what: &str, patience: Duration, look: impl FnMut() -> Result<T>) -> Result<T> {
    poll_every(PAUSE, what, patience, look)
}

/// [`poll`] with another pause between two looks.
pub fn poll_every<T>(
    pause: Duration,
    what: &str,
    patience: Duration,
    mut look: impl FnMut() -> Result<T>,
) -> Result<T> {
    let deadline = Instant::now() + patience;
    loop {
        match look() {
            Ok(found) => return Ok(found),
            Err(seen) if Instant::now() >= deadline => {
                bail!("waited {} s for {what}; last seen: {seen:#}", patience.as_secs())
            }
            Err(_) => sleep(pause),
        }
    }
}
