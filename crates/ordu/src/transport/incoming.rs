use std::sync::Arc;

use quinn::{Connection, Endpoint, Incoming};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::connection::{self, Origin, peer_of};
use super::error::{HandshakeError, Refusal};
use super::lifeline::proof_of;
use super::shared::Shared;

/// Answers dials until the endpoint closes.
///
/// Handshakes cost signatures, so only so many run at once; when half of that is taken, whoever dials has
/// to show first that its address is its own, which a flood of forged packets cannot.
pub(super) async fn accept_all(shared: Arc<Shared>, endpoint: Endpoint) {
    let limits = shared.limits.clone();
    let room = Arc::new(Semaphore::new(limits.handshakes));
    while let Some(incoming) = endpoint.accept().await {
        let addr = incoming.remote_address();
        if endpoint.open_connections() >= limits.connections {
            incoming.refuse();
            continue;
        }
        if room.available_permits() <= limits.handshakes / 2 && incoming.may_retry() {
            // Fails only for one that may not be asked to retry.
            let _ = incoming.retry();
            continue;
        }
        let Ok(permit) = Arc::clone(&room).try_acquire_owned() else {
            incoming.refuse();
            if let Some(event) = shared.strangers.refused(addr, Refusal::TooManyHandshakes) {
                shared.tell(event);
            }
            continue;
        };
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let accepted = timeout(shared.limits.handshake_timeout, shake_hands(incoming)).await;
            drop(permit);
            match accepted.unwrap_or(Err(Refusal::HandshakeTimeout)) {
                Ok((quic, peer)) => admit(&shared, quic, peer).await,
                Err(what) => {
                    if let Some(event) = shared.strangers.refused(addr, what) {
                        shared.tell(event);
                    }
                }
            }
        });
    }
}

async fn shake_hands(incoming: Incoming) -> Result<(Connection, u128), Refusal> {
    let quic = incoming.accept()?.await?;
    match peer_of(&quic) {
        Some(peer) => Ok((quic, peer)),
        None => Err(HandshakeError::NoNodeId.into()),
    }
}

async fn admit(shared: &Arc<Shared>, quic: Connection, peer: u128) {
    let Some(proof) = proof_of(&quic) else { return };
    // Before the first stream: the dialler may raise its lifeline as soon as it has seen that.
    let registration = shared.lifelines.register(proof);
    if peer == shared.node {
        // This node dialled itself, or its clone did: its dialling end finds out which. The registration
        // is what it finds out by.
        if connection::open_streams(&quic).await.is_ok() {
            let _ = timeout(shared.limits.handshake_timeout, quic.closed()).await;
        }
        drop(registration);
        return;
    }
    // Fails only if the peer is gone again, and then there was never a connection to tell of.
    let _ = connection::open(shared, quic, peer, Origin::Accepted(registration)).await;
}
