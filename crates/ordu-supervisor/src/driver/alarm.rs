//! The one timer of a loop.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Instant as StdInstant;

use tokio::sync::Notify;
use tokio::time::{Instant, Sleep, sleep_until};

use super::panics::catch;
use super::place;
use super::text::Field;

/// The one timer of a loop, made when it is first needed.
#[derive(Default)]
pub(super) struct Alarm(Kind);

#[derive(Default)]
enum Kind {
    #[default]
    Unmade,
    Runtime(Pin<Box<Sleep>>),
    /// The runtime was built without timers, and stops must come to an end all the same.
    Thread(Watch),
}

/// A thread that waits for the loop.
struct Watch {
    set: Sender<StdInstant>,
    rings: Arc<Notify>,
    deadline: Option<Instant>,
}

impl Alarm {
    /// Ends at this moment. Only the moment that was asked for last counts.
    pub(super) async fn at(&mut self, deadline: Instant) {
        if let Kind::Unmade = self.0 {
            self.0 = Kind::new(deadline);
        }
        match &mut self.0 {
            Kind::Unmade => {}
            Kind::Runtime(sleep) => {
                if sleep.deadline() != deadline {
                    sleep.as_mut().reset(deadline);
                }
                sleep.as_mut().await;
            }
            Kind::Thread(watch) => watch.at(deadline).await,
        }
    }
}

impl Kind {
    fn new(deadline: Instant) -> Self {
        if let Ok(sleep) = catch(|| Box::pin(sleep_until(deadline))) {
            return Self::Runtime(sleep);
        }
        tracing::warn!(
            target: place::TARGET,
            supervisor = place::supervisor(),
            "a supervisor runs on a runtime without timers and has a thread keep its time: build the runtime with \
             enable_time() or enable_all()"
        );
        Self::Thread(Watch::new())
    }
}

impl Watch {
    fn new() -> Self {
        let (set, deadlines) = channel();
        let rings = Arc::new(Notify::new());
        let bell = Arc::clone(&rings);
        let thread = std::thread::Builder::new().name("ordu-alarm".to_owned());
        if let Err(error) = thread.spawn(move || watch(&deadlines, &bell)) {
            tracing::error!(
                target: place::TARGET,
                supervisor = place::supervisor(),
                error = %Field::reason(error),
                "there are neither timers nor a thread: nothing times out in this supervisor"
            );
        }
        Self {
            set,
            rings,
            deadline: None,
        }
    }

    async fn at(&mut self, deadline: Instant) {
        if self.deadline != Some(deadline) {
            self.deadline = Some(deadline);
            let left = deadline.saturating_duration_since(Instant::now());
            if let Some(deadline) = StdInstant::now().checked_add(left) {
                // Without a thread it never comes.
                let _ = self.set.send(deadline);
            }
        }
        loop {
            self.rings.notified().await;
            if Instant::now() >= deadline {
                self.deadline = None;
                return;
            }
        }
    }
}

/// Rings at the moment that was set last, until the loop is gone.
fn watch(deadlines: &Receiver<StdInstant>, bell: &Notify) {
    let mut next = deadlines.recv().ok();
    while let Some(deadline) = next {
        let left = deadline.saturating_duration_since(StdInstant::now());
        next = match deadlines.recv_timeout(left) {
            Ok(later) => Some(later),
            Err(RecvTimeoutError::Timeout) => {
                bell.notify_one();
                deadlines.recv().ok()
            }
            Err(RecvTimeoutError::Disconnected) => None,
        };
    }
}
