use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::command::ConnId;
use super::connection::Handle;
use super::event::Event;
use super::frame::{MAX_FRAME, OVERHEAD};
use super::lifeline::Registry;
use super::limits::Limits;
use super::strangers::Strangers;

/// What all tasks of a transport share.
pub(super) struct Shared {
    pub(super) node: u128,
    pub(super) limits: Limits,
    /// Lifelines that connections wait for.
    pub(super) lifelines: Registry,
    pub(super) strangers: Strangers,
    /// Room for frames that were received on all connections and wait for the loop.
    pub(super) frame_room: Arc<Semaphore>,
    /// The same for datagrams, which frames must not crowd out: the probes of the membership are among them.
    pub(super) datagram_room: Arc<Semaphore>,
    /// Bytes that wait to be sent on all connections.
    pub(super) queued: Arc<AtomicUsize>,
    next_conn: AtomicU64,
    urgent: mpsc::UnboundedSender<Note>,
    ordered: mpsc::UnboundedSender<Note>,
}

/// An event on its way to the loop.
pub(super) struct Note {
    pub(super) event: Event,
    /// With `Connected`: what the loop drives the connection by.
    pub(super) handle: Option<Handle>,
    /// What the event takes of its connection's share of the queue, given back when the loop has it. So the
    /// queues, though unbounded in themselves, hold a bounded number of bytes per connection, and in all.
    pub(super) _room: Option<Room>,
}

/// What an event takes: of its connection's room, and of the room of all.
pub(super) struct Room {
    pub(super) _own: OwnedSemaphorePermit,
    pub(super) _all: OwnedSemaphorePermit,
}

/// Where a transport takes its events from.
pub(super) struct Notes {
    /// What must not wait behind frames.
    pub(super) urgent: mpsc::UnboundedReceiver<Note>,
    /// Frames, and the end of connections, which comes after their frames.
    pub(super) ordered: mpsc::UnboundedReceiver<Note>,
}

impl Shared {
    pub(super) fn new(node: u128, limits: Limits) -> (Arc<Self>, Notes) {
        let (urgent, urgent_notes) = mpsc::unbounded_channel();
        let (ordered, ordered_notes) = mpsc::unbounded_channel();
        let room = limits
            .all_receive_queues
            .clamp(MAX_FRAME + OVERHEAD, Semaphore::MAX_PERMITS);
        let datagram_room = limits.all_datagrams.min(Semaphore::MAX_PERMITS);
        let shared = Self {
            node,
            limits,
            lifelines: Registry::default(),
            strangers: Strangers::default(),
            frame_room: Arc::new(Semaphore::new(room)),
            datagram_room: Arc::new(Semaphore::new(datagram_room)),
            queued: Arc::default(),
            next_conn: AtomicU64::new(1),
            urgent,
            ordered,
        };
        (
            Arc::new(shared),
            Notes {
                urgent: urgent_notes,
                ordered: ordered_notes,
            },
        )
    }

    pub(super) fn next_conn(&self) -> ConnId {
        ConnId(self.next_conn.fetch_add(1, Ordering::Relaxed))
    }

    /// Tells the loop ahead of all frames. Once the loop is gone nobody wants to know.
    pub(super) fn tell(&self, event: Event) {
        self.tell_with(event, None);
    }

    pub(super) fn tell_with(&self, event: Event, room: Option<Room>) {
        let _ = self.urgent.send(Note {
            event,
            handle: None,
            _room: room,
        });
    }

    pub(super) fn tell_connected(&self, event: Event, handle: Handle) {
        let _ = self.urgent.send(Note {
            event,
            handle: Some(handle),
            _room: None,
        });
    }

    /// Tells the loop in order with the frames told before.
    pub(super) fn tell_in_order(&self, event: Event, room: Option<Room>) {
        let _ = self.ordered.send(Note {
            event,
            handle: None,
            _room: room,
        });
    }
}
