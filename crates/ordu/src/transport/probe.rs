use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::event::ProbeOutcome;

/// How long an address may take to refuse or accept before it counts as silent.
const PATIENCE: Duration = Duration::from_millis(500);

/// Asks the kernel at `addr` whether anybody listens there.
pub(super) async fn probe(addr: SocketAddr) -> ProbeOutcome {
    match timeout(PATIENCE, TcpStream::connect(addr)).await {
        Ok(Ok(_)) => ProbeOutcome::Accepted,
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => ProbeOutcome::Refused,
        Ok(Err(_)) | Err(_) => ProbeOutcome::Silent,
    }
}
