use core::fmt;

use crate::wire::Message;
use crate::{Input, Output};

/// Shows an input or an output to people, one line each: what peers said is decoded, bytes that say nothing
/// are counted.
#[derive(Clone, Copy, Debug)]
pub struct Described<'a, T>(pub &'a T);

impl fmt::Display for Described<'_, Input> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Input::Datagram { conn, bytes } => write!(f, "Datagram on {}: {} bytes", conn.0, bytes.len()),
            Input::Received { conn, channel, bytes } => {
                write!(f, "Received on {} {channel:?}: ", conn.0)?;
                message(f, bytes)
            }
            other => write!(f, "{other:?}"),
        }
    }
}

impl fmt::Display for Described<'_, Output> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Output::Datagram { conn, bytes } => write!(f, "Datagram on {}: {} bytes", conn.0, bytes.len()),
            Output::Send { conn, channel, bytes } => {
                write!(f, "Send on {} {channel:?}: ", conn.0)?;
                message(f, bytes)
            }
            other => write!(f, "{other:?}"),
        }
    }
}

fn message(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    match Message::decode(bytes) {
        Ok(message) => write!(f, "{message:?}"),
        Err(error) => write!(f, "{} bytes ({error})", bytes.len()),
    }
}
