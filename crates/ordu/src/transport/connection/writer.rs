use std::sync::Arc;

use quinn::SendStream;
use tokio::sync::mpsc::UnboundedReceiver;

use super::link::Link;
use crate::transport::frame::{self, OVERHEAD};

/// Frames taken from the queue at once.
const BATCH: usize = 256;

/// Sends queued frames until it is told to stop; then sends what is left, ends the stream and waits until
/// the peer's QUIC has all of it. Returns early when the connection is lost.
pub(super) async fn write_frames(
    link: Arc<Link>,
    mut queue: UnboundedReceiver<Vec<u8>>,
    mut stream: SendStream,
) {
    let mut stop = link.sending_stops();
    let mut stopping = false;
    let mut batch = Vec::new();
    let mut chunks = Vec::new();
    loop {
        tokio::select! {
            biased;
            taken = queue.recv_many(&mut batch, BATCH) => if taken == 0 { break },
            _ = stop.wait_for(|stop| *stop), if !stopping => {
                queue.close();
                stopping = true;
                continue;
            }
        }
        let cost: usize = batch.iter().map(|frame| frame.len() + OVERHEAD).sum();
        frame::encode(&mut batch, &mut chunks);
        if stream.write_all_chunks(&mut chunks).await.is_err() {
            return;
        }
        chunks.clear();
        link.unqueue(cost);
    }
    // Both fail only on a connection that is lost.
    let _ = stream.finish();
    let _ = stream.stopped().await;
}
