//! How long things take. Kafka's own times are its defaults; the machine's are measured or plain guesses, and say so.

use std::time::Duration;

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// Every duration that the model uses. The world may change any before it makes the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timing {
    /// `broker.heartbeat.interval.ms`.
    pub heartbeat: Duration,
    /// `broker.session.timeout.ms`.
    pub session: Duration,
    /// `initial.broker.registration.timeout.ms`: a broker that nobody registers gives up.
    pub registration: Duration,
    /// The longest that a stopping broker waits for the active controller (`KafkaBroker.shutdown`).
    pub controlled_shutdown: Duration,
    /// `controller.quorum.fetch.timeout.ms`.
    pub fetch_timeout: Duration,
    /// `controller.quorum.election.timeout.ms`; the same again, at random, is added.
    pub election_timeout: Duration,
    /// `replica.lag.time.max.ms`.
    pub replica_lag: Duration,
    /// `leader.imbalance.check.interval.seconds`.
    pub balance: Duration,
    /// `request.timeout.ms` of producers.
    pub produce_timeout: Duration,
    /// One way between two hosts.
    pub delay: Duration,
    /// From the start of the JVM to the first sign of Kafka. Measured 2 to 4 s on a busy laptop; a guess for servers.
    pub boot: Duration,
    /// By how much one start of the JVM is longer than another.
    pub boot_jitter: Duration,
    /// From a granted stop until all logs are closed. Measured 0.2 s with little to write.
    pub farewell: Duration,
    /// From closed logs, and from leaving the quorum, to the end of the process. Measured 2 s on a busy laptop.
    pub ending: Duration,
    /// Checking one segment after an unclean end.
    pub segment_recovery: Duration,
    /// What a follower that is behind fetches in a second, in bytes, of each partition.
    pub catch_up_rate: u64,
    /// How long written data may stay in memory only (`vm.dirty_expire_centisecs` and the write-back's own period).
    pub write_back: Duration,
    /// The wall clock of all hosts at the start of the history, in milliseconds since 1970.
    pub wall_clock_ms: i64,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            heartbeat: ms(2_000),
            session: ms(9_000),
            registration: ms(60_000),
            controlled_shutdown: ms(300_000),
            fetch_timeout: ms(2_000),
            election_timeout: ms(1_000),
            replica_lag: ms(30_000),
            balance: ms(300_000),
            produce_timeout: ms(30_000),
            delay: ms(1),
            boot: ms(2_500),
            boot_jitter: ms(600),
            farewell: ms(300),
            ending: ms(1_500),
            segment_recovery: ms(20),
            catch_up_rate: 50 << 20,
            write_back: ms(35_000),
            // 2026-01-01T00:00:00Z
            wall_clock_ms: 1_767_225_600_000,
        }
    }
}
