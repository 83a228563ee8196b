//! The way to a supervisor's loop.

use std::fmt;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{oneshot, watch};

use super::alarm::Alarm;
use super::any_supervisor::AnySupervisor;
use super::call::Call;
use super::clock::Clock;
use super::events::Events;
use super::hands::Hands;
use super::mailbox::{Message, NewsSink, SupervisorId};
use super::place::SupervisorPath;
use super::run::{Loop, Mind};
use super::shared::Shared;
use super::spawn::spawn;

/// The way to a supervisor's loop for calls of its kind.
pub(super) struct Link<C> {
    any: AnySupervisor,
    mailbox: UnboundedSender<Message<C>>,
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
        let news = NewsSink::new(sender.clone());
        let path = SupervisorPath::new(id, parent.clone());
        let hands = Hands::new(id, parent, news.clone());
        let serving = Loop {
            mind,
            hands,
            events,
            mailbox: receiver,
            exit: exit_sender,
            clock,
            alarm: Alarm::default(),
            gave_up: false,
        };
        spawn(
            format_args!("supervisor {path}"),
            path.clone().serve(serving.run()),
        );
        Self {
            any: AnySupervisor {
                id,
                starter,
                news,
                exit,
                subscriptions,
            },
            mailbox: sender,
        }
    }

    /// What can be asked of it whatever its kind.
    pub(super) fn any(&self) -> &AnySupervisor {
        &self.any
    }

    /// Sends a call at once; its answer comes later.
    pub(super) fn call<T, E>(&self, command: impl FnOnce(oneshot::Sender<Result<T, E>>) -> C) -> Call<T, E> {
        let (sender, receiver) = oneshot::channel();
        // If nobody is there the sender is dropped with the command, which is the answer.
        let _ = self.mailbox.send(Message::Command(command(sender)));
        Call::waiting(receiver)
    }
}

impl<C> fmt::Debug for Link<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.any.fmt(f)
    }
}
