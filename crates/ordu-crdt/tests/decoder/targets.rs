//! What is fuzzed: functions of bytes.
//!
//! In a plain `cargo test` they are given the corpus, and what once crashed them. `cargo bolero` drives them by
//! coverage, and `BOLERO_RANDOM_ITERATIONS` or `BOLERO_RANDOM_TEST_TIME_MS` has them given bytes at random.

use bolero::check;
use counting_allocator::peak_of;

use crate::scene::{SCENES, Sent};

/// What decoding may have at once for each byte: nothing in a message is smaller than two bytes on the wire or larger
/// than 128 in memory, and a growing list has its old and its new place at once.
const PER_BYTE: i64 = 192;

/// What a length that lies may reserve at once. Deserialisation reserves up to 1 MiB for a list it was told of, and
/// lists are nested three deep at most.
const FOR_LENGTHS: i64 = 4 << 20;

/// The messages at the beginning of these bytes, one after the other.
pub(crate) fn messages(bytes: &[u8]) -> Vec<Sent> {
    let mut rest = bytes;
    std::iter::from_fn(|| {
        let (message, left) = postcard::take_from_bytes(rest).ok()?;
        rest = left;
        Some(message)
    })
    .collect()
}

fn decoding_is_bounded_and_can_be_undone(bytes: &[u8]) {
    let (decoded, peak) = peak_of(|| postcard::take_from_bytes::<Sent>(bytes));
    let bound = FOR_LENGTHS + PER_BYTE * i64::try_from(bytes.len()).unwrap();
    assert!(peak <= bound, "{peak} bytes for a message of {}", bytes.len());
    if let Ok((message, rest)) = decoded {
        let encoded = postcard::to_allocvec(&message).unwrap();
        assert!(encoded.len() <= bytes.len() - rest.len());
        assert_eq!(postcard::from_bytes::<Sent>(&encoded).unwrap(), message);
    }
}

pub(crate) fn replicas_survive(bytes: &[u8]) {
    let lies = messages(bytes);
    if lies.is_empty() {
        return;
    }
    for scene in SCENES.iter() {
        scene.lie(lies.iter().cloned());
    }
}

#[test]
fn any_bytes_are_a_message_or_an_error() {
    check!(name = "messages")
        .with_iterations(0)
        .for_each(decoding_is_bounded_and_can_be_undone);
}

#[test]
fn any_bytes_are_survived_by_replicas_in_any_state() {
    check!(name = "messages")
        .with_iterations(0)
        .for_each(replicas_survive);
}
