use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use crate::{NodeId, Time};

/// Whose messages may still be of the time in which this node stood still (S4.5).
///
/// Messages of a peer come in the order in which they were sent: what comes before the answer to a question asked since
/// may be as old as the standstill.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    /// The question that each of them has not answered yet.
    asked: BTreeMap<NodeId, Question>,
}

#[derive(Debug)]
struct Question {
    nonce: u64,
    /// When it is asked again: it, or its answer, may have gone down with a connection.
    again: Time,
}

impl Backlog {
    /// A peer was asked `nonce` after this node went on; unless it answers it is asked again then.
    pub(crate) fn ask(&mut self, peer: NodeId, nonce: u64, again: Time) {
        self.asked.insert(peer, Question { nonce, again });
    }

    /// The questions that are to be asked again now, of those who can be asked, and after `period` once more.
    pub(crate) fn due(
        &mut self,
        now: Time,
        period: Duration,
        can_be_asked: impl Fn(NodeId) -> bool,
    ) -> Vec<(NodeId, u64)> {
        let open = self.asked.iter_mut();
        let due = open.filter(|(peer, question)| question.again <= now && can_be_asked(**peer));
        due.map(|(peer, question)| {
            question.again = now + period;
            (*peer, question.nonce)
        })
        .collect()
    }

    pub(crate) fn next_deadline(&self, can_be_asked: impl Fn(NodeId) -> bool) -> Option<Time> {
        let open = self.asked.iter().filter(|(peer, _)| can_be_asked(**peer));
        open.map(|(_, question)| question.again).min()
    }

    /// A peer answered a question.
    pub(crate) fn answered(&mut self, peer: NodeId, nonce: u64) {
        if self
            .asked
            .get(&peer)
            .is_some_and(|question| question.nonce == nonce)
        {
            self.asked.remove(&peer);
        }
    }

    /// Whether what a peer says now may be of before.
    pub(crate) fn may_hold(&self, peer: NodeId) -> bool {
        self.asked.contains_key(&peer)
    }

    /// What a peer was asked and has not answered yet.
    pub(crate) fn question_to(&self, peer: NodeId) -> Option<u64> {
        self.asked.get(&peer).map(|question| question.nonce)
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
        backlog.ask(PEER, 1, Time(0));
        backlog.ask(PEER, 2, Time(0));
        backlog.answered(PEER, 1);
        assert!(backlog.may_hold(PEER));
        backlog.answered(PEER, 2);
        assert!(!backlog.may_hold(PEER));
    }
    #[test]
    fn a_question_that_is_not_answered_is_asked_again_once_the_peer_can_be() {
        let period = Duration::from_micros(10);
        let mut backlog = Backlog::default();
        backlog.ask(PEER, 1, Time(10));
        assert_eq!(backlog.next_deadline(|_| true), Some(Time(10)));
        assert_eq!(backlog.next_deadline(|_| false), None);
        assert!(backlog.due(Time(9), period, |_| true).is_empty());
        assert!(backlog.due(Time(12), period, |_| false).is_empty());
        assert_eq!(backlog.due(Time(12), period, |_| true), [(PEER, 1)]);
        assert_eq!(backlog.next_deadline(|_| true), Some(Time(22)));
        backlog.answered(PEER, 1);
        assert_eq!(backlog.next_deadline(|_| true), None);
    }
}
