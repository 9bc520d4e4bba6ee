//! Points at which an actor can die: before and after every durable write and every effect outside itself.

use std::sync::{Arc, Mutex};

/// The points of one actor. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct Points {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    passed: u64,
    dies_after: Option<u64>,
    dead: bool,
}

impl Points {
    /// Passes a point; whether the actor lives on.
    pub fn pass(&self) -> bool {
        let mut state = self.state.lock().expect("no holder of the lock panics");
        state.passed += 1;
        match &mut state.dies_after {
            Some(0) => state.dead = true,
            Some(points) => *points -= 1,
            None => {}
        }
        !state.dead
    }

    /// How many were passed so far.
    pub fn passed(&self) -> u64 {
        self.state.lock().expect("no holder of the lock panics").passed
    }

    /// Has the actor die at a later point: 0 is the next one.
    pub fn die_after(&self, points: u64) {
        self.state.lock().expect("no holder of the lock panics").dies_after = Some(points);
    }

    /// Whether the actor died at a point.
    pub fn is_dead(&self) -> bool {
        self.state.lock().expect("no holder of the lock panics").dead
    }

    /// The actor is started anew.
    pub fn revive(&self) {
        let mut state = self.state.lock().expect("no holder of the lock panics");
        (state.dead, state.dies_after) = (false, None);
    }
}
