//! What a supervisor tells whoever listens.

use super::child_id::{ChildId, ChildRef};
use crate::decisions::{ExitReason, Report};

mod log;
mod stream;

pub(super) use self::log::log;
pub use self::stream::EventStream;
pub(super) use self::stream::{Events, Listeners, Subscriptions};

/// What a supervisor tells whoever listens.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// One of OTP's five reports.
    Report(Report<ChildId>),
    /// A child was killed and did not end within its kill grace. It may still be running.
    Zombie(ChildRef),
    /// The end of this significant child ends the supervisor.
    AutoShutdown(ChildId),
    /// The supervisor has ended.
    Exited {
        /// Why.
        reason: ExitReason,
        /// Whether it ended because there were too many restarts. (Its reason, `Shutdown`, looks normal to
        /// its parent.)
        gave_up: bool,
        /// Children that were killed and had not ended.
        zombies: Vec<ChildRef>,
    },
    /// The listener was too slow and missed this many events.
    Missed(u64),
}
