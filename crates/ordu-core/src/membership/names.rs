use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
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
    /// What others asked of this node.
    questions: BTreeMap<Asked, Question>,
    /// Others took this node in under its own name, and decided with it (S2.4).
    pub(crate) was_admitted: bool,
    /// The boots of its name that have ended by this one, as it says of itself.
    pub(crate) over: Vec<NodeId>,
    /// Those that it told that its name is taken, the last of them: they end.
    refused: VecDeque<NodeId>,
    /// Holders that nobody hears and whose names newcomers at other addresses bear, which may be misnamed.
    given_up: BTreeSet<NodeId>,
}

/// What another asks of this node: whether it hears a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Asked {
    /// Which member.
    pub(crate) holder: NodeId,
    /// Who asks.
    pub(crate) from: NodeId,
    /// The number of the question there.
    pub(crate) question: u64,
}

/// What a question of another waits for.
#[derive(Debug)]
struct Question {
    /// An answer of the member to a question of this node with a higher number.
    since: u64,
    /// Until when.
    until: Time,
    /// How long the member has to answer.
    patience: Duration,
}

/// A newcomer that waits.
#[derive(Debug)]
pub(crate) struct Newcomer {
    pub(crate) hello: Hello,
    /// The member of the same name.
    pub(crate) holder: NodeId,
    /// The number of the last question that this node asked before: answers to questions of higher numbers count alone.
    pub(crate) since: u64,
    /// Who has not said yet whether it hears the member: this node is one of them while the member may answer it.
    asked: BTreeSet<NodeId>,
    /// When this node misses the member itself, and when the others are asked again.
    deadline: Time,
    /// How long whoever is asked has to answer.
    patience: Duration,
    /// The number under which it was asked whether it is there itself, before the member gives way to it.
    asked_back: Option<u64>,
    /// Nobody hears the member: otherwise it is told to give way.
    pub(crate) is_holder_missed: bool,
}

/// The least time a holder has to answer.
const PATIENCE: Duration = Duration::from_millis(200);

impl Newcomer {
    /// One that waits for a holder about which others were asked after the question of the number `since`, and which has so
    /// much time to answer.
    pub(crate) fn new(
        hello: Hello,
        holder: NodeId,
        since: u64,
        asked: BTreeSet<NodeId>,
        patience: Duration,
        now: Time,
    ) -> Self {
        let patience = PATIENCE.max(patience);
        Self {
            hello,
            holder,
            since,
            asked,
            deadline: now + patience,
            patience,
            asked_back: None,
            is_holder_missed: false,
        }
    }

    /// Asks it under this number whether it is there itself, unless that was done.
    pub(crate) fn ask_back(&mut self, nonce: u64, now: Time) -> bool {
        let is_first = self.asked_back.is_none();
        if is_first {
            self.asked_back = Some(nonce);
            self.deadline = now + self.patience;
        }
        is_first
    }
}

impl Names {
    /// A machine that is misnamed boots again and again; of most of its boots nobody else ever hears.
    const REFUSED: usize = 64;

    /// A node that is so late to what happens may have answers before it that it has not read.
    pub(crate) const STALL: Duration = Duration::from_millis(50);

    /// This node told another that its name is taken.
    pub(crate) fn refuse(&mut self, node: NodeId) {
        self.refused.push_back(node);
        if self.refused.len() > Self::REFUSED {
            self.refused.pop_front();
        }
    }

    /// Those that this node told that their name is taken.
    pub(crate) fn refused(&self) -> impl Iterator<Item = NodeId> {
        self.refused.iter().copied()
    }

    /// Whether this node told another that its name is taken.
    pub(crate) fn has_refused(&self, node: NodeId) -> bool {
        self.refused.contains(&node)
    }

    /// Nobody hears the holder of a name, and a newcomer at another address bears it.
    pub(crate) fn give_up(&mut self, holder: NodeId) {
        self.given_up.insert(holder);
    }

    /// Whether a holder was given up for a newcomer that may be misnamed: it may run what it ran still (S6.3).
    pub(crate) fn has_given_up(&self, holder: NodeId) -> bool {
        self.given_up.contains(&holder)
    }

    /// Forgets that holders were given up which are heard again, or not known any more.
    pub(crate) fn retain_given_up(&mut self, is_kept: impl Fn(NodeId) -> bool) {
        self.given_up.retain(|holder| is_kept(*holder));
    }

    /// The newcomers that wait for a holder.
    pub(crate) fn of(&self, holder: NodeId) -> impl Iterator<Item = (ConnId, &Newcomer)> {
        let waiting = self.waiting.iter().map(|(conn, newcomer)| (*conn, newcomer));
        waiting.filter(move |(_, newcomer)| newcomer.holder == holder)
    }

    /// A newcomer waits.
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

    /// One that was asked under this number misses the holder.
    pub(crate) fn misses(&mut self, who: NodeId, holder: NodeId, question: u64) {
        let is_about = |newcomer: &Newcomer| newcomer.holder == holder && newcomer.since < question;
        for newcomer in self.waiting.values_mut().filter(|newcomer| is_about(newcomer)) {
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
        let waiting = self.waiting.values_mut();
        for newcomer in waiting.filter(|newcomer| newcomer.asked_back.is_none()) {
            newcomer.asked.retain(|who| *who == me || answers(*who));
            if newcomer.deadline <= now {
                newcomer.asked.remove(&me);
                newcomer.deadline = now + PATIENCE;
                again.extend(newcomer.asked.iter().map(|who| (*who, newcomer.holder)));
            }
        }
        again
    }

    /// The newcomers whose holders nobody hears.
    pub(crate) fn unheard(&mut self) -> impl Iterator<Item = (ConnId, Newcomer)> {
        let is_unheard =
            |_: &ConnId, newcomer: &mut Newcomer| newcomer.asked_back.is_none() && newcomer.asked.is_empty();
        self.waiting.extract_if(.., is_unheard)
    }

    /// The newcomers that did not answer when they were asked whether they are there.
    pub(crate) fn not_there(&mut self, now: Time) -> impl Iterator<Item = (ConnId, Newcomer)> {
        let is_not_there = move |_: &ConnId, newcomer: &mut Newcomer| {
            newcomer.asked_back.is_some() && newcomer.deadline <= now
        };
        self.waiting.extract_if(.., is_not_there)
    }

    /// This node comes too late: what others said meanwhile lies before it and has not been read. All have as long to answer as
    /// when they were asked.
    pub(crate) fn renew(&mut self, now: Time) {
        for newcomer in self.waiting.values_mut() {
            newcomer.deadline = now + newcomer.patience;
        }
        for question in self.questions.values_mut() {
            question.until = now + question.patience;
        }
    }

    pub(crate) fn remove(&mut self, conn: ConnId) -> Option<Newcomer> {
        self.waiting.remove(&conn)
    }

    /// Another asks whether a member answers what it is asked after the question of the number `since`.
    pub(crate) fn asked(&mut self, asked: Asked, since: u64, patience: Duration, now: Time) {
        let patience = PATIENCE.max(patience);
        let question = Question {
            since,
            until: now + patience,
            patience,
        };
        self.questions.insert(asked, question);
    }

    /// What was asked about a member before it was asked the question that it answers.
    pub(crate) fn asked_about(&mut self, holder: NodeId, answers: u64) -> impl Iterator<Item = Asked> {
        let is_answered =
            move |asked: &Asked, question: &mut Question| asked.holder == holder && question.since < answers;
        let answered = self.questions.extract_if(.., is_answered);
        answered.map(|(asked, _)| asked)
    }

    /// What was asked about members that did not answer in time.
    pub(crate) fn unanswered(&mut self, now: Time) -> impl Iterator<Item = Asked> {
        let is_over = move |_: &Asked, question: &mut Question| question.until <= now;
        self.questions.extract_if(.., is_over).map(|(asked, _)| asked)
    }

    pub(crate) fn next_deadline(&self) -> Option<Time> {
        let waiting = self.waiting.values().map(|newcomer| newcomer.deadline);
        let questions = self.questions.values().map(|question| question.until);
        waiting.chain(questions).min()
    }
}
