use std::sync::Arc;
use std::time::Duration;

use quinn::{RecvStream, SendStream};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::datagrams::read_datagrams;
use super::link::Link;
use super::reader::read_stream;
use super::writer::write_frames;
use crate::transport::command::Channel;
use crate::transport::error::ClosedReason;
use crate::transport::event::Event;
use crate::transport::shared::Shared;

/// Tends a connection from its opening to `Closed`, which it tells exactly once, after all frames.
pub(super) async fn run(
    shared: Arc<Shared>,
    link: Arc<Link>,
    outbound: Vec<(SendStream, UnboundedReceiver<Vec<u8>>)>,
    first: Option<(Channel, RecvStream)>,
) {
    let mut writers = JoinSet::new();
    for (stream, queue) in outbound {
        writers.spawn(write_frames(Arc::clone(&link), queue, stream));
    }
    let mut readers = JoinSet::new();
    if let Some((channel, stream)) = first {
        readers.spawn(read_stream(
            Arc::clone(&shared),
            Arc::clone(&link),
            Some(channel),
            stream,
        ));
    }
    let datagrams = tokio::spawn(read_datagrams(Arc::clone(&shared), Arc::clone(&link)));

    until_closed(&shared, &link, &mut readers, &mut writers).await;
    // What came in before the end is still passed on; what was to go out is lost.
    while readers.join_next().await.is_some() {}
    datagrams.abort();
    shared.tell_in_order(
        Event::Closed {
            conn: link.id,
            reason: link.closed_reason(),
        },
        None,
    );
}

/// Returns once the connection is closed, by whomever.
///
/// The graceful end: the side that begins ends its streams; the other reads them to their end, then ends its
/// own; the first reads those to their end, and closes. So neither closes before both have read everything.
async fn until_closed(
    shared: &Arc<Shared>,
    link: &Arc<Link>,
    readers: &mut JoinSet<bool>,
    writers: &mut JoinSet<()>,
) {
    let mut stop = link.sending_stops();
    let mut accepted = readers.len();
    let mut ended = 0;
    let graceful_close = shared.limits.graceful_close;
    let deadline = async move {
        let _ = stop.wait_for(|stop| *stop).await;
        sleep(graceful_close).await;
    };
    tokio::pin!(deadline);
    loop {
        let all_read = ended == Channel::ALL.len();
        if all_read
            && writers.is_empty()
            && let Some(reason) = link.end_reason()
        {
            link.close(ClosedReason::Local(reason.to_owned()));
        }
        tokio::select! {
            _ = link.quic.closed() => return,
            Ok(stream) = link.quic.accept_uni(), if accepted < Channel::ALL.len() => {
                accepted += 1;
                readers.spawn(read_stream(Arc::clone(shared), Arc::clone(link), None, stream));
            }
            Some(end) = readers.join_next() => {
                ended += usize::from(matches!(end, Ok(true)));
                if ended == Channel::ALL.len() {
                    link.stop_sending();
                }
            }
            Some(_) = writers.join_next() => {}
            () = &mut deadline => {
                link.close(ClosedReason::Local(timed_out(link, graceful_close)));
                return;
            }
        }
    }
}

fn timed_out(link: &Link, after: Duration) -> String {
    let reason = link.end_reason().unwrap_or("ended by the peer");
    format!("{reason} (streams not read to their end within {after:?})")
}
