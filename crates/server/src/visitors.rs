//! Who is connected to the people's door, counted: a daemon that nobody needs ends when the last one has gone.

use std::collections::BTreeMap;

use tokio::sync::watch;

/// The processes that are connected. One process is one visitor: HTTP clients open connections beforehand and keep them.
#[derive(Debug)]
pub(crate) struct Visitors {
    here: watch::Sender<Here>,
}

#[derive(Debug, Default)]
struct Here {
    /// Connections of each process.
    processes: BTreeMap<i32, usize>,
    /// Connections of which the system does not tell the process: each counts for itself.
    unknown: usize,
}

impl Here {
    fn visitors(&self) -> usize {
        self.processes.len() + self.unknown
    }
}

impl Default for Visitors {
    fn default() -> Self {
        Self { here: watch::Sender::new(Here::default()) }
    }
}

/// One connection; counted while this value lives.
#[derive(Debug)]
pub(crate) struct Visit {
    process: Option<i32>,
    here: watch::Sender<Here>,
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.here.send_modify(|here| match self.process {
            None => here.unknown -= 1,
            Some(process) => {
                let left = here.processes.get(&process).map_or(0, |connections| connections - 1);
                if left == 0 {
                    here.processes.remove(&process);
                } else {
                    here.processes.insert(process, left);
                }
            }
        });
    }
}

impl Visitors {
    /// Counts one more connection, of this process.
    pub(crate) fn enter(&self, process: Option<i32>) -> Visit {
        self.here.send_modify(|here| match process {
            None => here.unknown += 1,
            Some(process) => *here.processes.entry(process).or_default() += 1,
        });
        Visit { process, here: self.here.clone() }
    }

    /// Whether no more than so many are here.
    pub(crate) fn are_at_most(&self, count: usize) -> bool {
        self.here.borrow().visitors() <= count
    }

    /// Waits until no more than so many are here.
    pub(crate) async fn at_most(&self, count: usize) {
        let waited = self.here.subscribe().wait_for(|here| here.visitors() <= count).await.map(drop);
        waited.expect("we hold the sender");
    }
}

#[cfg(test)]
mod tests;
