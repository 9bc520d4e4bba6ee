//! Random histories: one seed gives one fleet, one spec and one sequence of edits and faults.

use std::time::Duration;

use klamm_core::model::SlotName;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use crate::command::{Command, Fault, Host, Order};
use crate::history::{Fleet, History};
use crate::world::REFUSED;

/// Between how many rounds of pause and command a history has.
const ROUNDS: std::ops::RangeInclusive<usize> = 6..=12;

/// The history of a seed.
pub fn history(seed: u64) -> History {
    // Another stream than that of the fleet itself: shortening a history must not change its chances.
    let mut random = StdRng::seed_from_u64(seed ^ 0x5851_f42d_4c95_7f2d);
    let shape = Shape::draw(&mut random);
    let fleet = Fleet { hosts: shape.hosts, seed, spec: shape.spec() };
    let mut writer = Writer { shape, random, taken: Taken::default(), commands: Vec::new() };
    writer.write();
    History { fleet, commands: writer.commands }
}

/// What kind of cluster.
#[derive(Debug)]
struct Shape {
    hosts: u8,
    voters: u8,
    brokers: u8,
    /// Whether voters are brokers, too.
    combined: bool,
    topics: u8,
}

impl Shape {
    fn draw(random: &mut StdRng) -> Self {
        let combined = random.random_bool(0.5);
        let brokers = random.random_range(3..=5);
        let voters = 3;
        // Some hosts carry two nodes.
        let hosts = random.random_range(4..=voters + brokers);
        Self { hosts, voters, brokers, combined, topics: random.random_range(1..=3) }
    }

    fn spec(&self) -> String {
        let Self { voters, brokers, combined, topics, .. } = self;
        let role = if *combined { "controller, broker" } else { "controller" };
        let mut spec = format!(
            "cluster: sim\nprofile: laptop\nkafka: 4.3.1\npools:\n  core: {{ roles: [{role}], count: {voters} }}\n  \
             brokers: {{ roles: [broker], count: {brokers} }}\ntopics:\n"
        );
        for topic in 1..=*topics {
            spec.push_str(&format!("  t{topic}: {{ partitions: 4, replicas: 3 }}\n"));
        }
        spec
    }

    fn nodes(&self) -> Vec<SlotName> {
        let core = (0..self.voters).map(|ordinal| format!("core-{ordinal}"));
        let brokers = (0..self.brokers).map(|ordinal| format!("brokers-{ordinal}"));
        core.chain(brokers).map(|name| name.parse().expect("pool and ordinal make a slot name")).collect()
    }
}

/// What was taken from the fleet and is to be given back.
#[derive(Debug, Default)]
struct Taken {
    server: bool,
    agents: Vec<Host>,
    powerless: Vec<Host>,
    frozen: Vec<SlotName>,
    full: Vec<Host>,
    lines: bool,
}

struct Writer {
    shape: Shape,
    random: StdRng,
    taken: Taken,
    commands: Vec<Command>,
}

impl Writer {
    fn write(&mut self) {
        self.commands.push(Command::Order(Order::Up));
        // Most fleets are whole when trouble begins; some never get the time.
        if self.random.random_bool(0.7) {
            self.commands.push(Command::Settle);
        }
        let rounds = self.random.random_range(ROUNDS);
        for _ in 0..rounds {
            let millis = match self.random.random_range(0..3) {
                0 => self.random.random_range(1..300),
                1 => self.random.random_range(300..3_000),
                _ => self.random.random_range(3_000..15_000),
            };
            self.commands.push(Command::Run(Duration::from_millis(millis)));
            let command = match self.random.random_range(0..100) {
                0..25 => Command::Order(self.order()),
                25..75 => Command::Fault(self.fault()),
                _ => match self.mend() {
                    Some(mend) => Command::Fault(mend),
                    None => Command::Fault(self.fault()),
                },
            };
            self.commands.push(command);
        }
        while let Some(mend) = self.mend() {
            self.commands.push(Command::Fault(mend));
        }
        // Five faults at least, also where chance was kind.
        while self.commands.iter().filter(|command| command.is_fault()).count() < 5 {
            let node = self.node();
            self.commands.push(Command::Fault(Fault::KillNode(node)));
            self.commands.push(Command::Run(Duration::from_secs(2)));
        }
    }

    fn order(&mut self) -> Order {
        match self.random.random_range(0..13) {
            12 => Order::Set { key: REFUSED.0.to_owned(), value: REFUSED.1.to_owned() },
            0..3 => {
                // Read only at the start: the model has no settings that are altered live.
                let key = *["queued.max.requests", "socket.send.buffer.bytes", "socket.receive.buffer.bytes"]
                    .choose(&mut self.random)
                    .expect("the list is not empty");
                let value = self.random.random_range(100_000..100_004);
                Order::Set { key: key.to_owned(), value: value.to_string() }
            }
            3 => Order::Unset { key: "queued.max.requests".to_owned() },
            4 => {
                let name = format!("u{}", self.random.random_range(1..4));
                if self.random.random_bool(0.6) { Order::User { name } } else { Order::DropUser { name } }
            }
            5 => {
                let name = format!("extra{}", self.random.random_range(1..3));
                Order::Topic { name, partitions: self.random.random_range(1..6), replicas: 3 }
            }
            6 => Order::Revert,
            7 => Order::Abort,
            8 => Order::Resume,
            9 => Order::Down,
            _ => Order::Up,
        }
    }

    fn fault(&mut self) -> Fault {
        match self.random.random_range(0..31) {
            30 => Fault::OldServer(self.host()),
            0..6 => Fault::KillNode(self.node()),
            6..9 => {
                let node = self.node();
                self.taken.frozen.push(node.clone());
                Fault::FreezeNode(node)
            }
            9..12 => {
                let host = self.host();
                self.taken.agents.push(host);
                Fault::KillAgent(host)
            }
            12..15 => {
                self.taken.server = true;
                Fault::KillServer
            }
            15..17 => {
                let host = self.host();
                self.taken.powerless.push(host);
                Fault::PowerOff(host)
            }
            17..20 => {
                self.taken.lines = true;
                let (from, to) = (self.any_host(), self.any_host());
                Fault::Cut { from, to }
            }
            20..22 => {
                self.taken.lines = true;
                Fault::Isolate(self.any_host())
            }
            22 => {
                self.taken.lines = true;
                Fault::Delay(Duration::from_millis(self.random.random_range(50..3_000)))
            }
            23..25 => {
                self.taken.lines = true;
                Fault::Drop(self.random.random_range(5..60))
            }
            25 => {
                self.taken.lines = true;
                Fault::Duplicate(self.random.random_range(5..60))
            }
            26..28 => Fault::SkewClock { host: self.any_host(), seconds: self.random.random_range(-60..=60) },
            _ => {
                let host = self.host();
                self.taken.full.push(host);
                Fault::FillDisk(host)
            }
        }
    }

    /// Gives back one thing that was taken.
    fn mend(&mut self) -> Option<Fault> {
        let Taken { server, agents, powerless, frozen, full, lines } = &mut self.taken;
        if std::mem::take(server) {
            return Some(Fault::StartServer);
        }
        if let Some(host) = agents.pop() {
            return Some(Fault::StartAgent(host));
        }
        if let Some(host) = powerless.pop() {
            return Some(Fault::PowerOn(host));
        }
        if let Some(node) = frozen.pop() {
            return Some(Fault::ThawNode(node));
        }
        if let Some(host) = full.pop() {
            return Some(Fault::EmptyDisk(host));
        }
        std::mem::take(lines).then_some(Fault::Heal)
    }

    fn node(&mut self) -> SlotName {
        let nodes = self.shape.nodes();
        nodes[self.random.random_range(0..nodes.len())].clone()
    }

    fn host(&mut self) -> Host {
        Host::Agent(self.random.random_range(1..=self.shape.hosts))
    }

    fn any_host(&mut self) -> Host {
        if self.random.random_bool(0.3) { Host::Server } else { self.host() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_one_history_with_enough_in_it() {
        for seed in 0..200 {
            let first = history(seed);
            assert_eq!(first, history(seed));
            assert!(first.commands.iter().filter(|command| command.is_fault()).count() >= 5, "{first}");
            assert_eq!(History::parse(&first.to_string()).unwrap(), first);
        }
    }
}
