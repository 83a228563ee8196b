//! The hash of rendezvous placement (Thaler and Ravishankar, *A Name-Based Mapping Scheme for Rendezvous*,
//! 1996): each node scores each id, the highest score wins, and a node that comes or goes moves only the ids
//! it wins or won.
//!
//! Every node of a cluster must compute the same scores, whatever its version or platform: so the hash is
//! fixed here, in integers, and the test vectors below are part of the wire contract.

use crate::registers::ChildKey;
use crate::{ChildId, HordeName, NodeName};

/// How much a node of this name wants this child. Higher wins.
pub(crate) fn score(node: &NodeName, child: &ChildKey) -> u64 {
    mix(child.hash() ^ fnv1a(OFFSET, node.as_str()))
}

/// The hash of a child, which its key carries.
pub(crate) fn hash(horde: &HordeName, id: &ChildId) -> u64 {
    mix(fnv1a(fnv1a(fnv1a(OFFSET, horde.as_str()), "\0"), id.as_str()))
}

const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a, 64 bit.
fn fnv1a(state: u64, text: &str) -> u64 {
    text.bytes().fold(state, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The finaliser of `SplitMix64` (Steele, Lea and Flood, *Fast Splittable Pseudorandom Number Generators*,
/// 2014): FNV alone leaves the high bits of short names poorly mixed.
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str) -> ChildKey {
        ChildKey::new(HordeName::new("default").unwrap(), ChildId::new(id).unwrap())
    }

    #[test]
    fn the_published_test_vectors_hold() {
        let vectors = [
            ("a", "web", 0xde25_f43d_cc28_95c5_u64),
            ("b", "web", 0x4e7e_b4dc_ff97_eb91_u64),
            ("node-1", "room/lobby", 0x71fb_4219_9f2d_0cc4_u64),
        ];
        for (node, id, expected) in vectors {
            assert_eq!(
                score(&NodeName::new(node).unwrap(), &key(id)),
                expected,
                "{node} {id}"
            );
        }
    }

    #[test]
    fn every_node_wins_its_share_of_ids() {
        let nodes: alloc::vec::Vec<_> = (0..5)
            .map(|n| NodeName::new(alloc::format!("n{n}")).unwrap())
            .collect();
        let mut won = [0_u32; 5];
        for id in 0..10_000 {
            let child = key(&alloc::format!("child-{id}"));
            let winner = (0..5).max_by_key(|n| score(&nodes[*n], &child)).unwrap();
            won[winner] += 1;
        }
        assert!(won.iter().all(|n| (1_850..2_150).contains(n)), "{won:?}");
    }
}
