use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ordu_core::Event;

use super::silence::Silence;
use crate::events::EventSource;

/// Why no process can be started at present, if it is so: there is no keeper, and none can be started. Clones tell of the
/// same.
#[derive(Clone, Debug)]
pub(crate) struct Outage {
    present: Arc<Mutex<Option<Present>>>,
    events: EventSource,
}

#[derive(Debug)]
struct Present {
    reason: String,
    silence: Silence,
}

impl Outage {
    /// There is none; one that comes is told among these events.
    pub(crate) fn none(events: EventSource) -> Self {
        Self {
            present: Arc::default(),
            events,
        }
    }

    pub(crate) fn reason(&self) -> Option<String> {
        self.present().as_ref().map(|present| present.reason.clone())
    }

    /// It is so, still or anew, for this reason.
    pub(super) fn go_on(&self, reason: String) {
        let mut present = self.present();
        let silence = present.take().map_or_else(Silence::new, |before| before.silence);
        let present = present.insert(Present { reason, silence });
        if present.silence.is_over() {
            let reason = present.reason.clone();
            self.events.record(Event::KeeperMissing { reason });
        }
    }

    /// It is so no more.
    pub(super) fn end(&self) {
        *self.present() = None;
    }

    fn present(&self) -> MutexGuard<'_, Option<Present>> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
