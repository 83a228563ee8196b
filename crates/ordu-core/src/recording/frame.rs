//! Frames: a length, a check, a payload.

use alloc::vec::Vec;

use serde::{Serialize, de::DeserializeOwned};

use super::ReadError;
use super::digest::Digest;

/// Length and check.
const HEAD: usize = 8;

/// No payload is longer: what a node is handed at once is a frame of the wire or a request, both much smaller.
const LONGEST: usize = 16 * 1024 * 1024;

/// Appends the encoding of `value` to `buffer`.
pub(super) fn encoded(value: &impl Serialize, buffer: Vec<u8>) -> Vec<u8> {
    postcard::to_extend(value, buffer).expect("plain data, which postcard always encodes")
}

/// Appends a frame.
pub(super) fn append(value: &impl Serialize, mut buffer: Vec<u8>) -> Vec<u8> {
    let start = buffer.len();
    buffer.extend([0; HEAD]);
    let mut buffer = encoded(value, buffer);
    let payload = start + HEAD;
    let len = u32::try_from(buffer.len() - payload).unwrap_or(u32::MAX);
    let check = check(&buffer[payload..]);
    buffer[start..start + 4].copy_from_slice(&len.to_le_bytes());
    buffer[start + 4..payload].copy_from_slice(&check.to_le_bytes());
    buffer
}

/// What lies at the beginning of some bytes.
#[derive(Debug)]
pub(super) enum Found<'a, T> {
    /// Nothing is left.
    Nothing,
    /// The beginning of a frame.
    Part,
    /// A frame, and what comes after it.
    Whole(T, &'a [u8]),
}

/// Reads the frame at the beginning; `offset` is where that is in the file, for errors.
pub(super) fn read<T: DeserializeOwned>(bytes: &[u8], offset: u64) -> Result<Found<'_, T>, ReadError> {
    if bytes.is_empty() {
        return Ok(Found::Nothing);
    }
    let Some((head, rest)) = bytes.split_first_chunk::<HEAD>() else {
        return Ok(Found::Part);
    };
    // Length below, check above.
    let head = u64::from_le_bytes(*head);
    let len = usize::try_from(head & u64::from(u32::MAX)).unwrap_or(usize::MAX);
    if len > LONGEST {
        return Err(ReadError::Damaged { offset });
    }
    let Some((payload, rest)) = rest.split_at_checked(len) else {
        return Ok(Found::Part);
    };
    if u64::from(check(payload)) != head >> 32 {
        return Err(ReadError::Damaged { offset });
    }
    match postcard::take_from_bytes(payload) {
        Ok((value, [])) => Ok(Found::Whole(value, rest)),
        _ => Err(ReadError::Unknown { offset }),
    }
}

fn check(payload: &[u8]) -> u32 {
    let mut digest = Digest::default();
    digest.add(payload);
    let [a, b, c, d, ..] = digest.value().to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}
