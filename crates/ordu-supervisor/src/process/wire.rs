//! What an agent and its keeper say to each other: frames of a length and a postcard value.
//!
//! Both ends are the same executable file, so there are no versions to agree on.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::mark::Mark;
use super::{ProcessExit, Signal};

/// The longest frame: more than the kernel takes as arguments and environment of a program.
const MAX_FRAME: usize = 16 << 20;

/// What the agent asks.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Request {
    Spawn(Spawn),
    /// To the process group of the child.
    Signal {
        incarnation: u64,
        signal: Signal,
    },
    /// The child's stop signal, to its process group and, once its first process has ended, to the rest of it.
    Stop {
        incarnation: u64,
    },
    /// SIGKILL to the group and every descendant.
    Kill {
        incarnation: u64,
    },
    /// The time since boot at which everything is to end; `None` lifts it.
    Lease {
        until: Option<Duration>,
    },
    /// Answered by `Pong` at once: is the keeper there?
    Ping,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Spawn {
    pub(super) incarnation: u64,
    pub(super) command: Vec<Vec<u8>>,
    pub(super) env: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) cwd: Option<Vec<u8>>,
    pub(super) open_files: Option<u64>,
    pub(super) allow_new_privileges: bool,
    pub(super) stop_signal: Signal,
    pub(super) leftover_timeout: Duration,
    pub(super) mark: Mark,
    /// How many descriptors come with this frame: none, one for both outputs, or one for each.
    pub(super) outputs: u8,
}

/// What the keeper answers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Reply {
    Ready,
    Spawned {
        incarnation: u64,
        pid: u32,
        start_time: u64,
        in_control_group: bool,
    },
    Refused {
        incarnation: u64,
        refusal: Refusal,
    },
    Exited {
        incarnation: u64,
        exit: ProcessExit,
    },
    Pong,
}

/// Why a child did not start, with the operating system's error number.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Refusal {
    Program(i32),
    Directory(i32),
}

/// One frame, ready to send.
pub(super) fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    let body = postcard::to_allocvec(value).expect("plain values in memory always encode");
    let length = u32::try_from(body.len()).expect("a frame is far below 4 GiB");
    let mut frame = length.to_le_bytes().to_vec();
    frame.extend_from_slice(&body);
    frame
}

/// Cuts a stream of bytes into values.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    bytes: Vec<u8>,
    read: usize,
}

/// The other end sent what is not a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the bytes on the keeper's socket are no frame of this program")]
pub(super) struct Malformed;

impl Decoder {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.read > 0 {
            self.bytes.drain(..self.read);
            self.read = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// The next value, if all of it has arrived.
    pub(super) fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Malformed> {
        let rest = &self.bytes[self.read..];
        let Some((length, rest)) = rest.split_first_chunk::<4>() else {
            return Ok(None);
        };
        let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| Malformed)?;
        if length > MAX_FRAME {
            return Err(Malformed);
        }
        let Some(body) = rest.get(..length) else {
            return Ok(None);
        };
        let value = postcard::from_bytes(body).map_err(|_| Malformed)?;
        self.read += 4 + length;
        Ok(Some(value))
    }
}

/// Whether a frame of this size will be taken by the other end.
pub(super) fn fits(frame: &[u8]) -> bool {
    frame.len() <= MAX_FRAME
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_survive_any_cut_of_the_stream() {
        let sent = [
            Request::Lease {
                until: Some(Duration::from_millis(3)),
            },
            Request::Kill {
                incarnation: u64::MAX,
            },
            Request::Signal {
                incarnation: 0,
                signal: Signal::TERM,
            },
        ];
        let bytes: Vec<u8> = sent.iter().flat_map(encode).collect();

        for size in 1..bytes.len() {
            let mut decoder = Decoder::default();
            let mut got = Vec::new();
            for piece in bytes.chunks(size) {
                decoder.push(piece);
                while let Some(request) = decoder.next::<Request>().unwrap() {
                    got.push(request);
                }
            }
            assert_eq!(got, sent, "cut every {size} bytes");
        }
    }

    #[test]
    fn an_absurd_length_is_refused_before_anything_is_allocated() {
        let mut decoder = Decoder::default();
        decoder.push(&u32::MAX.to_le_bytes());

        assert_eq!(decoder.next::<Request>(), Err(Malformed));
    }
}
