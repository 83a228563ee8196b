use std::time::Duration;

use quinn::Connection;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::BYE;
use crate::transport::connection::Link;
use crate::transport::error::ClosedReason;

/// How long after a good-bye on the lifeline the end of the connection may take to arrive.
const LAST_PACKET: Duration = Duration::from_secs(1);

/// How a lifeline ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Its connection is over.
    Connection,
    /// The peer said that it closes the connection.
    Bye,
    /// It broke off, as when the peer is killed.
    Broken,
}

/// Waits for the end of a lifeline. Says good-bye on it when its connection ends first.
pub(super) async fn watch(lifeline: &mut TcpStream, quic: &Connection) -> End {
    let mut byte = [0];
    tokio::select! {
        read = lifeline.read(&mut byte) => match read {
            Ok(1) if byte[0] == BYE => End::Bye,
            _ => End::Broken,
        },
        _ = quic.closed() => {
            // Its send buffer is empty, so one byte always fits; if the peer is gone nobody misses it.
            let _ = lifeline.try_write(&[BYE]);
            End::Connection
        }
    }
}

/// After a good-bye: the packet that closes the connection may be lost, and its sender gone.
pub(super) async fn after_bye(link: &Link) {
    if timeout(LAST_PACKET, link.quic.closed()).await.is_err() {
        link.close(ClosedReason::Peer("said good-bye on its lifeline".to_owned()));
    }
}
