//! The part of a handle that all supervisors have in common.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{oneshot, watch};

use super::alarm::Alarm;
use super::call::Call;
use super::child_id::{ChildId, ChildRef};
use super::clock::Clock;
use super::errors::{QueryError, StopError};
use super::events::{EventStream, Events, Subscriptions};
use super::exit::SupervisorExit;
use super::hands::Hands;
use super::mailbox::{Message, News, NewsSink, SupervisorId};
use super::run::{Loop, Mind};
use super::shared::Shared;
use crate::core::{ExitReason, Incarnation};

/// The way to a supervisor's loop.
pub(super) struct Link<C> {
    id: SupervisorId,
    /// The run of a child that started it, if one did.
    starter: Option<(SupervisorId, Incarnation)>,
    mailbox: UnboundedSender<Message<C>>,
    exit: watch::Receiver<Option<SupervisorExit>>,
    subscriptions: Subscriptions,
}

impl<C: Send + 'static> Link<C> {
    /// Spawns the loop. A supervisor started by a child belongs to that child's tree.
    pub(super) fn spawn<M: Mind<Command = C>>(
        id: SupervisorId,
        mind: M,
        clock: Clock,
        events: Events,
    ) -> Self {
        let (sender, receiver): (_, UnboundedReceiver<Message<C>>) = unbounded_channel();
        let (exit_sender, exit) = watch::channel(None);
        let subscriptions = events.subscriptions();
        let parent = Shared::current();
        let starter = parent.as_ref().map(|parent| parent.run());
        let hands = Hands::new(id, parent, NewsSink::new(sender.clone()));
        let serving = Loop {
            mind,
            hands,
            events,
            mailbox: receiver,
            exit: exit_sender,
            clock,
            alarm: Alarm::default(),
        };
        tokio::spawn(serving.run());
        Self {
            id,
            starter,
            mailbox: sender,
            exit,
            subscriptions,
        }
    }

    /// Sends a call at once; its answer comes later.
    pub(super) fn call<T, E>(&self, command: impl FnOnce(oneshot::Sender<Result<T, E>>) -> C) -> Call<T, E> {
        let (sender, receiver) = oneshot::channel();
        // If nobody is there the sender is dropped with the command, which is the answer.
        let _ = self.mailbox.send(Message::Command(command(sender)));
        Call::waiting(receiver)
    }

    pub(super) fn request_stop(&self, reason: ExitReason) {
        let _ = self.mailbox.send(Message::Stop(reason));
    }

    pub(super) fn kill(&self) {
        let _ = self.mailbox.send(Message::Kill);
    }

    /// Whether a child with this run is below this supervisor.
    pub(super) fn is_above(&self, child: &Arc<Shared>) -> bool {
        // What a child started itself is not above it. The common case, and the lineage may be long.
        self.starter != Some(child.run()) && child.lineage().any(|shared| shared.supervisor == self.id)
    }

    pub(super) fn has_exited(&self) -> bool {
        // Without a sender the loop is gone, whether it could say so or not.
        self.exit.has_changed().is_err() || self.exit.borrow().is_some()
    }

    pub(super) fn exited(&self) -> impl Future<Output = SupervisorExit> + Send + 'static {
        let mut exit = self.exit.clone();
        async move {
            match exit.wait_for(Option::is_some).await.map(|exit| exit.clone()) {
                Ok(Some(exit)) => exit,
                // The loop was dropped together with its runtime.
                Ok(None) | Err(_) => SupervisorExit::with(ExitReason::Killed),
            }
        }
    }

    pub(super) async fn stop(&self, reason: ExitReason, limit: Option<Duration>) -> Result<(), StopError> {
        if self.is_above_caller() {
            return Err(StopError::WouldDeadlock);
        }
        self.request_stop(reason);
        let exited = self.exited();
        let Some(limit) = limit else {
            exited.await;
            return Ok(());
        };
        tokio::time::timeout(limit, exited)
            .await
            .map(drop)
            .map_err(|_| StopError::Timeout)
    }

    pub(super) fn subscribe(&self) -> EventStream {
        self.subscriptions.subscribe()
    }

    pub(super) fn subscribe_with(&self, bound: usize) -> EventStream {
        self.subscriptions.subscribe_with(bound)
    }

    pub(super) fn monitor(&self, child: &ChildRef) -> Call<ExitReason, QueryError> {
        if child.supervisor() != self.id {
            return Call::refused(QueryError::NotFound);
        }
        if self.find_above_caller(|shared| shared.incarnation == child.incarnation()) {
            return Call::refused(QueryError::WouldDeadlock);
        }
        let (ended, is_ended) = oneshot::channel();
        let incarnation = child.incarnation();
        // If nobody is there the sender is dropped, which is the answer.
        let _ = self
            .mailbox
            .send(Message::News(News::Monitor { incarnation, ended }));
        Call::waiting(is_ended)
    }

    /// Whether the caller's task belongs to a child of this supervisor, however deep.
    pub(super) fn is_above_caller(&self) -> bool {
        self.find_above_caller(|_| true)
    }

    /// Whether this supervisor is waiting for the caller, so that it would never answer.
    pub(super) fn waits_for_caller(&self) -> bool {
        self.find_above_caller(Shared::holds_up_its_supervisor)
    }

    /// Whether the caller belongs to the child with this id.
    pub(super) fn is_caller(&self, id: &ChildId) -> bool {
        self.find_above_caller(|shared| shared.id == *id)
    }

    pub(super) fn find_above_caller(&self, is_it: impl Fn(&Shared) -> bool) -> bool {
        Shared::current().is_some_and(|caller| {
            caller
                .lineage()
                .any(|shared| shared.supervisor == self.id && is_it(shared))
        })
    }
}

impl<C> fmt::Debug for Link<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.id)
    }
}
