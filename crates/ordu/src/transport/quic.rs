use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::{NoInitialCipherSuite, QuicClientConfig, QuicServerConfig};
use quinn::{ClientConfig, Connection, IdleTimeout, ServerConfig, TransportConfig, VarInt};

use crate::cluster_key::Credentials;

/// After so long without a packet a connection is over.
const IDLE: Duration = Duration::from_mins(10);

/// What a peer may have under way on one stream.
const STREAM_WINDOW: u32 = 2 * 1024 * 1024;

/// What a peer may have under way on both, at the most.
const CONNECTION_WINDOW: u32 = 3 * 1024 * 1024;

/// What is kept for sending again.
const SEND_WINDOW: u64 = 2 * 1024 * 1024;

/// The least of either: two frames of the greatest size.
pub(super) const MIN_WINDOW: u32 = 128 * 1024;

/// Datagrams kept per connection and direction, in bytes; older ones give way.
const DATAGRAMS: usize = 256 * 1024;

pub(super) fn server_config(credentials: &Credentials) -> Result<ServerConfig, NoInitialCipherSuite> {
    let tls = QuicServerConfig::try_from(credentials.server())?;
    let mut config = ServerConfig::with_crypto(Arc::new(tls));
    config.transport_config(transport());
    // A peer's address is its identity for lifelines and probes; one that moves dials anew.
    config.migration(false);
    // What waits to be looked at at all; of these only so many may shake hands at once.
    config
        .max_incoming(256)
        .incoming_buffer_size(16 * 1024)
        .incoming_buffer_size_total(1024 * 1024);
    Ok(config)
}

pub(super) fn client_config(credentials: &Credentials) -> Result<ClientConfig, NoInitialCipherSuite> {
    let tls = QuicClientConfig::try_from(credentials.client())?;
    let mut config = ClientConfig::new(Arc::new(tls));
    config.transport_config(transport());
    Ok(config)
}

/// The window of each of so many connections, which have `all` together: what peers send and what is kept for sending
/// again. It changes only when the number of connections has doubled or halved, since all must be told then.
pub(super) fn share_of(all: u64, connections: usize) -> u32 {
    let connections = connections.max(1).next_power_of_two() as u64;
    let share = u32::try_from(all / connections).unwrap_or(u32::MAX);
    share.clamp(MIN_WINDOW, CONNECTION_WINDOW)
}

/// Gives a connection its share. What its peer was promised before stays promised, so a connection begins with the
/// least: its share is not known before.
pub(super) fn set_windows(connection: &Connection, share: u32) {
    connection.set_receive_window(VarInt::from_u32(share));
    connection.set_send_window(SEND_WINDOW.min(u64::from(share)));
}

fn transport() -> Arc<TransportConfig> {
    let mut config = TransportConfig::default();
    config
        // QUIC repeats a lost first packet after 3 × this: with its default of 333 ms a second is lost.
        .initial_rtt(Duration::from_millis(50))
        // No keep-alive: the probes of the membership are the traffic.
        .keep_alive_interval(None)
        .max_idle_timeout(Some(
            IdleTimeout::try_from(IDLE).expect("ten minutes fit a QUIC idle timeout"),
        ))
        .max_concurrent_bidi_streams(VarInt::from_u32(0))
        .max_concurrent_uni_streams(VarInt::from_u32(2))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .receive_window(VarInt::from_u32(MIN_WINDOW))
        .send_window(MIN_WINDOW.into())
        .datagram_receive_buffer_size(Some(DATAGRAMS))
        .datagram_send_buffer_size(DATAGRAMS);
    Arc::new(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_connections_together_have_no_more_under_way_than_is_allowed() {
        let all = 512 * 1024 * 1024;
        for connections in [1, 2, 100, 170, 171, 1_000, 4_096] {
            let share = share_of(all, connections);
            assert!(
                u64::from(share) * connections as u64 <= all,
                "{connections}: {share}"
            );
            assert!(share >= MIN_WINDOW);
        }
        assert_eq!(
            share_of(all, 128),
            CONNECTION_WINDOW,
            "a cluster of usual size is not slowed down"
        );
    }
}
