use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::Proof;

/// Which connections wait for a lifeline, by the proof it must show.
#[derive(Debug, Default, Clone)]
pub(in crate::transport) struct Registry {
    waiting: Arc<Mutex<HashMap<Proof, mpsc::Sender<TcpStream>>>>,
}

/// One connection's wait; it ends when this is dropped.
#[derive(Debug)]
pub(in crate::transport) struct Registration {
    registry: Registry,
    proof: Proof,
    lifelines: mpsc::Receiver<TcpStream>,
}

impl Registry {
    pub(in crate::transport) fn register(&self, proof: Proof) -> Registration {
        let (sender, lifelines) = mpsc::channel(1);
        self.lock().insert(proof, sender);
        Registration {
            registry: self.clone(),
            proof,
            lifelines,
        }
    }

    /// Whether a connection of this very process waits for that proof.
    pub(in crate::transport) fn knows(&self, proof: &Proof) -> bool {
        self.lock().contains_key(proof)
    }

    /// Hands a lifeline to the connection it proved to be of; `false` if there is none.
    pub(super) fn hand_over(&self, proof: &Proof, lifeline: TcpStream) -> bool {
        let sender = self.lock().get(proof).cloned();
        sender.is_some_and(|sender| sender.try_send(lifeline).is_ok())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Proof, mpsc::Sender<TcpStream>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registration {
    /// The next lifeline that proved to be this connection's.
    pub(super) async fn next(&mut self) -> Option<TcpStream> {
        self.lifelines.recv().await
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.registry.lock().remove(&self.proof);
    }
}
