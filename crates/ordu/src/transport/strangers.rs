use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::error::Refusal;
use super::event::Event;

/// Turned-away strangers that are told in one window; a flood of them must not flood the log.
const TOLD: u32 = 10;

const WINDOW: Duration = Duration::from_secs(1);

/// Decides which refusals of strangers are worth an event.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    window: Option<Instant>,
    told: u32,
    untold: u64,
}

impl Strangers {
    /// The event that tells of a refusal, or `None` if there were too many of late.
    pub(super) fn refused(&self, addr: SocketAddr, what: Refusal) -> Option<Event> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if state
            .window
            .is_none_or(|start| now.duration_since(start) >= WINDOW)
        {
            state.window = Some(now);
            state.told = 0;
        }
        if state.told == TOLD {
            state.untold += 1;
            return None;
        }
        state.told += 1;
        let untold = std::mem::take(&mut state.untold);
        Some(Event::StrangerRefused { addr, what, untold })
    }
}
