use std::time::Duration;

/// How much a transport keeps and how long it waits, whatever peers and strangers do.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    /// Bytes that may wait to be sent on one connection before it is closed.
    pub(crate) send_queue: usize,
    /// Bytes received on one connection that may wait for the loop; more are left to QUIC's flow control.
    /// At least one frame of the greatest size fits whatever is set here.
    pub(crate) receive_queue: usize,
    /// Bytes that may wait to be sent on all connections together. Beyond it the connection on which most wait is
    /// closed.
    pub(crate) all_send_queues: usize,
    /// Bytes received on all connections together that may wait for the loop, as with `receive_queue`.
    pub(crate) all_receive_queues: usize,
    /// Bytes of datagrams received on all connections together that may wait for the loop; more are dropped, as
    /// datagrams may be.
    pub(crate) all_datagrams: usize,
    /// Bytes that all peers together may have under way to here, and as many that this node may have under way to them:
    /// each connection has its share, [`MIN_WINDOW`](super::quic::MIN_WINDOW) at least.
    pub(crate) all_windows: u64,
    /// QUIC handshakes of others under way at once. From half of it on, addresses are validated first.
    pub(crate) handshakes: usize,
    /// How long such a handshake may take.
    pub(crate) handshake_timeout: Duration,
    /// Connections at once, of whomever.
    pub(crate) connections: usize,
    /// TCP connections that have not shown yet which connection they are the lifeline of.
    pub(crate) unproven_lifelines: usize,
    /// How long such a one is read for.
    pub(crate) proof_timeout: Duration,
    /// How long a connection that closes gracefully may take.
    pub(crate) graceful_close: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            send_queue: 8 * 1024 * 1024,
            receive_queue: 4 * 1024 * 1024,
            all_send_queues: 256 * 1024 * 1024,
            all_receive_queues: 64 * 1024 * 1024,
            all_datagrams: 16 * 1024 * 1024,
            all_windows: 512 * 1024 * 1024,
            handshakes: 64,
            handshake_timeout: Duration::from_secs(3),
            connections: 4096,
            unproven_lifelines: 64,
            proof_timeout: Duration::from_secs(1),
            graceful_close: Duration::from_secs(5),
        }
    }
}
