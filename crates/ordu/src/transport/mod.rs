//! The network of a node: QUIC connections to peers, their lifelines, and nothing that decides anything.
//!
//! The loop gives [`Command`]s and takes [`Event`]s. Whom to dial and when, which of two connections stays,
//! what an event means for a peer's life: all that is the core's; this only executes and reports. So it never
//! dials on its own, never closes a connection that keeps the rules, and keeps two connections to one peer
//! for as long as nobody closes one.
//!
//! ```text
//! loop ── Command ──► Transport ── queue, bounded in bytes ──► writers ─┐
//!      ◄── Event ────            ◄── queue, bounded in bytes ── readers ─┤ QUIC (UDP)   ┐ one port
//!                                ◄── ahead of all frames ──── datagrams ─┘              │ number
//!                                ◄── ahead of all frames ──── lifelines ── TCP          ┘
//! ```
//!
//! Whatever a peer or a stranger sends costs bounded memory and cannot panic: frames are bounded before
//! they are read, what the loop has not taken is bounded by flow control, what a peer has not read is bounded
//! by closing the connection, strangers are bounded in number and time. All of these are bounded for each connection
//! and for all together.

mod command;
mod connection;
mod dial;
mod error;
mod event;
mod frame;
mod incoming;
mod lifeline;
mod limits;
mod listen;
mod probe;
mod quic;
mod reach;
mod shared;
mod strangers;

pub(crate) use command::{Channel, Command, ConnId};
pub(crate) use error::{DialError, HandshakeError, ListenError};
pub(crate) use event::{Event, ProbeOutcome};
pub(crate) use limits::Limits;
pub(crate) use reach::Reach;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use quinn::crypto::rustls::NoInitialCipherSuite;
use quinn::{ClientConfig, Endpoint, EndpointConfig, TokioRuntime, VarInt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::cluster_key::Credentials;
use connection::Handle;
use dial::Dial;
use listen::Ports;
use shared::{Note, Notes, Shared};

/// The longest datagram, in bytes: it fits the first packets of every QUIC connection (1,162 bytes).
pub(crate) const MAX_DATAGRAM: usize = 1100;

/// How long a shutdown may take to tell all peers.
const GOOD_BYES: Duration = Duration::from_secs(1);

/// The sockets and connections of one node. Dropping it closes them all.
pub(crate) struct Transport {
    addr: SocketAddr,
    reach: Reach,
    endpoint: Endpoint,
    dialling: ClientConfig,
    shared: Arc<Shared>,
    notes: Notes,
    connections: HashMap<ConnId, Handle>,
    dials: HashMap<u64, JoinHandle<()>>,
    /// The share of each connection in what may be under way on all.
    window: u32,
    listeners: [JoinHandle<()>; 2],
}

impl Transport {
    /// Listens on `addr`, for QUIC over UDP and for lifelines over TCP on the same port; port 0 picks one
    /// that is free for both. Must be called within a tokio runtime with time and IO.
    pub(crate) fn listen(
        addr: SocketAddr,
        credentials: &Credentials,
        limits: Limits,
    ) -> Result<Self, ListenError> {
        let ports = Ports::open(addr)?;
        let addr = ports.addr;
        let only_ipv6 = addr.is_ipv6() && rustix::net::sockopt::ipv6_v6only(&ports.udp).unwrap_or(true);
        let reach = Reach::of(addr, only_ipv6);
        let quic = |error: &dyn std::fmt::Display| ListenError::Quic {
            addr,
            what: error.to_string(),
        };
        let answering = quic::server_config(credentials).map_err(|error| quic(&error))?;
        let dialling = quic::client_config(credentials).map_err(|error| quic(&error))?;
        let config = EndpointConfig::default();
        let endpoint = Endpoint::new(config, Some(answering), ports.udp, Arc::new(TokioRuntime))
            .map_err(|error| quic(&error))?;
        let tcp = TcpListener::from_std(ports.tcp).map_err(|error| quic(&error))?;

        let window = quic::share_of(limits.all_windows, 1);
        let (shared, notes) = Shared::new(credentials.node(), limits);
        let listeners = [
            tokio::spawn(incoming::accept_all(Arc::clone(&shared), endpoint.clone())),
            tokio::spawn(lifeline::listen(Arc::clone(&shared), tcp)),
        ];
        let (connections, dials) = (HashMap::new(), HashMap::new());
        Ok(Self {
            addr,
            reach,
            endpoint,
            dialling,
            shared,
            notes,
            connections,
            dials,
            window,
            listeners,
        })
    }

    /// Handshakes to come prove and demand these; connections that stand stay, and so do handshakes under way.
    pub(crate) fn renew(&mut self, credentials: &Credentials) -> Result<(), NoInitialCipherSuite> {
        let answering = quic::server_config(credentials)?;
        self.dialling = quic::client_config(credentials)?;
        self.endpoint.set_server_config(Some(answering));
        Ok(())
    }

    /// Where it listens, with the port that was picked.
    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// Which addresses it can reach at all.
    pub(crate) fn reach(&self) -> Reach {
        self.reach
    }

    /// Starts what is asked and returns at once. A command for a connection that is over does
    /// nothing: its end was told, or is about to be.
    pub(crate) fn execute(&mut self, command: Command) {
        match command {
            Command::Dial {
                attempt,
                addr,
                timeout,
            } => {
                let dial = Dial {
                    attempt,
                    addr,
                    patience: timeout,
                };
                let run = dial.run(
                    Arc::clone(&self.shared),
                    self.endpoint.clone(),
                    self.dialling.clone(),
                );
                self.dials.insert(attempt, tokio::spawn(run));
            }
            Command::Close {
                conn,
                after_streams_end,
                reason,
            } => {
                if let Some(handle) = self.connections.get_mut(&conn) {
                    if after_streams_end {
                        handle.begin_end(reason);
                    } else {
                        handle.close(reason);
                    }
                }
            }
            Command::SendDatagram { conn, bytes } => {
                if let Some(handle) = self.connections.get(&conn) {
                    handle.send_datagram(bytes);
                }
            }
            Command::Send { conn, channel, bytes } => {
                if let Some(handle) = self.connections.get(&conn) {
                    handle.send(channel, bytes);
                    self.bound_queues();
                }
            }
            Command::Probe { probe, addr } => {
                let shared = Arc::clone(&self.shared);
                tokio::spawn(async move {
                    let outcome = probe::probe(addr).await;
                    shared.tell(Event::ProbeResult { probe, outcome });
                });
            }
        }
    }

    /// The next event. Cancelling it loses none.
    pub(crate) async fn next_event(&mut self) -> Event {
        loop {
            let note = tokio::select! {
                biased;
                Some(note) = self.notes.urgent.recv() => note,
                Some(note) = self.notes.ordered.recv() => note,
                // `shared` holds a sender of each.
                else => unreachable!("the senders live as long as the transport"),
            };
            if let Some(event) = self.take(note) {
                return event;
            }
        }
    }

    /// Closes the connection on which most waits to be sent if too much does on all together.
    fn bound_queues(&self) {
        let limit = self.shared.limits.all_send_queues;
        // Counts those that are over as well until the loop has heard of it, so it is only a hint.
        if self.shared.queued.load(Ordering::Relaxed) <= limit {
            return;
        }
        let all: usize = self.connections.values().map(Handle::queued).sum();
        let longest = self.connections.values().max_by_key(|handle| handle.queued());
        if let Some(longest) = longest.filter(|_| all > limit) {
            longest.close_for_others(limit);
        }
    }

    /// Gives each connection its share of what may be under way, when that has changed.
    fn share_windows(&mut self) {
        let share = quic::share_of(self.shared.limits.all_windows, self.connections.len());
        if self.window != share {
            self.window = share;
            self.connections
                .values()
                .for_each(|handle| handle.set_windows(share));
        }
    }

    /// Keeps the books, and keeps back what the loop must not hear any more.
    fn take(&mut self, note: Note) -> Option<Event> {
        let Note { event, handle, _room } = note;
        if let Some(handle) = handle {
            // Others came before it; those set to another share are set again together with it.
            handle.set_windows(self.window);
            self.connections.insert(handle.id(), handle);
            self.share_windows();
        }
        match &event {
            Event::Connected { dialled, .. } => {
                if let Some(attempt) = dialled {
                    self.dials.remove(attempt);
                }
                Some(event)
            }
            Event::DialFailed { attempt, .. } => {
                self.dials.remove(attempt);
                Some(event)
            }
            Event::Closed { conn, .. } => {
                let known = self.connections.remove(conn).is_some();
                self.share_windows();
                known.then_some(event)
            }
            _ => match event.conn() {
                Some(conn) => self
                    .connections
                    .get(&conn)
                    .is_some_and(|handle| !handle.is_abandoned())
                    .then_some(event),
                None => Some(event),
            },
        }
    }

    /// Closes everything and waits, at most a second, until the peers were told. What is queued is lost:
    /// close connections gracefully first if it matters.
    pub(crate) async fn shutdown(self, reason: &str) {
        self.endpoint.close(VarInt::from_u32(0), reason.as_bytes());
        let _ = timeout(GOOD_BYES, self.endpoint.wait_idle()).await;
    }
}

impl Drop for Transport {
    fn drop(&mut self) {
        self.endpoint.close(VarInt::from_u32(0), b"shut down");
        for task in self.listeners.iter().chain(self.dials.values()) {
            task.abort();
        }
    }
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transport")
            .field("addr", &self.addr)
            .field("connections", &self.connections.len())
            .finish_non_exhaustive()
    }
}
