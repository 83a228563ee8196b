use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::{PROOF_LEN, Proof};
use crate::transport::error::Refusal;
use crate::transport::shared::Shared;

/// How long to wait after the operating system refused to accept (out of descriptors) before asking again.
const PAUSE: Duration = Duration::from_millis(50);

/// Accepts TCP connections for ever and hands those that prove themselves to their connection.
///
/// A stranger costs one descriptor for one second, and at most `unproven_lifelines` of them at once.
pub(in crate::transport) async fn listen(shared: Arc<Shared>, listener: TcpListener) {
    let room = Arc::new(Semaphore::new(shared.limits.unproven_lifelines));
    loop {
        let Ok((lifeline, addr)) = listener.accept().await else {
            sleep(PAUSE).await;
            continue;
        };
        let Ok(permit) = Arc::clone(&room).try_acquire_owned() else {
            refuse(&shared, addr, Refusal::TooManyLifelines);
            continue;
        };
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            if let Err(refusal) = admit(&shared, lifeline).await {
                refuse(&shared, addr, refusal);
            }
            drop(permit);
        });
    }
}

async fn admit(shared: &Shared, mut lifeline: TcpStream) -> Result<(), Refusal> {
    let mut proof: Proof = [0; PROOF_LEN];
    let mut got = 0;
    let read = async {
        while got < PROOF_LEN {
            match lifeline.read(&mut proof[got..]).await {
                Ok(0) | Err(_) => return,
                Ok(len) => got += len,
            }
        }
    };
    let ended = timeout(shared.limits.proof_timeout, read).await.is_ok();
    if ended && got == 0 {
        // A probe: it wanted to know whether anybody listens, and does now.
        return Ok(());
    }
    if got == PROOF_LEN && shared.lifelines.hand_over(&proof, lifeline) {
        return Ok(());
    }
    Err(Refusal::Lifeline { got })
}

fn refuse(shared: &Shared, addr: SocketAddr, what: Refusal) {
    if let Some(event) = shared.strangers.refused(addr, what) {
        shared.tell(event);
    }
}
