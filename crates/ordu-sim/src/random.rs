use std::time::Duration;

use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// How often something happens, in millionths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate(pub u32);

impl Rate {
    /// Never.
    pub const NEVER: Self = Self(0);
    /// Always.
    pub const ALWAYS: Self = Self(1_000_000);

    /// So many in a hundred.
    pub const fn percent(percent: u32) -> Self {
        Self(percent * 10_000)
    }

    /// So many in a thousand.
    pub const fn per_mille(per_mille: u32) -> Self {
        Self(per_mille * 1_000)
    }
}

/// One stream of random numbers.
///
/// Each concern draws from a stream of its own, so that one more draw by the network does not change what
/// the children do: seeds stay comparable while the simulator grows.
#[derive(Clone, Debug)]
pub struct Random(Pcg64Mcg);

impl Random {
    /// The stream of this name under `seed`.
    pub fn new(seed: u64, stream: &str) -> Self {
        let mut mixed = 0xcbf2_9ce4_8422_2325_u64;
        for byte in stream.bytes() {
            mixed = (mixed ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        Self(Pcg64Mcg::seed_from_u64(
            seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ mixed,
        ))
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `bound`; 0 if `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(self.0.next_u64()) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    /// An index into something of `len` elements.
    pub fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(u64::try_from(len).unwrap_or(u64::MAX))).unwrap_or(0)
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// Whether something of this rate happens now.
    pub fn chance(&mut self, rate: Rate) -> bool {
        rate.0 > 0 && self.below(1_000_000) < u64::from(rate.0)
    }

    /// One of several; `None` of none.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        of.get(self.index(of.len()))
    }

    /// A length of time between two, every one as likely.
    pub fn duration(&mut self, low: Duration, high: Duration) -> Duration {
        Duration::from_micros(self.between(micros(low), micros(high)))
    }

    /// A length of time between two, every order of magnitude as likely.
    pub fn magnitude(&mut self, low: Duration, high: Duration) -> Duration {
        let low = micros(low).max(1);
        let mut top = micros(high).max(low);
        let halvings = (top / low).checked_ilog2().unwrap_or(0);
        top >>= self.below(u64::from(halvings) + 1);
        Duration::from_micros(self.between((top / 2).max(low), top.max(low)))
    }

    /// Puts a list in random order.
    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for end in (1..list.len()).rev() {
            list.swap(end, self.index(end + 1));
        }
    }
}

pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_of_one_seed_differ_and_repeat() {
        let draw = |stream| Random::new(7, stream).number();
        assert_eq!(draw("network"), draw("network"));
        assert_ne!(draw("network"), draw("children"));
    }

    #[test]
    fn a_magnitude_stays_within_its_bounds() {
        let mut random = Random::new(1, "test");
        let (low, high) = (Duration::from_millis(20), Duration::from_secs(30));
        for _ in 0..10_000 {
            let length = random.magnitude(low, high);
            assert!(length >= low && length <= high, "{length:?}");
        }
    }
}
