use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::time::Duration;

use crate::wire::Hello;
use crate::{ConnId, NodeId, Time};

/// Newcomers that bear the name of a member that has not ended (S6.2), and who still hears that member.
///
/// This node may miss the member for a bad link of its own: it asks all that are ready, and lets the newcomer in only if
/// none of them hears it.
#[derive(Debug, Default)]
pub(crate) struct Names {
    waiting: BTreeMap<ConnId, Newcomer>,
    /// What others asked of this node, and until when the member may answer it.
    questions: BTreeMap<(NodeId, NodeId), Time>,
    /// Others took this node in under its own name, and decided with it (S2.4).
    pub(crate) was_admitted: bool,
    /// The boots of its name that have ended by this one, as it says of itself.
    pub(crate) over: Vec<NodeId>,
}

/// A newcomer that waits.
#[derive(Debug)]
pub(crate) struct Newcomer {
    pub(crate) hello: Hello,
    /// The member of the same name.
    pub(crate) holder: NodeId,
    /// Who has not said yet whether it hears the member: this node is one of them while the member may answer it.
    asked: BTreeSet<NodeId>,
    /// When this node misses the member itself, and when the others are asked again.
    deadline: Time,
    /// The number under which it was asked whether it is there itself, before the member gives way to it.
    pub(crate) asked_back: Option<u64>,
}

impl Names {
    /// The least time a holder has to answer.
    const PATIENCE: Duration = Duration::from_millis(200);

    pub(crate) fn wait(
        &mut self,
        conn: ConnId,
        hello: Hello,
        holder: NodeId,
        asked: BTreeSet<NodeId>,
        patience: Duration,
        now: Time,
    ) {
        let deadline = now + Self::PATIENCE.max(patience);
        self.waiting.insert(
            conn,
            Newcomer {
                hello,
                holder,
                asked,
                deadline,
                asked_back: None,
            },
        );
    }

    /// The newcomers that wait for a holder.
    pub(crate) fn of(&self, holder: NodeId) -> impl Iterator<Item = (ConnId, &Newcomer)> {
        let waiting = self.waiting.iter().map(|(conn, newcomer)| (*conn, newcomer));
        waiting.filter(move |(_, newcomer)| newcomer.holder == holder)
    }

    /// A newcomer waits on.
    pub(crate) fn keep(&mut self, conn: ConnId, newcomer: Newcomer) {
        self.waiting.insert(conn, newcomer);
    }

    /// A newcomer that was asked so is there, on whatever connection it says so.
    pub(crate) fn answered_back(&mut self, peer: NodeId, nonce: u64) -> Option<(ConnId, Newcomer)> {
        let is_it =
            |newcomer: &Newcomer| newcomer.hello.identity.id == peer && newcomer.asked_back == Some(nonce);
        let mut answered = self.waiting.extract_if(.., |_, newcomer| is_it(newcomer));
        answered.next()
    }

    /// A node is let in: on the other connections it waits no more.
    pub(crate) fn let_in(&mut self, peer: NodeId) -> impl Iterator<Item = (ConnId, Newcomer)> {
        self.waiting
            .extract_if(.., move |_, newcomer| newcomer.hello.identity.id == peer)
    }

    /// One that was asked misses the holder.
    pub(crate) fn misses(&mut self, who: NodeId, holder: NodeId) {
        let of_holder = self
            .waiting
            .values_mut()
            .filter(|newcomer| newcomer.holder == holder);
        for newcomer in of_holder {
            newcomer.asked.remove(&who);
        }
    }

    /// Takes note of whose time is up: `me`, and whoever does not answer anything any more. Gives whom to ask again about
    /// whom.
    pub(crate) fn look(
        &mut self,
        now: Time,
        me: NodeId,
        answers: impl Fn(NodeId) -> bool,
    ) -> BTreeSet<(NodeId, NodeId)> {
        let mut again = BTreeSet::new();
        for newcomer in self.waiting.values_mut() {
            newcomer.asked.retain(|who| *who == me || answers(*who));
            if newcomer.deadline <= now {
                newcomer.asked.remove(&me);
                newcomer.deadline = now + Self::PATIENCE;
                again.extend(newcomer.asked.iter().map(|who| (*who, newcomer.holder)));
            }
        }
        again
    }

    /// The newcomers whose holders nobody hears.
    pub(crate) fn unheard(&mut self) -> impl Iterator<Item = (ConnId, Newcomer)> {
        self.waiting
            .extract_if(.., |_, newcomer| newcomer.asked.is_empty())
    }

    pub(crate) fn remove(&mut self, conn: ConnId) -> Option<Newcomer> {
        self.waiting.remove(&conn)
    }

    /// Another asks whether a member answers, which has been asked.
    pub(crate) fn question(&mut self, from: NodeId, holder: NodeId, patience: Duration, now: Time) {
        let until = now + Self::PATIENCE.max(patience);
        self.questions.entry((holder, from)).or_insert(until);
    }

    /// Those that asked about a member that answered.
    pub(crate) fn asked_about(&mut self, holder: NodeId) -> impl Iterator<Item = NodeId> {
        self.questions
            .extract_if(.., move |(about, _), _| *about == holder)
            .map(|((_, from), _)| from)
    }

    /// The members that did not answer in time, and who asked about them.
    pub(crate) fn unanswered(&mut self, now: Time) -> impl Iterator<Item = (NodeId, NodeId)> {
        self.questions
            .extract_if(.., move |_, until| *until <= now)
            .map(|(question, _)| question)
    }

    pub(crate) fn next_deadline(&self) -> Option<Time> {
        let waiting = self.waiting.values().map(|newcomer| newcomer.deadline);
        waiting.chain(self.questions.values().copied()).min()
    }
}
