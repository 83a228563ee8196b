//! The stream of what happens, for people and programs that watch.

use std::time::SystemTime;

use ordu_core::{Event, NodeName};
use tokio::sync::broadcast::{self, error::RecvError};

use crate::node::joined;

/// How many events a slow reader may lag behind before it misses the oldest.
const BACKLOG: usize = 4096;

/// An event, when it happened and which node saw it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct EventRecord {
    /// By the wall clock of the node that saw it.
    pub at: SystemTime,
    /// The node that saw it.
    pub node: NodeName,
    /// What happened.
    pub event: Event,
}

/// The events of one node from the moment [`Node::events`](crate::Node::events) was called.
#[derive(Debug)]
pub struct Events {
    receiver: broadcast::Receiver<EventRecord>,
    missed: u64,
}

impl Events {
    /// The next event; `None` once the node has ended. A reader that lags more than 4,096 events behind misses
    /// the oldest; [`missed`](Self::missed) counts them. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<EventRecord> {
        loop {
            match self.receiver.recv().await {
                Ok(record) => return Some(record),
                Err(RecvError::Lagged(missed)) => self.missed += missed,
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// How many events this reader has missed so far.
    pub fn missed(&self) -> u64 {
        self.missed
    }
}

/// Where the node's loop puts its events.
#[derive(Clone, Debug)]
pub(crate) struct EventLog {
    node: NodeName,
    sender: broadcast::Sender<EventRecord>,
}

impl EventLog {
    pub(crate) fn new(node: NodeName) -> Self {
        Self {
            node,
            sender: broadcast::Sender::new(BACKLOG),
        }
    }

    pub(crate) fn record(&self, event: Event) {
        trace(&self.node, &event);
        // No reader: the trace has it.
        let _ = self.sender.send(EventRecord {
            at: SystemTime::now(),
            node: self.node.clone(),
            event,
        });
    }

    /// For handles, which must not keep the stream open once the node has ended.
    pub(crate) fn source(&self) -> EventSource {
        EventSource {
            node: self.node.clone(),
            sender: self.sender.downgrade(),
        }
    }
}

/// Where handles get the events from, and where what may outlive the node's loop puts its own.
#[derive(Clone, Debug)]
pub(crate) struct EventSource {
    node: NodeName,
    sender: broadcast::WeakSender<EventRecord>,
}

impl EventSource {
    /// Nothing happens if the node has ended.
    pub(crate) fn record(&self, event: Event) {
        if let Some(sender) = self.sender.upgrade() {
            let node = self.node.clone();
            EventLog { node, sender }.record(event);
        }
    }

    pub(crate) fn subscribe(&self) -> Events {
        let receiver = match self.sender.upgrade() {
            Some(sender) => sender.subscribe(),
            // The node has ended: the stream is at its end as well.
            None => broadcast::Sender::new(1).subscribe(),
        };
        Events { receiver, missed: 0 }
    }
}

/// What an operator should act on warns; the ordinary life of a cluster informs.
fn trace(node: &NodeName, event: &Event) {
    match event {
        Event::MemberChanged {
            node: member,
            name,
            state,
            reason,
        } => {
            tracing::info!(%node, %member, %name, %state, reason, "member changed");
        }
        Event::Ready => tracing::info!(%node, "ready"),
        Event::CatchingUp => {
            tracing::warn!(%node, "the others had given this node up; it decides nothing until it has caught up");
        }
        Event::AuditFailed { peer, name, times } => {
            tracing::error!(
                %node, %peer, %name, times,
                "this node and its peer have seen the same and hold different things; they now send each other all \
                 they hold, but what both lost stays lost: compare the children with what should run, have the memory \
                 of both machines tested, and report this with both logs"
            );
        }
        Event::MembersListed {
            names: Some(names),
            by,
        } => {
            let names = joined(names);
            tracing::info!(%node, %by, names, "only these may be members from now on");
        }
        Event::MembersListed { names: None, by } => {
            tracing::info!(%node, %by, "everybody may be a member from now on");
        }
        Event::NotListed { names, by } => {
            let names = joined(names);
            tracing::warn!(
                %node, %by, names,
                "this node is not on the list of members; its children go on elsewhere, and it leaves"
            );
        }
        Event::PeerRefused { addr, detail } => tracing::warn!(%node, %addr, detail, "peer refused"),
        Event::ClockGap { millis } => {
            tracing::warn!(%node, millis, "the clock stood still or jumped; probing everybody anew");
        }
        Event::WallClockJumped { millis } => {
            tracing::warn!(%node, millis, "the wall clock was set, or the machine slept");
        }
        Event::TakenOverUnheard {
            node: member,
            name,
            children,
        } => {
            tracing::warn!(
                %node, %member, %name, children,
                "a member that may hold newer news of children does not answer; they are started all the same"
            );
        }
        Event::ChildStarted {
            horde,
            id,
            token,
            previous,
        } => {
            let previous = previous.map(tracing::field::display);
            tracing::info!(%node, %horde, %id, %token, previous, "child started");
        }
        Event::ChildExited {
            horde,
            id,
            token,
            reason,
            next,
        } => {
            tracing::info!(%node, %horde, %id, %token, reason, next, "child exited");
        }
        Event::Conflict {
            horde,
            id,
            loser,
            winner,
        } => {
            tracing::warn!(%node, %horde, %id, %loser, %winner, "two copies: the one here gives way");
        }
        Event::Unclaimed { horde, id, reason } => {
            tracing::warn!(%node, %horde, %id, reason, "child cannot be placed");
        }
        Event::OutputDropped {
            horde,
            id,
            bytes,
            reason,
        } => {
            tracing::warn!(%node, %horde, %id, bytes, reason, "output of a child was dropped");
        }
        Event::KeeperMissing { reason } => {
            tracing::error!(
                %node, reason,
                "no keeper of processes can be started, so that no child here runs or can be started; it is tried twice a second"
            );
        }
        other => tracing::info!(%node, event = ?other, "event"),
    }
}
