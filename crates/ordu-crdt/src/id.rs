//! Who wrote an operation, and which of its operations it was.

use core::fmt;

/// The identity of one replica: unique for ever, new at every boot.
///
/// A replica that starts again, even from its own disk, is another replica with another id. Re-using an id with
/// a lower sequence would give two operations one [`Dot`], which no merge can tell apart.
///
/// [`ReplicaId::at_boot`] keeps the boot time in the high bits, so ids sort by age and a replica that has
/// forgotten an id can still tell that it is an old one.
///
/// ```
/// use ordu_crdt::ReplicaId;
///
/// let id = ReplicaId::at_boot(1_700_000_000_000, 0xfeed);
/// assert_eq!(id.boot_ms(), 1_700_000_000_000);
/// assert!(id < ReplicaId::at_boot(1_700_000_000_001, 0));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplicaId(pub u128);

impl ReplicaId {
    const RANDOM_BITS: u32 = 80;

    /// The id of a replica booted at `wall_ms` (milliseconds since the Unix epoch, 48 bits are kept), made unique
    /// by the low 80 bits of `random`.
    pub const fn at_boot(wall_ms: u64, random: u128) -> Self {
        let boot = (wall_ms as u128) << Self::RANDOM_BITS;
        Self(boot | (random & ((1 << Self::RANDOM_BITS) - 1)))
    }

    /// The boot time kept in the id, in milliseconds since the Unix epoch.
    pub const fn boot_ms(self) -> u64 {
        // The shift leaves 48 bits.
        #[allow(clippy::cast_possible_truncation)]
        let boot = (self.0 >> Self::RANDOM_BITS) as u64;
        boot
    }
}

impl fmt::Display for ReplicaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for ReplicaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

/// One operation, a put or a remove: the `seq`-th of `origin`, counted from 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Dot {
    /// The replica that wrote the operation.
    pub origin: ReplicaId,
    /// Its position among the operations of that replica; the first is 1.
    pub seq: u64,
}

impl fmt::Debug for Dot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}:{}", self.origin, self.seq)
    }
}

/// Sixteen plain bytes on the wire (a random `u128` as a varint takes nineteen), hex digits for people.
#[cfg(feature = "serde")]
mod wire {
    use alloc::string::{String, ToString};

    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use super::ReplicaId;

    impl Serialize for ReplicaId {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            if serializer.is_human_readable() {
                serializer.serialize_str(&self.to_string())
            } else {
                self.0.to_be_bytes().serialize(serializer)
            }
        }
    }

    impl<'de> Deserialize<'de> for ReplicaId {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            if deserializer.is_human_readable() {
                let digits = String::deserialize(deserializer)?;
                u128::from_str_radix(&digits, 16)
                    .map(Self)
                    .map_err(D::Error::custom)
            } else {
                <[u8; 16]>::deserialize(deserializer).map(|bytes| Self(u128::from_be_bytes(bytes)))
            }
        }
    }
}
