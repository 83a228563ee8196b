use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use quinn::Connection;
use tokio::sync::{Semaphore, watch};

use crate::transport::command::{Channel, ConnId};
use crate::transport::error::ClosedReason;
use crate::transport::frame::{MAX_FRAME, OVERHEAD};
use crate::transport::shared::Shared;

/// Datagrams that may wait for the loop, in bytes; more are dropped, as datagrams may be.
const DATAGRAM_ROOM: usize = 256 * 1024;

/// What the tasks of one connection share.
pub(in crate::transport) struct Link {
    pub(in crate::transport) id: ConnId,
    pub(in crate::transport) peer: u128,
    pub(in crate::transport) quic: Connection,
    /// Bytes that wait to be sent.
    queued: AtomicUsize,
    /// The same of all connections.
    all_queued: Arc<AtomicUsize>,
    /// The most of them.
    pub(super) queue_limit: usize,
    /// Room for received frames that wait for the loop.
    pub(super) frame_room: Arc<Semaphore>,
    /// Room for received datagrams that wait for the loop.
    pub(super) datagram_room: Arc<Semaphore>,
    /// Which channels the peer has opened.
    opened: [AtomicBool; 2],
    /// Set once this side is to send no more.
    finish: watch::Sender<bool>,
    /// Why this side began the end, if it did.
    finish_reason: OnceLock<String>,
    /// Why this side closed, if it did; the first reason counts.
    closed: OnceLock<ClosedReason>,
}

impl Link {
    pub(super) fn new(id: ConnId, peer: u128, quic: Connection, shared: &Shared) -> Self {
        let limits = &shared.limits;
        Self {
            id,
            peer,
            quic,
            queued: AtomicUsize::new(0),
            all_queued: Arc::clone(&shared.queued),
            queue_limit: limits.send_queue,
            frame_room: Arc::new(Semaphore::new(limits.receive_queue.max(MAX_FRAME + OVERHEAD))),
            datagram_room: Arc::new(Semaphore::new(DATAGRAM_ROOM)),
            opened: Default::default(),
            finish: watch::Sender::new(false),
            finish_reason: OnceLock::new(),
            closed: OnceLock::new(),
        }
    }

    /// Notes that so many bytes wait to be sent, and says how many do now.
    pub(super) fn queue(&self, bytes: usize) -> usize {
        self.all_queued.fetch_add(bytes, Ordering::Relaxed);
        self.queued.fetch_add(bytes, Ordering::Relaxed) + bytes
    }

    /// Notes that so many bytes wait no more.
    pub(super) fn unqueue(&self, bytes: usize) {
        self.all_queued.fetch_sub(bytes, Ordering::Relaxed);
        self.queued.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// How many bytes wait to be sent; none on a connection that is over.
    pub(super) fn queued(&self) -> usize {
        match self.closed.get() {
            Some(_) => 0,
            None => self.queued.load(Ordering::Relaxed),
        }
    }

    /// Whether this is the peer's first stream of that channel.
    pub(super) fn claim(&self, channel: Channel) -> bool {
        !self.opened[channel.index()].swap(true, Ordering::Relaxed)
    }

    /// Closes at once.
    pub(in crate::transport) fn close(&self, reason: ClosedReason) {
        let (code, text) = (reason.code(), reason.text());
        if self.closed.set(reason).is_ok() {
            self.quic.close(code, text.as_bytes());
        }
    }

    /// Begins the end: send what is queued, then no more, and close when the peer has done the same.
    pub(super) fn begin_end(&self, reason: String) {
        let _ = self.finish_reason.set(reason);
        self.stop_sending();
    }

    /// Why this side began the end; `None` if the peer did.
    pub(super) fn end_reason(&self) -> Option<&str> {
        self.finish_reason.get().map(String::as_str)
    }

    pub(super) fn stop_sending(&self) {
        self.finish.send_replace(true);
    }

    pub(super) fn sending_stops(&self) -> watch::Receiver<bool> {
        self.finish.subscribe()
    }

    /// Why the connection is over; call once it is.
    pub(super) fn closed_reason(&self) -> ClosedReason {
        match (self.closed.get(), self.quic.close_reason()) {
            (Some(reason), _) => reason.clone(),
            (None, Some(error)) => error.into(),
            (None, None) => ClosedReason::Lost("the transport was shut down".to_owned()),
        }
    }
}

impl Drop for Link {
    /// What was never sent waits no more.
    fn drop(&mut self) {
        self.all_queued
            .fetch_sub(*self.queued.get_mut(), Ordering::Relaxed);
    }
}
