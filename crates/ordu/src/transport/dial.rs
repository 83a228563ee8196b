use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use quinn::{ClientConfig, Connection, Endpoint, RecvStream, VarInt};
use tokio::time::timeout;

use super::command::Channel;
use super::connection::{self, OpenError, Origin, first_stream, peer_of};
use super::error::{DialError, HandshakeError};
use super::event::Event;
use super::lifeline::proof_of;
use super::shared::Shared;
use crate::cluster_key::SERVER_NAME;

/// One try to connect to an address.
pub(super) struct Dial {
    pub(super) attempt: u64,
    pub(super) addr: SocketAddr,
    pub(super) patience: Duration,
}

impl Dial {
    /// Ends in `Connected` or `DialFailed`.
    pub(super) async fn run(self, shared: Arc<Shared>, endpoint: Endpoint, config: ClientConfig) {
        let connected = timeout(self.patience, self.connect(&shared, &endpoint, config)).await;
        if let Err(error) = connected.unwrap_or(Err(DialError::Timeout)) {
            shared.tell(Event::DialFailed {
                attempt: self.attempt,
                addr: self.addr,
                error,
            });
        }
    }

    async fn connect(
        &self,
        shared: &Arc<Shared>,
        endpoint: &Endpoint,
        config: ClientConfig,
    ) -> Result<(), DialError> {
        let connecting = endpoint
            .connect_with(config, self.addr, SERVER_NAME)
            .map_err(|error| DialError::Address(error.to_string()))?;
        let quic = connecting.await?;
        let first = accepted_by_peer(&quic).await?;
        let peer = peer_of(&quic).ok_or(HandshakeError::NoNodeId)?;
        if peer == shared.node {
            return Err(met_own_id(shared, &quic));
        }
        connection::open(
            shared,
            quic,
            peer,
            Origin::Dialled {
                attempt: self.attempt,
                first,
            },
        )
        .await?;
        Ok(())
    }
}

/// Waits until the peer has accepted this side's certificate, or has told why it does not.
async fn accepted_by_peer(quic: &Connection) -> Result<(Channel, RecvStream), DialError> {
    match first_stream(quic).await {
        Ok(first) => Ok(first),
        Err(OpenError::Lost) => Err(quic.closed().await.into()),
        Err(error) => Err(HandshakeError::Failed(error.to_string()).into()),
    }
}

/// Both ends in one process export the same proof; a clone's end waits for it in another process.
fn met_own_id(shared: &Shared, quic: &Connection) -> DialError {
    let own = proof_of(quic).is_some_and(|proof| shared.lifelines.knows(&proof));
    quic.close(VarInt::from_u32(0), b"dialled itself");
    if own { DialError::Itself } else { DialError::Twin }
}
