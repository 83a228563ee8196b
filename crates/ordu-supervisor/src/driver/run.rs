//! The loop of a supervisor: one message at a time.

use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;

use super::alarm::Alarm;
use super::child_id::{ChildId, ChildRef};
use super::clock::Clock;
use super::events::{Event, Events, log};
use super::exit::SupervisorExit;
use super::factory::Factory;
use super::hands::Hands;
use super::mailbox::{Message, News};
use super::panics::{catch, contain};
use super::place;
use super::text::Field;
use crate::decisions::{ExitReason, Incarnation, Report, Signal, StartOutcome, Time};

/// How long children may take to end once they were killed because their supervisor's loop had failed.
const LAST_GRACE: Duration = Duration::from_secs(5);

/// A decision core with the callers it owes answers.
pub(super) trait Mind: Send + 'static {
    type Command: Send + 'static;

    fn command(&mut self, command: Self::Command, now: Time);
    fn step(&mut self, fact: Fact, now: Time);
    fn deadline(&self) -> Option<Time>;
    fn is_stopping(&self) -> bool;
    /// What was decided next, callers having got their answers. What starts had to tell them is with the hands.
    fn next_order(&mut self, hands: &mut Hands) -> Option<Order>;
}

/// What a core is told, whatever its kind.
pub(super) enum Fact {
    Started {
        incarnation: Incarnation,
        outcome: StartOutcome,
    },
    Exited {
        incarnation: Incarnation,
        reason: ExitReason,
    },
    Lingers(Incarnation),
    Stop(ExitReason),
    Kill,
    Tick,
}

/// What a core has decided, whatever its kind.
pub(super) enum Order {
    Start {
        id: ChildId,
        incarnation: Incarnation,
        restarts: u32,
        start: Factory,
    },
    Signal(Incarnation, Signal),
    Tell(Event),
    Exit {
        reason: ExitReason,
        zombies: Vec<Incarnation>,
    },
}

pub(super) struct Loop<M: Mind> {
    pub(super) mind: M,
    pub(super) hands: Hands,
    pub(super) events: Events,
    pub(super) mailbox: UnboundedReceiver<Message<M::Command>>,
    pub(super) exit: watch::Sender<Option<SupervisorExit>>,
    pub(super) clock: Clock,
    pub(super) alarm: Alarm,
    pub(super) gave_up: bool,
}

impl<M: Mind> Loop<M> {
    /// Serves until the supervisor has ended, then tells everybody.
    pub(super) async fn run(mut self) {
        let ended = match self.serve_caught().await {
            Ok(ended) => {
                self.refuse_waiting();
                ended
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
        tracing::error!(
            target: place::TARGET,
            supervisor = place::supervisor(),
            reason = %Field::reason(&panic),
            "a supervisor failed by a fault of its own and kills its children"
        );
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
                Some(Message::News(News::Lingers(_) | News::Stop(_) | News::Kill)) => {}
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

    async fn serve_caught(&mut self) -> Result<SupervisorExit, ExitReason> {
        let mut serving = pin!(self.serve());
        poll_fn(|cx| match catch(|| serving.as_mut().poll(cx)) {
            Ok(polled) => polled.map(Ok),
            Err(panic) => std::task::Poll::Ready(Err(panic)),
        })
        .await
    }

    async fn serve(&mut self) -> SupervisorExit {
        let mut exit = None;
        let mut asked = None;
        loop {
            while let Some(order) = self.mind.next_order(&mut self.hands) {
                exit = self.carry_out(order).or(exit);
            }
            if let Some(command) = asked.take() {
                self.mind.command(command, self.clock.now());
                continue;
            }
            if let Some(exit) = exit {
                return exit;
            }
            self.hands.forget_leftovers();
            let message = self.next_message().await;
            let now = self.clock.now();
            let is_due = self.mind.deadline().is_some_and(|deadline| deadline <= now);
            if is_due {
                self.mind.step(Fact::Tick, now);
            }
            let fact = match message {
                // Nobody is told of what was decided just now before it is carried out.
                Some(Message::Command(command)) if is_due => {
                    asked = Some(command);
                    continue;
                }
                Some(Message::Command(command)) => {
                    self.mind.command(command, now);
                    continue;
                }
                Some(Message::News(News::Started { incarnation, outcome })) => {
                    let outcome = self.hands.started(incarnation, outcome);
                    Fact::Started { incarnation, outcome }
                }
                Some(Message::News(News::Exited { incarnation, reason })) => {
                    self.hands.exited(incarnation, &reason);
                    Fact::Exited { incarnation, reason }
                }
                Some(Message::News(News::Monitor { incarnation, ended })) => {
                    self.hands.monitor(incarnation, ended);
                    continue;
                }
                Some(Message::News(News::Lingers(incarnation))) => Fact::Lingers(incarnation),
                Some(Message::News(News::Stop(reason))) => Fact::Stop(reason),
                Some(Message::News(News::Kill)) => Fact::Kill,
                None => continue,
            };
            self.mind.step(fact, now);
        }
    }

    /// The end of the supervisor if that was ordered.
    fn carry_out(&mut self, order: Order) -> Option<SupervisorExit> {
        match order {
            Order::Start {
                id,
                incarnation,
                restarts,
                start,
            } => self.hands.start(id, incarnation, restarts, start),
            Order::Signal(incarnation, signal) => self.hands.signal(incarnation, signal),
            Order::Tell(event) => {
                log(&event);
                // A child's own budget may end the child only; then the supervisor goes on.
                self.gave_up |= matches!(event, Event::Report(Report::ReachedMaxRestartIntensity(_)))
                    && self.mind.is_stopping();
                self.events.emit(|| event);
            }
            Order::Exit { reason, zombies } => {
                let zombies = zombies.into_iter();
                return Some(SupervisorExit {
                    reason,
                    gave_up: self.gave_up,
                    zombies: zombies
                        .filter_map(|zombie| self.hands.child_ref(zombie))
                        .collect(),
                });
            }
        }
        None
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

        fn step(&mut self, _fact: Fact, _now: Time) {}

        fn deadline(&self) -> Option<Time> {
            None
        }

        fn is_stopping(&self) -> bool {
            false
        }

        fn next_order(&mut self, _hands: &mut Hands) -> Option<Order> {
            self.0.take().map(|spec| Order::Start {
                id: spec.id,
                incarnation: Incarnation::new(1),
                restarts: 0,
                start: spec.start,
            })
        }
    }

    struct Ends(Arc<AtomicBool>);

    impl Drop for Ends {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Release);
        }
    }

    /// Its deadline has come, and it knows whether what it decided then was carried out.
    #[derive(Default)]
    struct Due {
        has_decided: bool,
        is_carried_out: bool,
    }

    impl Mind for Due {
        type Command = oneshot::Sender<Result<bool, QueryError>>;

        fn command(&mut self, command: Self::Command, _now: Time) {
            command.send(Ok(self.has_decided == self.is_carried_out)).unwrap();
        }

        fn step(&mut self, _fact: Fact, _now: Time) {
            self.has_decided = true;
        }

        fn deadline(&self) -> Option<Time> {
            (!self.has_decided).then_some(Time::ZERO)
        }

        fn is_stopping(&self) -> bool {
            false
        }

        fn next_order(&mut self, _hands: &mut Hands) -> Option<Order> {
            self.is_carried_out = self.has_decided;
            None
        }
    }

    /// It would be told of a child that is stopped and goes on for a moment.
    #[tokio::test]
    async fn who_asks_when_a_deadline_comes_is_told_of_nothing_that_is_not_carried_out() {
        let link = Link::spawn(
            SupervisorId::new(),
            Due::default(),
            Clock::new(),
            Events::default(),
        );
        // The loop has not run yet: this is the first that it reads, when it is late already.
        let answer = link.call(|answer| answer).await;
        assert_eq!(answer, Ok(true));
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
        let exit = link.any().exited().await;
        assert_eq!(
            exit,
            SupervisorExit::with(ExitReason::Panic("a fault".to_owned()))
        );
        assert!(child_ended.load(Ordering::Acquire));
        assert_eq!(link.any().stop().await, Ok(()));
    }
}
