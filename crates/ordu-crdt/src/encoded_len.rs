//! How large a key or value becomes in a frame.

use alloc::{boxed::Box, string::String, sync::Arc, vec::Vec};

/// An upper bound of the bytes a key or value takes once a [`Message`](crate::Message) is encoded.
///
/// Frames are cut by it, so it must not be too low by more than a few bytes; too high only makes frames shorter.
/// The implementations here are right for encodings with lengths of up to five bytes, such as postcard.
pub trait EncodedLen {
    /// The bound, in bytes. Called once for each operation that is written or sent.
    fn encoded_len(&self) -> usize;
}

const LENGTH_PREFIX: usize = 5;

macro_rules! fixed {
    ($($number:ty: $bytes:expr),*) => {
        $(impl EncodedLen for $number {
            fn encoded_len(&self) -> usize {
                $bytes
            }
        })*
    };
}
// Variable-length integers: seven bits a byte.
fixed!((): 0, bool: 1, u8: 1, i8: 1, u16: 3, i16: 3, u32: 5, i32: 5, u64: 10, i64: 10, u128: 19, i128: 19);

macro_rules! sized_by_len {
    ($($bytes:ty),*) => {
        $(impl EncodedLen for $bytes {
            fn encoded_len(&self) -> usize {
                self.len() + LENGTH_PREFIX
            }
        })*
    };
}
sized_by_len!(
    str,
    String,
    Box<str>,
    Arc<str>,
    [u8],
    Vec<u8>,
    Box<[u8]>,
    Arc<[u8]>
);

impl<const N: usize> EncodedLen for [u8; N] {
    fn encoded_len(&self) -> usize {
        N
    }
}

impl<T: EncodedLen + ?Sized> EncodedLen for &T {
    fn encoded_len(&self) -> usize {
        (**self).encoded_len()
    }
}

impl<A: EncodedLen, B: EncodedLen> EncodedLen for (A, B) {
    fn encoded_len(&self) -> usize {
        self.0.encoded_len() + self.1.encoded_len()
    }
}
