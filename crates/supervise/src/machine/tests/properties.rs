//! Random wishes, deaths and delays against a small world that counts processes.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Move {
    Start,
    Stop { limit_s: u64 },
    Kill,
    Restart { limit_s: u64 },
    Ready { stale: bool },
    NotReady,
    Progress(u64),
    Die,
    SpawnAnswer { works: bool },
    SweepAnswer { left: u32 },
    Pass { millis: u64 },
    ClockBack,
}

fn moves() -> impl Strategy<Value = Move> {
    prop_oneof![
        3 => Just(Move::Start),
        2 => (1u64..40).prop_map(|limit_s| Move::Stop { limit_s }),
        1 => Just(Move::Kill),
        1 => (1u64..40).prop_map(|limit_s| Move::Restart { limit_s }),
        2 => any::<bool>().prop_map(|stale| Move::Ready { stale }),
        1 => Just(Move::NotReady),
        2 => (0u64..3).prop_map(Move::Progress),
        3 => Just(Move::Die),
        6 => any::<bool>().prop_map(|works| Move::SpawnAnswer { works }),
        4 => (0u32..2).prop_map(|left| Move::SweepAnswer { left }),
        4 => (0u64..9_000).prop_map(|millis| Move::Pass { millis }),
        1 => Just(Move::ClockBack),
    ]
}

/// What exists outside the machine, and what it was told.
struct World {
    unit: Unit,
    now: Duration,
    pid: u32,
    live: bool,
    spawning: bool,
    sweeping: Vec<u64>,
    /// SIGTERM and SIGKILL received by the present process.
    terminated: bool,
    killed: bool,
    /// A stop was asked since the process was wanted; with SIGKILL at once.
    stop_asked: bool,
    kill_asked: bool,
    /// The shortest limit promised to this stop, and since when nothing changed.
    limit: Duration,
    quiet_since: Duration,
    seen_progress: Option<u64>,
    incarnation: u64,
}

impl World {
    fn new() -> Self {
        Self {
            unit: Unit::new(RestartPolicy::default(), at(100)),
            now: at(100),
            pid: 0,
            live: false,
            spawning: false,
            sweeping: Vec::new(),
            terminated: false,
            killed: false,
            stop_asked: false,
            kill_asked: false,
            limit: Duration::MAX,
            quiet_since: at(100),
            seen_progress: None,
            incarnation: 0,
        }
    }

    fn apply(&mut self, step: Move) {
        match step {
            Move::Start => {
                if !self.live {
                    self.stop_asked = false;
                    self.kill_asked = false;
                }
                self.tell(Event::Start);
            }
            Move::Stop { limit_s } => self.ask_stop(limit_s, Event::Stop),
            Move::Restart { limit_s } => self.ask_stop(limit_s, Event::Restart),
            Move::Kill => {
                self.stop_asked = true;
                self.kill_asked = true;
                self.tell(Event::Stop(StopRequest::now("a test")));
            }
            Move::Ready { stale } => {
                let incarnation = self.unit.incarnations() - u64::from(stale).min(self.unit.incarnations());
                self.tell(Event::Ready { incarnation });
            }
            Move::NotReady => {
                let incarnation = self.unit.incarnations();
                self.tell(Event::NotReady { incarnation, reason: "a reason".into() });
            }
            Move::Progress(value) => {
                if self.terminated && self.seen_progress.replace(value).is_some_and(|v| v != value) {
                    self.quiet_since = self.now;
                }
                self.tell(Event::Progress(value));
            }
            Move::Die if self.live => {
                self.live = false;
                self.tell(Event::Exited(ExitReason::Exited { code: 1 }));
            }
            Move::SpawnAnswer { works } if self.spawning => {
                self.spawning = false;
                if works {
                    self.pid += 1;
                    self.live = true;
                    (self.terminated, self.killed) = (false, false);
                    self.seen_progress = None;
                    self.quiet_since = self.now;
                    self.tell(Event::Spawned { identity: identity(self.pid) });
                } else {
                    self.tell(Event::SpawnFailed { message: "no".into() });
                }
            }
            Move::SweepAnswer { left } => {
                if let Some(incarnation) = self.sweeping.pop() {
                    self.tell(Event::Swept { incarnation, left });
                }
            }
            Move::Pass { millis } => {
                self.now += Duration::from_millis(millis);
                self.tell(Event::Tick);
            }
            Move::ClockBack => {
                let now = std::mem::replace(&mut self.now, at(1));
                self.tell(Event::Tick);
                self.now = now;
            }
            Move::Die | Move::SpawnAnswer { .. } => {}
        }
    }

    fn ask_stop(&mut self, limit_s: u64, event: impl Fn(StopRequest) -> Event) {
        if !self.stop_asked {
            (self.limit, self.quiet_since) = (Duration::MAX, self.now);
        }
        self.stop_asked = true;
        self.limit = self.limit.min(at(limit_s));
        self.tell(event(StopRequest::graceful("a test", at(limit_s))));
    }

    fn tell(&mut self, event: Event) {
        let ended = matches!(event, Event::Exited(_));
        for action in self.unit.handle(self.now, event) {
            match action {
                Action::Spawn { incarnation } => {
                    assert!(!self.live && !self.spawning, "a second process");
                    assert!(incarnation > self.incarnation, "incarnations rise");
                    self.incarnation = incarnation;
                    self.spawning = true;
                    if !ended {
                        self.stop_asked = false;
                        self.kill_asked = false;
                    }
                }
                Action::Terminate => {
                    assert!(self.live && self.stop_asked, "SIGTERM that nobody asked for");
                    assert!(!self.terminated, "SIGTERM twice");
                    self.terminated = true;
                    self.quiet_since = self.now;
                }
                Action::Kill => {
                    assert!(self.live && !self.killed, "SIGKILL to nobody, or twice");
                    let quiet = self.now.saturating_sub(self.quiet_since);
                    assert!(
                        self.kill_asked || (self.terminated && quiet >= self.limit),
                        "SIGKILL that was neither asked nor due: quiet for {quiet:?}"
                    );
                    self.killed = true;
                }
                Action::Sweep { incarnation } => {
                    assert!(!self.live || incarnation < self.incarnation, "sweep of the living");
                    self.sweeping.push(incarnation);
                }
                Action::Report(_) => {}
            }
        }
        let shown = self.unit.state().process().is_some();
        assert_eq!(shown, self.live, "state {:?}", self.unit.state());
        if let Some(wake_at) = self.unit.wake_at() {
            assert!(wake_at > self.unit.seen, "would spin in {:?}", self.unit.state());
        }
    }

    /// Lets everything come to its end, with nothing going wrong any more.
    fn settle(&mut self) {
        for _ in 0..400 {
            self.apply(Move::SpawnAnswer { works: true });
            if self.live && (self.terminated || self.killed) {
                self.apply(Move::Die);
            }
            self.apply(Move::SweepAnswer { left: 0 });
            self.apply(Move::Pass { millis: 1_000 });
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn there_is_never_a_second_process_nor_a_kill_that_was_not_asked_or_due(
        steps in proptest::collection::vec(moves(), 1..80),
    ) {
        let mut world = World::new();
        for step in steps {
            world.apply(step);
        }
    }

    #[test]
    fn the_last_wish_is_fulfilled_whatever_happened_before(
        steps in proptest::collection::vec(moves(), 1..80),
        wanted in any::<bool>(),
    ) {
        let mut world = World::new();
        for step in steps {
            world.apply(step);
        }
        world.apply(if wanted { Move::Start } else { Move::Stop { limit_s: 10 } });
        world.settle();
        prop_assert_eq!(world.live, wanted, "state {:?}", world.unit.state());
        prop_assert_eq!(world.unit.state().is_at_rest(), !wanted);
    }
}
