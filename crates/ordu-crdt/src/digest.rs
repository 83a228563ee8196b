//! The hash behind vector digests and state fingerprints.
//!
//! Two replicas compare these over the wire, so the function is fixed here and depends on no library version and
//! no platform. It is not keyed: peers are authenticated, and a collision costs a late repair, not safety.

use crate::ReplicaId;

/// Mixes 64 bits so that each input bit flips each output bit with even odds (Stafford's variant 13, as used by
/// `SplitMix64`).
pub(crate) const fn mix(mut word: u64) -> u64 {
    word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// What stands for a replica in a hash; computed once for each interned replica.
#[allow(clippy::cast_possible_truncation)] // Both halves are used.
pub(crate) const fn salt(id: ReplicaId) -> u64 {
    mix(mix((id.0 >> 64) as u64) ^ id.0 as u64)
}

/// The hash of one numbered thing of the replica with this salt.
pub(crate) const fn entry(salt: u64, seq: u64) -> u64 {
    mix(salt ^ mix(seq))
}

/// What stands in the digest of a vector for an origin that is covered up to `seq`; nothing for one that is not.
pub(crate) const fn covered(id: ReplicaId, seq: u64) -> u128 {
    covered_by(salt(id), seq)
}

/// [`covered`] of the replica with this salt.
pub(crate) const fn covered_by(salt: u64, seq: u64) -> u128 {
    if seq == 0 {
        return 0;
    }
    let high = entry(salt, seq);
    let low = mix(high ^ seq.rotate_left(32));
    (high as u128) << 64 | low as u128
}
