use std::sync::Arc;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::watch::{End, after_bye, watch};
use super::{ACK, Registration};
use crate::transport::connection::Link;
use crate::transport::event::Event;
use crate::transport::shared::Shared;

/// Tends the lifelines of a connection that the peer dialled, until the connection ends.
pub(in crate::transport) async fn accept(shared: Arc<Shared>, link: Arc<Link>, mut lifelines: Registration) {
    let mut current: Option<TcpStream> = None;
    loop {
        let end = tokio::select! {
            // The peer's end of the one before broke off though this one did not notice: the newer counts.
            Some(newer) = lifelines.next() => {
                raise(&shared, &link, &mut current, newer).await;
                continue;
            }
            end = watch_current(&mut current, &link) => end,
        };
        match end {
            End::Connection => return,
            End::Bye => return after_bye(&link).await,
            End::Broken => {
                current = None;
                shared.tell(Event::LifelineClosed {
                    conn: link.id,
                    peer: link.peer,
                });
            }
        }
    }
}

async fn raise(shared: &Shared, link: &Link, current: &mut Option<TcpStream>, mut newer: TcpStream) {
    if newer.write_all(&[ACK]).await.is_ok() {
        *current = Some(newer);
        shared.tell(Event::LifelineUp {
            conn: link.id,
            peer: link.peer,
        });
    }
}

async fn watch_current(current: &mut Option<TcpStream>, link: &Link) -> End {
    if let Some(lifeline) = current {
        return watch(lifeline, &link.quic).await;
    }
    link.quic.closed().await;
    End::Connection
}
