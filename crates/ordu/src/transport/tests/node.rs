use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::timeout;

use crate::cluster_key::ClusterKey;
use crate::transport::{Channel, Command, ConnId, DialError, Event, Limits, Transport};

/// Longer than anything here takes on a busy machine; a test that waits so long has failed.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// A transport on loopback, driven by a test.
pub(super) struct Node {
    pub(super) transport: Transport,
    seen: Vec<Event>,
    attempts: u64,
}

impl Node {
    pub(super) fn start(key: &ClusterKey, id: u128) -> Self {
        Self::start_with(key, id, Limits::default())
    }

    pub(super) fn start_with(key: &ClusterKey, id: u128, limits: Limits) -> Self {
        let credentials = key.credentials("test", id).unwrap();
        let addr = "127.0.0.1:0".parse().unwrap();
        let transport = Transport::listen(addr, &credentials, limits).unwrap();
        Self {
            transport,
            seen: Vec::new(),
            attempts: 0,
        }
    }

    pub(super) fn addr(&self) -> SocketAddr {
        self.transport.local_addr()
    }

    pub(super) fn dial(&mut self, addr: SocketAddr) -> u64 {
        self.dial_for(addr, Duration::from_secs(10))
    }

    pub(super) fn dial_for(&mut self, addr: SocketAddr, timeout: Duration) -> u64 {
        self.attempts += 1;
        self.transport.execute(Command::Dial {
            attempt: self.attempts,
            addr,
            timeout,
        });
        self.attempts
    }

    pub(super) fn send(&mut self, conn: ConnId, channel: Channel, bytes: &[u8]) {
        self.transport.execute(Command::Send {
            conn,
            channel,
            bytes: bytes.to_vec(),
        });
    }

    pub(super) fn close(&mut self, conn: ConnId, after_streams_end: bool, reason: &str) {
        self.transport.execute(Command::Close {
            conn,
            after_streams_end,
            reason: reason.to_owned(),
        });
    }

    /// The first event, of those that came and were not asked for yet or are still to come, of which
    /// `pick` makes something. The others stay.
    pub(super) async fn expect<T>(&mut self, what: &str, mut pick: impl FnMut(&Event) -> Option<T>) -> T {
        if let Some((at, found)) = self
            .seen
            .iter()
            .enumerate()
            .find_map(|(at, e)| Some((at, pick(e)?)))
        {
            self.seen.remove(at);
            return found;
        }
        let search = async {
            loop {
                let event = self.transport.next_event().await;
                if let Some(found) = pick(&event) {
                    return found;
                }
                self.seen.push(event);
            }
        };
        let found = timeout(PATIENCE, search).await.ok();
        found.unwrap_or_else(|| panic!("expected {what}, got {:?}", self.seen))
    }

    pub(super) async fn expect_connected(&mut self) -> Connected {
        self.expect("a connection", |event| match *event {
            Event::Connected {
                conn,
                peer,
                peer_addr,
                dialled,
                ..
            } => Some(Connected {
                conn,
                peer,
                peer_addr,
                dialled,
            }),
            _ => None,
        })
        .await
    }

    /// How the next dial to end ends.
    pub(super) async fn dial_ended(&mut self) -> Result<ConnId, DialError> {
        self.expect("the end of a dial", |event| match event {
            Event::Connected { conn, .. } => Some(Ok(*conn)),
            Event::DialFailed { error, .. } => Some(Err(error.clone())),
            _ => None,
        })
        .await
    }

    /// The next `count` frames of a channel, in the order they came.
    pub(super) async fn expect_frames(&mut self, channel: Channel, count: usize) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        while frames.len() < count {
            let frame = self.expect("a frame", |event| match event {
                Event::Received {
                    channel: on, bytes, ..
                } if *on == channel => Some(bytes.clone()),
                _ => None,
            });
            frames.push(frame.await);
        }
        frames
    }

    /// Whether an event that came and was not asked for fits.
    pub(super) fn has_seen(&self, fits: impl FnMut(&Event) -> bool) -> bool {
        self.seen.iter().any(fits)
    }
}

/// What `Connected` told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Connected {
    pub(super) conn: ConnId,
    pub(super) peer: u128,
    pub(super) peer_addr: SocketAddr,
    pub(super) dialled: Option<u64>,
}

/// Two nodes of one cluster; the first has dialled the second.
pub(super) struct Pair {
    pub(super) one: Node,
    pub(super) two: Node,
    /// The connection as the first knows it.
    pub(super) to_two: ConnId,
    /// The same as the second knows it.
    pub(super) to_one: ConnId,
}

impl Pair {
    pub(super) async fn connect() -> Self {
        Self::connect_with(Limits::default(), Limits::default()).await
    }

    pub(super) async fn connect_with(one: Limits, two: Limits) -> Self {
        let key = ClusterKey::generate().unwrap();
        let mut one = Node::start_with(&key, 1, one);
        let mut two = Node::start_with(&key, 2, two);
        one.dial(two.addr());
        let to_two = one.expect_connected().await.conn;
        let to_one = two.expect_connected().await.conn;
        Self {
            one,
            two,
            to_two,
            to_one,
        }
    }
}
