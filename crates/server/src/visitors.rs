//! Who is connected to the people's door, counted: a daemon that nobody needs ends when the last one has gone.

use tokio::sync::watch;

/// The people's connections.
#[derive(Debug)]
pub(crate) struct Visitors {
    here: watch::Sender<usize>,
}

impl Default for Visitors {
    fn default() -> Self {
        Self { here: watch::Sender::new(0) }
    }
}

/// One connection; counted while this value lives.
#[derive(Debug)]
pub(crate) struct Visit {
    here: watch::Sender<usize>,
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.here.send_modify(|count| *count -= 1);
    }
}

impl Visitors {
    /// Counts one more.
    pub(crate) fn enter(&self) -> Visit {
        self.here.send_modify(|count| *count += 1);
        Visit { here: self.here.clone() }
    }

    /// Whether no more than so many are here.
    pub(crate) fn are_at_most(&self, count: usize) -> bool {
        *self.here.borrow() <= count
    }

    /// Waits until no more than so many are here.
    pub(crate) async fn at_most(&self, count: usize) {
        let waited = self.here.subscribe().wait_for(|here| *here <= count).await.map(drop);
        waited.expect("we hold the sender");
    }
}

#[cfg(test)]
mod tests;
