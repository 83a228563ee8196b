//! What a supervisor tells whoever listens.

use std::sync::{Arc, OnceLock};

use tokio::sync::broadcast;

use super::child_id::{ChildId, ChildRef};
use crate::core::{ExitReason, Incarnation, Report};

/// How many events a slow listener may lag behind before it misses some.
const CAPACITY: usize = 1024;

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

/// The events of one supervisor, from the moment of subscription on.
#[derive(Debug)]
pub struct EventStream(Option<broadcast::Receiver<Event>>);

impl EventStream {
    /// The next event, or `None` once the supervisor has ended and all was told.
    ///
    /// Dropping this future loses nothing.
    pub async fn next(&mut self) -> Option<Event> {
        match self.0.as_mut()?.recv().await {
            Ok(event) => Some(event),
            Err(broadcast::error::RecvError::Lagged(missed)) => Some(Event::Missed(missed)),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

/// The sending side; costs nothing until somebody listens.
#[derive(Debug, Default)]
pub(super) struct Events(Arc<OnceLock<broadcast::Sender<Event>>>);

/// Where handles subscribe. Does not keep the stream open.
#[derive(Debug, Default)]
pub(super) struct Subscriptions(std::sync::Weak<OnceLock<broadcast::Sender<Event>>>);

impl Events {
    pub(super) fn subscriptions(&self) -> Subscriptions {
        Subscriptions(Arc::downgrade(&self.0))
    }

    pub(super) fn emit(&self, event: impl FnOnce() -> Event) {
        if let Some(sender) = self.0.get()
            && sender.receiver_count() > 0
        {
            // Fails only if the last listener left just now.
            let _ = sender.send(event());
        }
    }
}

impl Subscriptions {
    pub(super) fn subscribe(&self) -> EventStream {
        let sender = self.0.upgrade();
        EventStream(sender.map(|sender| sender.get_or_init(|| broadcast::channel(CAPACITY).0).subscribe()))
    }
}

/// Writes a report to the log: a child that fails must not go unnoticed because nobody listens.
pub(super) fn log(report: &Report<ChildId>) {
    let offender = report.offender();
    let (child, incarnation) = (&offender.key, offender.incarnation.map_or(0, Incarnation::number));
    match report {
        Report::Progress(_) => tracing::debug!(%child, incarnation, "child started"),
        Report::StartError(_, reason) => tracing::warn!(%child, %reason, "child did not start"),
        Report::ChildTerminated(_, reason) if reason.is_normal() => {
            tracing::info!(%child, incarnation, %reason, "child ended");
        }
        Report::ChildTerminated(_, reason) => tracing::warn!(%child, incarnation, %reason, "child failed"),
        Report::ShutdownError(_, reason) => {
            tracing::warn!(%child, incarnation, %reason, "child did not stop as it should");
        }
        Report::ReachedMaxRestartIntensity(_) => tracing::error!(%child, "too many restarts, giving up"),
    }
}
