//! A fixed hash: digests are compared between builds and machines.

use alloc::vec::Vec;

use crate::{Node, Output};

/// A running digest of bytes: eight at a time, mixed with the finaliser of `SplitMix64`. It finds differences;
/// it does not keep anybody from making two texts of one digest.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Digest(u64);

impl Digest {
    pub(super) fn add(&mut self, bytes: &[u8]) {
        let (words, tail) = bytes.as_chunks::<8>();
        for word in words {
            self.word(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last[..tail.len()].copy_from_slice(tail);
        self.word(u64::from_le_bytes(last));
        self.word(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    }

    fn word(&mut self, word: u64) {
        let x = (self.0 ^ word).wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        self.0 = x ^ (x >> 31);
    }

    pub(super) fn value(self) -> u64 {
        self.0
    }
}

/// The digest of what a node puts out in answer to one input, in its order.
///
/// Costs an encoding of each output: about a nanosecond for each of its bytes.
#[derive(Clone, Debug, Default)]
pub struct OutputsDigest {
    digest: Digest,
    count: u32,
    scratch: Vec<u8>,
}

impl OutputsDigest {
    /// Takes in the next output.
    pub fn add(&mut self, output: &Output) {
        self.scratch.clear();
        self.scratch = super::frame::encoded(output, core::mem::take(&mut self.scratch));
        self.digest.add(&self.scratch);
        self.count = self.count.saturating_add(1);
    }

    /// How many there were, and their digest. The next one begins anew.
    pub fn take(&mut self) -> (u32, u64) {
        let taken = (self.count, self.digest.value());
        (self.count, self.digest) = (0, Digest::default());
        taken
    }
}

/// The digest of all that a node knows: of the text that `{:?}` makes of it.
///
/// Costs that text: some milliseconds and megabytes for a thousand children.
pub fn state_digest(node: &Node) -> u64 {
    let mut digest = Digest::default();
    digest.add(alloc::format!("{node:?}").as_bytes());
    digest.value()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(parts: &[&[u8]]) -> u64 {
        let mut digest = Digest::default();
        for part in parts {
            digest.add(part);
        }
        digest.value()
    }

    #[test]
    fn a_digest_is_the_same_in_every_build() {
        assert_eq!(digest(&[]), 0);
        assert_eq!(digest(&[b""]), 0xa706_dd2f_4d19_7e6f);
        assert_eq!(digest(&[b"ordu"]), 0x4d9c_2bae_fe55_d6c1);
        assert_eq!(digest(&[b"twelve bytes"]), 0x0346_50ff_bef8_2367);
    }

    #[test]
    fn a_digest_tells_apart_order_length_and_where_parts_end() {
        let all = [
            digest(&[b"ab", b"c"]),
            digest(&[b"a", b"bc"]),
            digest(&[b"c", b"ab"]),
            digest(&[b"ab", b"c", b""]),
            digest(&[b"ab\0", b"c"]),
        ];
        let different: alloc::collections::BTreeSet<u64> = all.into_iter().collect();
        assert_eq!(different.len(), all.len());
    }
}
