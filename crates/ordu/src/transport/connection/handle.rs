use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::link::Link;
use crate::transport::command::Channel;
use crate::transport::error::ClosedReason;
use crate::transport::frame::{MAX_FRAME, OVERHEAD};
use crate::transport::{ConnId, MAX_DATAGRAM, quic};

/// What the loop drives a connection by. Nothing here waits.
pub(in crate::transport) struct Handle {
    link: Arc<Link>,
    frames: Vec<mpsc::UnboundedSender<Vec<u8>>>,
    /// Closed at once by a command: what was received before and not looked at is of no interest any more.
    abandoned: bool,
}

impl Handle {
    pub(super) fn new(link: Arc<Link>, frames: Vec<mpsc::UnboundedSender<Vec<u8>>>) -> Self {
        Self {
            link,
            frames,
            abandoned: false,
        }
    }

    pub(in crate::transport) fn id(&self) -> ConnId {
        self.link.id
    }

    pub(in crate::transport) fn is_abandoned(&self) -> bool {
        self.abandoned
    }

    pub(in crate::transport) fn close(&mut self, reason: String) {
        self.abandoned = true;
        self.link.close(ClosedReason::Local(reason));
    }

    /// How many bytes wait to be sent.
    pub(in crate::transport) fn queued(&self) -> usize {
        self.link.queued()
    }

    /// Closes for the sake of the others: too much waits on all connections, and most of it here.
    pub(in crate::transport) fn close_for_others(&self, limit: usize) {
        self.link.close(ClosedReason::AllQueuesFull { limit });
    }

    pub(in crate::transport) fn set_windows(&self, share: u32) {
        quic::set_windows(&self.link.quic, share);
    }

    pub(in crate::transport) fn begin_end(&self, reason: String) {
        self.link.begin_end(reason);
    }

    pub(in crate::transport) fn send(&self, channel: Channel, bytes: Vec<u8>) {
        if bytes.len() > MAX_FRAME {
            let what = format!(
                "a frame of {} bytes was to be sent; at most {MAX_FRAME} may",
                bytes.len()
            );
            tracing::error!(conn = self.link.id.0, "{what}");
            self.link.close(ClosedReason::Local(what));
            return;
        }
        let cost = bytes.len() + OVERHEAD;
        let limit = self.link.queue_limit;
        if self.link.queue(cost) > limit {
            self.link.close(ClosedReason::QueueFull { channel, limit });
            return;
        }
        // Fails only when the connection is ending, and then `Closed` tells.
        let _ = self.frames[channel.index()].send(bytes);
    }

    pub(in crate::transport) fn send_datagram(&self, bytes: Vec<u8>) {
        if bytes.len() > MAX_DATAGRAM {
            tracing::error!(
                conn = self.link.id.0,
                len = bytes.len(),
                "datagram too long, dropped"
            );
            return;
        }
        // Datagrams may get lost; a connection that is lost is told by `Closed`.
        if let Err(error) = self.link.quic.send_datagram(Bytes::from(bytes)) {
            tracing::debug!(conn = self.link.id.0, %error, "datagram dropped");
        }
    }
}
