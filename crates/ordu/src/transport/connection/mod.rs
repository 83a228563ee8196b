//! One connection: its two channels, its datagrams, its end.

mod datagrams;
mod handle;
mod link;
mod reader;
mod run;
mod writer;

use std::sync::Arc;

use quinn::{Connection, ConnectionError, RecvStream, SendStream};
use rustls::pki_types::CertificateDer;
use tokio::sync::mpsc;

pub(super) use handle::Handle;
pub(super) use link::Link;
pub(super) use reader::{OpenError, first_stream};

use super::command::Channel;
use super::event::Event;
use super::lifeline;
use super::shared::Shared;
use crate::cluster_key::node_id;

/// Who is at the other end, by its verified certificate; `None` if that names no node.
pub(super) fn peer_of(quic: &Connection) -> Option<u128> {
    let chain = quic
        .peer_identity()?
        .downcast::<Vec<CertificateDer<'static>>>()
        .ok()?;
    node_id(chain.first()?)
}

/// How a connection came to be.
pub(super) enum Origin {
    /// This node dialled; the peer has opened a stream already, which proves that it accepted.
    Dialled {
        attempt: u64,
        first: (Channel, RecvStream),
    },
    /// The peer dialled, and will open a lifeline with the proof registered here.
    Accepted(lifeline::Registration),
}

/// Opens this side's streams of a connection whose handshake is done, tells the loop and tends it until its
/// end.
pub(super) async fn open(
    shared: &Arc<Shared>,
    quic: Connection,
    peer: u128,
    origin: Origin,
) -> Result<(), ConnectionError> {
    let streams = open_streams(&quic).await?;
    let (frames, queues): (Vec<_>, Vec<_>) = Channel::ALL.iter().map(|_| mpsc::unbounded_channel()).unzip();
    let link = Arc::new(Link::new(shared.next_conn(), peer, quic, shared));

    let dialled = match &origin {
        Origin::Dialled { attempt, .. } => Some(*attempt),
        Origin::Accepted(_) => None,
    };
    let connected = Event::Connected {
        conn: link.id,
        peer,
        peer_addr: link.quic.remote_address(),
        dialled,
        rtt: link.quic.rtt(),
    };
    shared.tell_connected(connected, Handle::new(Arc::clone(&link), frames));

    let first = match origin {
        Origin::Dialled { first, .. } => {
            tokio::spawn(lifeline::dial(Arc::clone(shared), Arc::clone(&link)));
            Some(first)
        }
        Origin::Accepted(registration) => {
            tokio::spawn(lifeline::accept(
                Arc::clone(shared),
                Arc::clone(&link),
                registration,
            ));
            None
        }
    };
    let outbound = streams.into_iter().zip(queues).collect();
    tokio::spawn(run::run(Arc::clone(shared), link, outbound, first));
    Ok(())
}

/// Opens one stream per channel. Their first bytes tell a dialler that it was accepted.
pub(super) async fn open_streams(quic: &Connection) -> Result<Vec<SendStream>, ConnectionError> {
    let mut streams = Vec::with_capacity(Channel::ALL.len());
    for channel in Channel::ALL {
        let mut stream = quic.open_uni().await?;
        // Neither fails but for a connection that is lost, which the reader then reports.
        let _ = stream.set_priority(channel.priority());
        let _ = stream.write_all(&[channel.tag()]).await;
        streams.push(stream);
    }
    Ok(streams)
}
