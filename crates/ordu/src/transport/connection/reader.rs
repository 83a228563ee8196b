use std::sync::Arc;

use quinn::{Connection, ReadError, ReadExactError, RecvStream};

use super::link::Link;
use crate::transport::command::Channel;
use crate::transport::error::ClosedReason;
use crate::transport::event::Event;
use crate::transport::frame::{Decoder, OVERHEAD};
use crate::transport::shared::{Room, Shared};

/// The most taken out of a stream at once, in bytes.
const CHUNK: usize = 64 * 1024;

/// Why a stream of the peer could not be made out.
#[derive(Debug, thiserror::Error)]
pub(in crate::transport) enum OpenError {
    #[error("connection lost")]
    Lost,
    #[error("stream ended before it began")]
    Empty,
    #[error("expected a stream of channel 1 or 2, got one of {tag}")]
    Tag { tag: u8 },
}

/// Waits for the peer's first stream, the proof that it accepted this side's certificate: TLS lets the
/// client finish before the server has judged it.
pub(in crate::transport) async fn first_stream(
    quic: &Connection,
) -> Result<(Channel, RecvStream), OpenError> {
    let mut stream = quic.accept_uni().await.map_err(|_| OpenError::Lost)?;
    let channel = channel_of(&mut stream).await?;
    Ok((channel, stream))
}

async fn channel_of(stream: &mut RecvStream) -> Result<Channel, OpenError> {
    let mut tag = [0];
    stream.read_exact(&mut tag).await.map_err(|error| match error {
        ReadExactError::ReadError(ReadError::ConnectionLost(_)) => OpenError::Lost,
        ReadExactError::ReadError(_) | ReadExactError::FinishedEarly(_) => OpenError::Empty,
    })?;
    Channel::from_tag(tag[0]).ok_or(OpenError::Tag { tag: tag[0] })
}

/// Passes on the frames of one stream of the peer. Returns whether it came to its proper end; if not, the
/// connection is closed or lost.
pub(super) async fn read_stream(
    shared: Arc<Shared>,
    link: Arc<Link>,
    channel: Option<Channel>,
    mut stream: RecvStream,
) -> bool {
    let channel = match channel {
        Some(channel) => Ok(channel),
        None => channel_of(&mut stream).await,
    };
    let end = match channel {
        Ok(channel) if link.claim(channel) => read_frames(&shared, &link, channel, &mut stream).await,
        Ok(channel) => Err(End::Protocol(format!("a second stream of channel {channel:?}"))),
        Err(OpenError::Lost) => Err(End::Lost),
        Err(error) => Err(End::Protocol(error.to_string())),
    };
    if let Err(End::Protocol(what)) = &end {
        link.close(ClosedReason::Protocol(what.clone()));
    }
    end.is_ok()
}

enum End {
    Lost,
    Protocol(String),
}

async fn read_frames(
    shared: &Shared,
    link: &Link,
    channel: Channel,
    stream: &mut RecvStream,
) -> Result<(), End> {
    let mut decoder = Decoder::default();
    loop {
        let chunk = match stream.read_chunk(CHUNK, true).await {
            Ok(Some(chunk)) => chunk,
            Ok(None) if decoder.is_between_frames() => return Ok(()),
            Ok(None) => return Err(End::Protocol("a stream ended inside a frame".to_owned())),
            Err(ReadError::Reset(_)) => return Err(End::Protocol("a stream was reset".to_owned())),
            Err(_) => return Err(End::Lost),
        };
        let mut bytes = chunk.bytes;
        while !bytes.is_empty() {
            match decoder.next_frame(&mut bytes) {
                Ok(Some(frame)) => pass_on(shared, link, channel, frame).await?,
                Ok(None) => {}
                Err(error) => return Err(End::Protocol(error.to_string())),
            }
        }
    }
}

/// Waits until the loop has taken enough of what came before; meanwhile QUIC holds the peer back.
async fn pass_on(shared: &Shared, link: &Link, channel: Channel, bytes: Vec<u8>) -> Result<(), End> {
    let cost = u32::try_from(bytes.len() + OVERHEAD).map_err(|_| End::Lost)?;
    // Its own first: a connection that waits for that must not hold up the others.
    let own = Arc::clone(&link.frame_room).acquire_many_owned(cost);
    let own = own.await.map_err(|_| End::Lost)?;
    let all = Arc::clone(&shared.frame_room).acquire_many_owned(cost);
    let all = all.await.map_err(|_| End::Lost)?;
    shared.tell_in_order(
        Event::Received {
            conn: link.id,
            channel,
            bytes,
        },
        Some(Room { _own: own, _all: all }),
    );
    Ok(())
}
