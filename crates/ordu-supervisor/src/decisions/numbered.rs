//! Maps whose keys are numbers that were given out one after the other.

use core::hash::{BuildHasher, Hasher};

use hashbrown::HashMap;

/// A map by numbers that were given out here, one after the other: neighbours lie beside each other, so those that are
/// in use lately are in the processor's cache. Hardly fit for numbers that somebody else may choose.
pub(crate) type Numbered<K, V> = HashMap<K, V, ByNumber>;

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ByNumber;

impl BuildHasher for ByNumber {
    type Hasher = NumberHasher;

    fn build_hasher(&self) -> NumberHasher {
        NumberHasher(0)
    }
}

/// The low bits say where in the map an entry belongs, the highest tell those at one place apart.
pub(crate) struct NumberHasher(u64);

impl NumberHasher {
    const HIGHEST: u64 = 0xff << 56;
    /// 2^64 divided by the golden ratio: spreads what follows each other.
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
}

impl Hasher for NumberHasher {
    fn write_u64(&mut self, number: u64) {
        self.0 ^= number ^ (number.wrapping_mul(Self::SPREAD) & Self::HIGHEST);
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(self.0.rotate_left(8) ^ u64::from(*byte));
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decisions::Incarnation;

    #[test]
    fn neighbours_lie_beside_each_other_and_are_told_apart() {
        let hash = |number: u64| ByNumber.hash_one(Incarnation::new(number));
        for number in 1..10_000 {
            let (this, next) = (hash(number), hash(number + 1));
            assert_eq!((next & 0xffff) - (this & 0xffff), 1);
            assert_ne!(this >> 57, next >> 57);
        }
    }
}
