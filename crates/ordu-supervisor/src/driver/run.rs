//! The loop of a supervisor: one message at a time.

use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;

use super::alarm::Alarm;
use super::child_id::ChildRef;
use super::clock::Clock;
use super::events::{Event, Events};
use super::exit::SupervisorExit;
use super::hands::Hands;
use super::mailbox::{Message, News};
use super::panics::{catch, contain};
use crate::core::{ExitReason, Incarnation, StartOutcome, Time};

/// How long children may take to end once they were killed because their supervisor's loop had failed.
const LAST_GRACE: Duration = Duration::from_secs(5);

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
    pub(super) alarm: Alarm,
}

impl<M: Mind> Loop<M> {
    /// Serves until the supervisor has ended, then tells everybody.
    pub(super) async fn run(mut self) {
        let ended = match self.serve_caught().await {
            Ok(ended) => {
                let zombies = ended.zombies.iter();
                let zombies = zombies
                    .filter_map(|zombie| self.hands.child_ref(*zombie))
                    .collect();
                self.refuse_waiting();
                SupervisorExit {
                    reason: ended.reason,
                    gave_up: ended.gave_up,
                    zombies,
                }
            }
            Err(panic) => self.fail(panic).await,
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
        // Whoever still waits for an answer learns by its channel that there will be none.
        contain("a waker", || drop(mind));
        drop((hands, events));
        contain("a waker", || drop(exit.send_replace(Some(ended))));
    }

    /// Whoever still waits for an answer learns by its channel that there will be none.
    fn refuse_waiting(&mut self) {
        self.mailbox.close();
        let mut more = true;
        while more {
            contain("a waker", || more = self.mailbox.try_recv().is_ok());
        }
    }

    /// The loop itself failed, which is a fault of this crate. Nobody decides any more: the children are killed,
    /// and it ends when they have.
    async fn fail(&mut self, panic: ExitReason) -> SupervisorExit {
        tracing::error!(reason = %panic, "a supervisor failed by a fault of its own and kills its children");
        self.hands.kill_all();
        let until = self.clock.now().after(LAST_GRACE);
        while self.hands.living().next().is_some() {
            let message = tokio::select! {
                biased;
                message = self.mailbox.recv() => message,
                () = self.alarm.at(self.clock.instant(until)) => break,
            };
            match message {
                Some(Message::News(News::Started { incarnation, outcome })) => {
                    // One that came up all the same was signalled too early.
                    if self.hands.started(incarnation, outcome).is_ok() {
                        self.hands.kill_all();
                    }
                    self.hands.forget_leftovers();
                }
                Some(Message::News(News::Exited { incarnation, reason })) => {
                    self.hands.exited(incarnation, &reason);
                }
                Some(Message::News(News::Monitor { incarnation, ended })) => {
                    self.hands.monitor(incarnation, ended);
                }
                Some(Message::Command(command)) => contain("a waker", || drop(command)),
                Some(Message::Stop(_) | Message::Kill) => {}
                None => break,
            }
        }
        self.refuse_waiting();
        let zombies: Vec<ChildRef> = self.hands.living().collect();
        SupervisorExit {
            zombies,
            ..SupervisorExit::with(panic)
        }
    }

    async fn serve_caught(&mut self) -> Result<Ended, ExitReason> {
        let mut serving = pin!(self.serve());
        poll_fn(|cx| match catch(|| serving.as_mut().poll(cx)) {
            Ok(polled) => polled.map(Ok),
            Err(panic) => std::task::Poll::Ready(Err(panic)),
        })
        .await
    }

    async fn serve(&mut self) -> Ended {
        loop {
            if let Some(ended) = self.mind.act(&mut self.hands, &self.events) {
                return ended;
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
        let alarm = self.alarm.at(self.clock.instant(deadline));
        tokio::select! {
            biased;
            message = self.mailbox.recv() => message,
            () = alarm => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, Mutex};

    use tokio::sync::oneshot;

    use super::*;
    use crate::driver::ChildSpec;
    use crate::driver::errors::QueryError;
    use crate::driver::link::Link;
    use crate::driver::mailbox::SupervisorId;

    /// Has one child, and a fault that shows when it is called.
    struct Faulty(Option<ChildSpec>);

    impl Mind for Faulty {
        type Command = oneshot::Sender<Result<(), QueryError>>;

        fn command(&mut self, _command: Self::Command, _now: Time) {
            panic!("a fault")
        }

        fn started(&mut self, _incarnation: Incarnation, _outcome: StartOutcome, _now: Time) {}
        fn exited(&mut self, _incarnation: Incarnation, _reason: ExitReason, _now: Time) {}
        fn stop(&mut self, _reason: ExitReason, _now: Time) {}
        fn kill(&mut self, _now: Time) {}
        fn tick(&mut self, _now: Time) {}

        fn deadline(&self) -> Option<Time> {
            None
        }

        fn act(&mut self, hands: &mut Hands, _events: &Events) -> Option<Ended> {
            if let Some(spec) = self.0.take() {
                hands.start(spec.id, Incarnation::new(1), 0, spec.start);
            }
            None
        }
    }

    struct Ends(Arc<AtomicBool>);

    impl Drop for Ends {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Release);
        }
    }

    #[tokio::test]
    async fn a_supervisor_that_fails_by_a_fault_of_its_own_says_so_once_its_children_have_ended() {
        let child_ended = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&child_ended);
        let (tell_up, up) = oneshot::channel();
        let tell_up = Mutex::new(Some(tell_up));
        let spec = ChildSpec::task("a", move |_ctx| {
            let ends = Ends(Arc::clone(&ends));
            tell_up.lock().unwrap().take().unwrap().send(()).unwrap();
            async move {
                let _ends = ends;
                std::future::pending::<()>().await;
            }
        });
        let id = SupervisorId::new();
        let link = Link::spawn(id, Faulty(Some(spec)), Clock::new(), Events::default());
        up.await.unwrap();
        let answer = link.call(|answer| answer).await;
        assert_eq!(answer, Err(QueryError::SupervisorGone));
        let exit = link.exited().await;
        assert_eq!(
            exit,
            SupervisorExit::with(ExitReason::Panic("a fault".to_owned()))
        );
        assert!(child_ended.load(Ordering::Acquire));
        assert_eq!(link.stop(ExitReason::Normal, None).await, Ok(()));
    }
}
