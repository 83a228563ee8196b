//! What nodes say to each other. Bytes of a peer become types here, and nowhere else.

mod hello;
mod message;
#[cfg(test)]
mod tests;

pub(crate) use hello::{Hello, PROTOCOL, Refusal};
pub(crate) use message::{Ask, ClaimNotice, Message, Place, PlaceError, Placed, Propose, Proposed, Told};

use alloc::vec::Vec;

use ordu_crdt::{Chunk, EncodedLen, Message as SyncMessage, Scope, WireOp};

use crate::Channel;
use crate::registers::{Key, Value};

/// The longest frame a node sends or accepts, in bytes.
pub const MAX_FRAME: usize = 64 * 1024;

impl Message {
    pub(crate) fn encode(&self) -> Vec<u8> {
        postcard::to_extend(self, Vec::with_capacity(self.likely_len()))
            .expect("messages are plain data, which postcard always encodes")
    }

    /// Few messages are longer than this, so that the bytes are allocated once.
    fn likely_len(&self) -> usize {
        const MOST: usize = 128;
        const ORIGINS: usize = 128;
        match self {
            Self::Sync(SyncMessage::Chunk(Chunk { ops, .. })) => {
                let len =
                    |op: &WireOp<Key, Value>| op.key.encoded_len() + op.value.as_ref().map_or(0, Value::len);
                ORIGINS + ops.iter().map(|op| 32 + len(op)).sum::<usize>()
            }
            _ => MOST,
        }
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        if bytes.len() > MAX_FRAME {
            return Err("frame longer than 64 KiB");
        }
        match postcard::take_from_bytes(bytes) {
            Ok((message, [])) => Ok(message),
            Ok(_) => Err("bytes left over after a message"),
            Err(_) => Err("not a message of this protocol"),
        }
    }

    /// Transfers of the map go beside everything else, so that they hold up no answer.
    pub(crate) fn channel(&self) -> Channel {
        match self {
            Self::Sync(SyncMessage::Chunk(Chunk { scope, .. })) if !matches!(scope, Scope::Own { .. }) => {
                Channel::Bulk
            }
            _ => Channel::Control,
        }
    }
}
