use alloc::collections::BTreeMap;

use crate::NodeId;

/// Whose messages may still be of the time in which this node stood still (S4.5).
///
/// Messages of a peer come in the order in which they were sent: what comes before the answer to a question asked since
/// may be as old as the standstill.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    /// The question that each of them has not answered yet.
    asked: BTreeMap<NodeId, u64>,
}

impl Backlog {
    /// A peer was asked `nonce` after this node went on.
    pub(crate) fn ask(&mut self, peer: NodeId, nonce: u64) {
        self.asked.insert(peer, nonce);
    }

    /// A peer answered a question.
    pub(crate) fn answered(&mut self, peer: NodeId, nonce: u64) {
        if self.asked.get(&peer) == Some(&nonce) {
            self.asked.remove(&peer);
        }
    }

    /// Whether what a peer says now may be of before.
    pub(crate) fn may_hold(&self, peer: NodeId) -> bool {
        self.asked.contains_key(&peer)
    }

    /// Forgets peers that are gone from the roster.
    pub(crate) fn retain(&mut self, is_known: impl Fn(NodeId) -> bool) {
        self.asked.retain(|peer, _| is_known(*peer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: NodeId = NodeId(7);

    #[test]
    fn a_peer_is_heard_of_before_until_it_answers_what_was_asked_last() {
        let mut backlog = Backlog::default();
        assert!(!backlog.may_hold(PEER));
        backlog.ask(PEER, 1);
        backlog.ask(PEER, 2);
        backlog.answered(PEER, 1);
        assert!(backlog.may_hold(PEER));
        backlog.answered(PEER, 2);
        assert!(!backlog.may_hold(PEER));
    }
}
