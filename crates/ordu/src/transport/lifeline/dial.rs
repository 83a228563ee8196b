use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::watch::{End, after_bye, watch};
use super::{ACK, Proof, proof_of};
use crate::transport::connection::Link;
use crate::transport::event::Event;
use crate::transport::shared::Shared;

/// How long raising a lifeline may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// The pause before the first new try; it doubles up to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_secs(5);

/// Raises the lifeline of a connection that this node dialled, again and again until the connection ends.
///
/// Who listens at the address and does not know the connection may be a newer process than the one at its other end. It is
/// asked again only once something was heard on the connection, which then lives.
pub(in crate::transport) async fn dial(shared: Arc<Shared>, link: Arc<Link>) {
    let Some(proof) = proof_of(&link.quic) else { return };
    let mut pause = FIRST_PAUSE;
    let mut told = false;
    loop {
        let heard = heard_on(&link);
        let raised = raise(&link, &proof).await;
        let refused_at = raised
            .as_ref()
            .err()
            .filter(|error| is_refusal(error))
            .map(|_| heard);
        match raised {
            Ok(mut lifeline) => {
                shared.tell(Event::LifelineUp {
                    conn: link.id,
                    peer: link.peer,
                });
                (pause, told) = (FIRST_PAUSE, false);
                match watch(&mut lifeline, &link.quic).await {
                    End::Connection => return,
                    End::Bye => return after_bye(&link).await,
                    End::Broken => {
                        shared.tell(Event::LifelineClosed {
                            conn: link.id,
                            peer: link.peer,
                        });
                    }
                }
            }
            Err(error) if !told => {
                told = true;
                let error = error.to_string();
                shared.tell(Event::LifelineFailed {
                    conn: link.id,
                    peer: link.peer,
                    error,
                });
            }
            Err(_) => {}
        }
        let until_next = async {
            loop {
                sleep(pause).await;
                pause = (2 * pause).min(LAST_PAUSE);
                if refused_at.is_none_or(|heard| heard != heard_on(&link)) {
                    return;
                }
            }
        };
        tokio::select! {
            () = until_next => {}
            _ = link.quic.closed() => return,
        }
    }
}

/// How many packets have come on the connection.
fn heard_on(link: &Link) -> u64 {
    link.quic.stats().udp_rx.datagrams
}

/// Whether somebody took the call and hung up: a connection that is known there is answered.
fn is_refusal(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
    )
}

async fn raise(link: &Link, proof: &Proof) -> io::Result<TcpStream> {
    let raise = async {
        let mut lifeline = TcpStream::connect(link.quic.remote_address()).await?;
        lifeline.write_all(proof).await?;
        let mut answer = [0];
        lifeline.read_exact(&mut answer).await?;
        if answer[0] == ACK {
            Ok(lifeline)
        } else {
            Err(io::ErrorKind::InvalidData.into())
        }
    };
    tokio::select! {
        raised = timeout(PATIENCE, raise) => raised.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())),
        _ = link.quic.closed() => Err(io::ErrorKind::NotConnected.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_takes_a_call_and_hangs_up_does_not_know_the_connection() {
        use io::ErrorKind::{
            BrokenPipe, ConnectionRefused, ConnectionReset, HostUnreachable, InvalidData, TimedOut,
            UnexpectedEof,
        };
        for kind in [UnexpectedEof, ConnectionReset, BrokenPipe] {
            assert!(is_refusal(&kind.into()), "{kind}");
        }
        for kind in [ConnectionRefused, HostUnreachable, TimedOut, InvalidData] {
            assert!(!is_refusal(&kind.into()), "{kind}");
        }
    }
}
