use alloc::collections::BTreeMap;
use core::time::Duration;

use crate::{NodeId, ProbeId, ProbeOutcome, Time};

/// Proofs that a process is dead (S6.3).
///
/// When a process is killed its kernel closes the lifeline at once. That alone is a hint (middleboxes reset
/// connections too); the address that refuses connections while the peer leaves a ping unanswered is
/// evidence; evidence of two observers, or of one where there are only two members, is proof.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    checks: BTreeMap<NodeId, Check>,
    observers: BTreeMap<NodeId, BTreeMap<NodeId, Time>>,
}

/// A question under way: does the peer still answer?
#[derive(Debug)]
struct Check {
    probe: ProbeId,
    deadline: Time,
    outcome: Option<ProbeOutcome>,
    tries: u32,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// Refused and unanswered.
    Dead(NodeId),
    /// Unanswered, but not refused. If somebody `listens` at the address it may be another node, or a process
    /// whose kernel has not closed everything yet.
    Unproven { peer: NodeId, tries: u32, listens: bool },
}

impl Evidence {
    /// A peer has at least this long to answer a ping.
    const PATIENCE: Duration = Duration::from_millis(20);
    /// What one observer saw counts for this long.
    const KEEP: Duration = Duration::from_secs(2);

    /// A check that proves nothing is repeated this often.
    pub(crate) const TRIES: u32 = 10;

    /// Starts a check, unless one is under way; gives whether it did. The caller pings the peer and probes its address.
    pub(crate) fn check(
        &mut self,
        peer: NodeId,
        patience: Duration,
        tries: u32,
        probe: ProbeId,
        now: Time,
    ) -> bool {
        if self.checks.contains_key(&peer) {
            return false;
        }
        let deadline = now + Self::PATIENCE.max(patience);
        self.checks.insert(
            peer,
            Check {
                probe,
                deadline,
                outcome: None,
                tries,
            },
        );
        true
    }

    /// The peer answered: it lives.
    pub(crate) fn answered(&mut self, peer: NodeId) {
        self.checks.remove(&peer);
        self.observers.remove(&peer);
    }

    pub(crate) fn probed(&mut self, probe: ProbeId, outcome: ProbeOutcome) {
        if let Some(check) = self.checks.values_mut().find(|check| check.probe == probe) {
            check.outcome = Some(outcome);
        }
    }

    /// The next check that has an outcome and whose time to answer is over.
    pub(crate) fn poll(&mut self, now: Time) -> Option<Finding> {
        let (peer, check) = self
            .checks
            .iter()
            .find(|(_, check)| check.deadline <= now && check.outcome.is_some())?;
        let (peer, outcome, tries) = (*peer, check.outcome, check.tries);
        self.checks.remove(&peer);
        Some(match outcome {
            Some(ProbeOutcome::Refused) => Finding::Dead(peer),
            other => Finding::Unproven {
                peer,
                tries,
                listens: other == Some(ProbeOutcome::Accepted),
            },
        })
    }

    /// This node comes too late: an answer may lie before it that it has not read.
    pub(crate) fn renew(&mut self, now: Time) {
        for check in self.checks.values_mut() {
            check.deadline = check.deadline.max(now + Self::PATIENCE);
        }
    }

    /// An observer found a peer dead. Gives how many have by now.
    pub(crate) fn observe(&mut self, peer: NodeId, observer: NodeId, now: Time) -> usize {
        let observers = self.observers.entry(peer).or_default();
        observers.retain(|_, seen| now.since(*seen) < Self::KEEP);
        observers.insert(observer, now);
        observers.len()
    }

    /// Forgets peers that are gone from the roster.
    pub(crate) fn retain(&mut self, is_known: impl Fn(NodeId) -> bool) {
        self.checks.retain(|peer, _| is_known(*peer));
        self.observers.retain(|peer, _| is_known(*peer));
    }

    pub(crate) fn next_deadline(&self) -> Option<Time> {
        self.checks
            .values()
            .filter(|check| check.outcome.is_some())
            .map(|check| check.deadline)
            .min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: NodeId = NodeId(7);

    fn checked(outcome: ProbeOutcome) -> Evidence {
        let mut evidence = Evidence::default();
        assert!(evidence.check(PEER, Duration::from_millis(1), 1, ProbeId(1), Time(0)));
        evidence.probed(ProbeId(1), outcome);
        evidence
    }

    #[test]
    fn an_answer_that_lies_before_a_node_which_comes_late_is_waited_for() {
        let mut evidence = checked(ProbeOutcome::Refused);
        evidence.renew(Time(300_000));
        assert_eq!(evidence.poll(Time(300_000)), None);
        assert_eq!(evidence.poll(Time(320_000)), Some(Finding::Dead(PEER)));
    }

    #[test]
    fn refused_and_unanswered_for_twenty_milliseconds_is_evidence() {
        let mut evidence = checked(ProbeOutcome::Refused);
        assert_eq!(evidence.poll(Time(19_999)), None);
        assert_eq!(evidence.poll(Time(20_000)), Some(Finding::Dead(PEER)));
    }

    #[test]
    fn a_peer_that_answers_is_alive_whatever_its_address_says() {
        let mut evidence = checked(ProbeOutcome::Refused);
        evidence.answered(PEER);
        assert_eq!(evidence.poll(Time(1_000_000)), None);
    }

    #[test]
    fn an_address_that_is_silent_or_listens_proves_nothing() {
        for (outcome, listens) in [(ProbeOutcome::Silent, false), (ProbeOutcome::Accepted, true)] {
            let unproven = Finding::Unproven {
                peer: PEER,
                tries: 1,
                listens,
            };
            assert_eq!(checked(outcome).poll(Time(20_000)), Some(unproven));
        }
    }

    #[test]
    fn what_an_observer_saw_long_ago_does_not_count() {
        let mut evidence = Evidence::default();
        assert_eq!(evidence.observe(PEER, NodeId(1), Time(0)), 1);
        assert_eq!(evidence.observe(PEER, NodeId(2), Time(1_000_000)), 2);
        assert_eq!(evidence.observe(PEER, NodeId(3), Time(2_500_000)), 2);
    }
}
