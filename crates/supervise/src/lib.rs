//! Keeps processes as asked, and knows nothing about what they do.
//!
//! A [`Supervisor`] makes units. A unit is one process that is started, watched, stopped and
//! restarted by its own small task; the [`UnitHandle`] says what is wanted and shows what is.
//! Every decision is taken by the state machine [`Unit`], which has no clock, no file and no
//! process of its own: events and time in, actions out.
//!
//! What this crate must never do: stop a process because Klamm stops (it is in a session of its
//! own, writes straight to files and is found again by [`ProcessIdentity`]); send SIGKILL unless
//! that was asked or a stop made no progress for the stated time; signal a process that it has
//! not identified; touch a process that it did not start, nor a process-wide signal handler.
//!
//! Start reading at [`Unit`], then `task.rs`. Unsafe code is in `kernel.rs` and nowhere else.

mod clock;
mod console;
mod exit;
mod handle;
mod identity;
mod kernel;
mod launch;
mod machine;
mod memory;
mod pidfd;
mod session;
mod status;
mod supervisor;
mod task;

pub use clock::monotonic_now;
pub use console::{Capped, ConsoleError, LogCap, cap_console};
pub use exit::{ExitReason, SentBy};
pub use handle::{UnitGone, UnitHandle};
pub use identity::{IdentityError, ProcessIdentity};
pub use launch::{Account, Launch, LaunchError, Limits};
pub use machine::{
    Action, AfterStop, Event, Live, Notice, Origin, Phase, Readiness, RestartPolicy, State, StopMode,
    StopRequest, Unit,
};
pub use status::{LastExit, UnitStatus};
pub use supervisor::{Adoption, GoneReason, Supervisor, SupervisorError, UnitOptions};
