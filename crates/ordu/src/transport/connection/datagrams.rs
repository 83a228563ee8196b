use std::sync::Arc;

use super::link::Link;
use crate::transport::event::Event;
use crate::transport::frame::OVERHEAD;
use crate::transport::shared::{Room, Shared};

/// Passes on datagrams until the connection ends.
pub(super) async fn read_datagrams(shared: Arc<Shared>, link: Arc<Link>) {
    while let Ok(bytes) = link.quic.read_datagram().await {
        let Ok(cost) = u32::try_from(bytes.len() + OVERHEAD) else {
            continue;
        };
        let own = Arc::clone(&link.datagram_room).try_acquire_many_owned(cost);
        let all = Arc::clone(&shared.datagram_room).try_acquire_many_owned(cost);
        let (Ok(own), Ok(all)) = (own, all) else {
            continue;
        };
        shared.tell_with(
            Event::Datagram {
                conn: link.id,
                bytes: bytes.into(),
            },
            Some(Room { _own: own, _all: all }),
        );
    }
}
