//! The loop of a supervisor: one message at a time.

use std::pin::Pin;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, sleep_until};

use super::child_id::ChildRef;
use super::events::{Event, Events};
use super::exit::SupervisorExit;
use super::hands::Hands;
use super::mailbox::{Message, News};
use crate::core::{ExitReason, Incarnation, StartOutcome, Time};

/// After how many starts that were over at once the loop lets others run.
const TURN: u32 = 64;

/// A decision core with the callers it owes answers.
pub(super) trait Mind: Send + 'static {
    type Command: Send + 'static;

    fn command(&mut self, command: Self::Command, now: Time);
    fn started(&mut self, incarnation: Incarnation, outcome: StartOutcome, now: Time);
    fn exited(&mut self, incarnation: Incarnation, reason: ExitReason, now: Time);
    fn stop(&mut self, reason: ExitReason, now: Time);
    fn kill(&mut self, now: Time);
    fn tick(&mut self, now: Time);
    fn deadline(&self) -> Option<Time>;
    /// Carries out what was decided. The end of the supervisor if that was it.
    fn act(&mut self, hands: &mut Hands, events: &Events) -> Option<Ended>;
}

/// How a supervisor ended.
pub(super) struct Ended {
    pub(super) reason: ExitReason,
    pub(super) gave_up: bool,
    pub(super) zombies: Vec<Incarnation>,
}

pub(super) struct Loop<M: Mind> {
    pub(super) mind: M,
    pub(super) hands: Hands,
    pub(super) events: Events,
    pub(super) mailbox: UnboundedReceiver<Message<M::Command>>,
    pub(super) exit: watch::Sender<Option<SupervisorExit>>,
    pub(super) clock: Clock,
    pub(super) timer: Timer,
}

impl<M: Mind> Loop<M> {
    /// Serves until the supervisor has ended, then tells everybody.
    pub(super) async fn run(mut self) {
        let ended = self.serve().await;
        // Whoever still waits for an answer learns by its channel that there will be none.
        self.mailbox.close();
        while self.mailbox.try_recv().is_ok() {}
        let zombies: Vec<ChildRef> = ended
            .zombies
            .iter()
            .filter_map(|zombie| self.hands.child_ref(*zombie))
            .collect();
        let ended = SupervisorExit {
            reason: ended.reason,
            gave_up: ended.gave_up,
            zombies,
        };
        self.events.emit(|| Event::Exited {
            reason: ended.reason.clone(),
            gave_up: ended.gave_up,
            zombies: ended.zombies.clone(),
        });
        let Self {
            mind,
            hands,
            events,
            exit,
            ..
        } = self;
        drop((mind, hands, events));
        exit.send_replace(Some(ended));
    }

    async fn serve(&mut self) -> Ended {
        let mut served: u32 = 0;
        loop {
            if let Some(ended) = self.mind.act(&mut self.hands, &self.events) {
                return ended;
            }
            if let Some((incarnation, outcome)) = self.hands.next_ready() {
                self.mind.started(incarnation, outcome, self.clock.now());
                served = served.wrapping_add(1);
                if served.is_multiple_of(TURN) {
                    tokio::task::yield_now().await;
                }
                continue;
            }
            self.hands.forget_leftovers();
            let message = self.next_message().await;
            let now = self.clock.now();
            if self.mind.deadline().is_some_and(|deadline| deadline <= now) {
                self.mind.tick(now);
            }
            match message {
                Some(Message::Command(command)) => self.mind.command(command, now),
                Some(Message::News(News::Started { incarnation, outcome })) => {
                    let outcome = self.hands.started(incarnation, outcome);
                    self.mind.started(incarnation, outcome, now);
                }
                Some(Message::News(News::Exited { incarnation, reason })) => {
                    self.hands.exited(incarnation, &reason);
                    self.mind.exited(incarnation, reason, now);
                }
                Some(Message::News(News::Monitor { incarnation, ended })) => {
                    self.hands.monitor(incarnation, ended);
                }
                Some(Message::Stop(reason)) => self.mind.stop(reason, now),
                Some(Message::Kill) => self.mind.kill(now),
                None => {}
            }
        }
    }

    /// The next message, or `None` when the core's deadline has come.
    async fn next_message(&mut self) -> Option<Message<M::Command>> {
        let Some(deadline) = self.mind.deadline() else {
            // Never closed: the hands hold a sender.
            return self.mailbox.recv().await;
        };
        let timer = self.timer.at(self.clock.instant(deadline));
        tokio::select! {
            biased;
            message = self.mailbox.recv() => message,
            () = timer => None,
        }
    }
}

/// Translates between the runtime's time and the core's.
pub(super) struct Clock(Instant);

impl Clock {
    pub(super) fn new() -> Self {
        Self(Instant::now())
    }

    pub(super) fn now(&self) -> Time {
        Time::ZERO.after(self.0.elapsed())
    }

    fn instant(&self, time: Time) -> Instant {
        let since = std::time::Duration::from_micros(time.as_micros());
        // A moment too far away to be represented never comes; any other far one will do.
        self.0
            .checked_add(since)
            .unwrap_or_else(|| Instant::now() + std::time::Duration::from_hours(24))
    }
}

/// The one timer of a loop, made when it is first needed.
#[derive(Default)]
pub(super) struct Timer(Option<Pin<Box<Sleep>>>);

impl Timer {
    fn at(&mut self, deadline: Instant) -> Pin<&mut Sleep> {
        let timer = self.0.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if timer.deadline() != deadline {
            timer.as_mut().reset(deadline);
        }
        timer.as_mut()
    }
}
