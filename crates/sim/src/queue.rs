//! What will happen, in the order in which it happens: by time, and among equals as it was planned.

use std::collections::BTreeMap;
use std::time::Duration;

/// Events that lie ahead.
#[derive(Debug)]
pub(crate) struct Queue<E> {
    ahead: BTreeMap<(Duration, u64), E>,
    planned: u64,
}

impl<E> Default for Queue<E> {
    fn default() -> Self {
        Self { ahead: BTreeMap::new(), planned: 0 }
    }
}

impl<E> Queue<E> {
    /// Plans an event.
    pub(crate) fn plan(&mut self, at: Duration, event: E) {
        self.planned += 1;
        self.ahead.insert((at, self.planned), event);
    }

    /// When the next event is.
    pub(crate) fn next_at(&self) -> Option<Duration> {
        self.ahead.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes the next event.
    pub(crate) fn take(&mut self) -> Option<(Duration, E)> {
        self.ahead.pop_first().map(|((at, _), event)| (at, event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_by_time_and_then_as_they_were_planned() {
        let mut queue = Queue::default();
        for (at, name) in [(2, "c"), (1, "a"), (2, "d"), (1, "b")] {
            queue.plan(Duration::from_secs(at), name);
        }
        let order: Vec<_> = std::iter::from_fn(|| queue.take()).map(|(_, name)| name).collect();
        assert_eq!(order, ["a", "b", "c", "d"]);
        assert_eq!(queue.next_at(), None);
    }
}
