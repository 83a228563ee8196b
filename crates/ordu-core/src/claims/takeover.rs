#[cfg(test)]
mod tests;

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use ordu_crdt::Dot;
use ordu_supervisor::decisions::Restart;

use super::{Copy, Phase};
use crate::membership::Liveness;
use crate::node::Node;
use crate::placement::{Candidate, choose};
use crate::planted::Bug;
use crate::registers::{ChildKey, Claim, ClaimState, Deleted, Key, Member, Rank, Status, Value};
use crate::wire::{ClaimNotice, Message, Place, Propose, Proposed};
use crate::{ChildSpec, ConnId, Event, MemberState, NodeId, Time, Token};

/// Take-overs of this node that wait for their holders (S3.2), in batches as they were decided.
#[derive(Debug, Default)]
pub(crate) struct Takeovers {
    /// Decided in this round, not written yet.
    decided: Vec<(ChildKey, Claim)>,
    proposals: BTreeMap<u64, Proposal>,
    /// Proposals of others that wait for the operations they are about.
    asked: Vec<(NodeId, Propose)>,
    /// Children taken over since most members went out of sight, and how many may be (S4.7).
    count: u32,
    limit: u32,
    /// The size of the last settled view that was more than half of the one before.
    whole: usize,
    /// Children given to a node that its claims do not show yet.
    assigned: BTreeMap<NodeId, u32>,
}

#[derive(Debug)]
struct Proposal {
    written: Dot,
    claims: Vec<(ChildKey, Token)>,
    /// Whom the claims are shown to, in parts, and which of these are not answered yet.
    waiting: BTreeMap<(NodeId, u32), Vec<(ChildKey, Rank)>>,
    /// What those that answered hold of the children's intents, as far as it is not known here, and who said so (S5.9).
    held_there: BTreeMap<Dot, NodeId>,
    /// The round of anti-entropy after which nobody in sight has what only those held that are gone.
    asked_all: Option<u64>,
    /// When those that have not answered are asked again.
    deadline: Time,
}

/// A child that nobody can run is looked at again after this long.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What the decider finds to be done for a child.
enum Duty {
    None,
    /// The life is over and its claim's owner is gone: remove the claim (S2.3).
    Bury,
    /// A temporary child whose owner is gone for good (S5.4).
    Lose,
    /// Nobody runs it.
    Own {
        without: Option<NodeId>,
    },
}

impl Takeovers {
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        self.proposals.values().map(|proposal| proposal.deadline).min()
    }

    /// Takes note of a new settled view; `least` may be taken over in any case.
    pub(crate) fn view_changed(&mut self, members: usize, owned: u32, least: u32) {
        if self.sees_the_majority(members) {
            self.whole = members;
            self.count = 0;
            self.limit = owned.saturating_mul(2).max(least);
        }
    }

    fn sees_the_majority(&self, members: usize) -> bool {
        members * 2 >= self.whole
    }
}

impl Node {
    fn duty(&self, key: &ChildKey) -> Duty {
        let Some(child) = self.children.get(key) else {
            return Duty::None;
        };
        let claim = child.claims.winner();
        let owner_lives = claim.is_some_and(|claim| self.keeps_its_children(claim.owner()));
        let Some(intent) = child.claims.intent() else {
            return if child.claims.is_over() && !owner_lives {
                Duty::Bury
            } else {
                Duty::None
            };
        };
        if !intent.is_live() {
            return if claim.is_some() && !owner_lives {
                Duty::Bury
            } else {
                Duty::None
            };
        }
        let current = claim.filter(|claim| claim.birth == intent.birth);
        if !intent.wants_running() {
            return Duty::None;
        }
        // Intent and first claim are one atomic unit, and a claim goes only together with the life: where there
        // is none, it is not yet known, unless all who had it have died (S2.3).
        let Some(current) = current else {
            return match intent.spec.restart {
                // One of a later life may be somebody's who has its intent.
                _ if child.claims.of_an_unknown_life().is_some() => Duty::None,
                _ if !self.nobody_has_the_other_half(key) => Duty::None,
                Restart::Temporary if self.all_are_in_sight() => Duty::Lose,
                Restart::Temporary => Duty::None,
                Restart::Permanent | Restart::Transient => Duty::Own { without: None },
            };
        };
        let tried = current.run >= intent.run;
        if child.claims.has_failed_elsewhere() && !self.planted.is(Bug::FailedTakenOver) {
            return Duty::None;
        }
        match current.state {
            ClaimState::Failed if tried && !self.planted.is(Bug::FailedTakenOver) => return Duty::None,
            ClaimState::Relocating if tried => {
                return Duty::Own {
                    without: Some(current.owner()),
                };
            }
            _ => {}
        }
        let runner = self.runner(intent, current);
        if owner_lives && runner.is_none_or(|runner| runner == current.owner()) {
            return Duty::None;
        }
        match runner {
            Some(runner) if self.has_lost(runner) => Duty::Lose,
            Some(runner) if tried || !self.is_living(runner) => Duty::None,
            _ => Duty::Own { without: None },
        }
    }

    /// Whether what only that node may run is lost: it has ended. Out of sight, be it for everybody here, it may run it
    /// still (S5.4).
    fn has_lost(&self, runner: NodeId) -> bool {
        let has_ended = self.roster.is_removed(runner) || self.replaced_by(runner).is_some();
        has_ended || self.planted.is(Bug::LostOnOneOpinion) && !self.is_living(runner)
    }

    /// Whether what a node owns has an owner: suspects keep it (S4.4).
    fn keeps_its_children(&self, node: NodeId) -> bool {
        let is_suspect = || self.roster.state(node) == MemberState::Suspect;
        self.is_living(node) && !(self.planted.is(Bug::SuspectsOwnNothing) && is_suspect())
    }

    /// Does what the decider of a child has to do, if this node is it (S4).
    pub(crate) fn decide(&mut self, key: &ChildKey) {
        let duty = self.duty(key);
        if matches!(duty, Duty::None) {
            self.children.unsettled.remove(key);
            if let Some(child) = self.children.all.get_mut(key) {
                child.ownerless = None;
                child.handed = None;
                child.unclaimed = None;
            }
            return;
        }
        self.children.unsettled.insert(key.clone());
        let now = self.now.mono;
        let Some(rank) = self.settled.view().and_then(|view| view.rank(self.id, key)) else {
            return;
        };
        let Some(child) = self.children.all.get_mut(key) else {
            return;
        };
        let since = *child.ownerless.get_or_insert(now);
        let turn = since + self.config.timing.t_own * rank;
        if now < turn {
            self.children.wake_at(turn, key);
            return;
        }
        match duty {
            Duty::None => {}
            Duty::Bury => self.remove_claim(key),
            Duty::Lose => {
                if let Some(intent) = child.claims.intent().cloned() {
                    let intent = intent.over(Deleted::Lost);
                    self.write([(Key::Intent(key.clone()), Some(Value::encode(&intent)))]);
                }
            }
            Duty::Own { without } => self.find_owner(key, without),
        }
    }

    fn find_owner(&mut self, key: &ChildKey, without: Option<NodeId>) {
        let now = self.now.mono;
        if self.decisions.contains_key(key) && self.is_being_placed(key) {
            return;
        }
        if self.hears_of_before() {
            self.children.wake_at(now + self.config.timing.probe_rtt, key);
            return;
        }
        let Some(child) = self.children.get(key) else {
            return;
        };
        if let Some((_, until)) = child
            .handed
            .filter(|(to, until)| *until > now && self.is_living(*to))
        {
            self.children.wake_at(until, key);
            return;
        }
        if matches!(
            child.claims.copy().map(|copy| &copy.phase),
            Some(Phase::Claiming | Phase::Stopping(_))
        ) {
            return;
        }
        let Some(intent) = child.claims.intent().cloned() else {
            return;
        };
        // Where a copy does not die nothing starts before it has died (S3.5).
        let siblings = child.claims.siblings().iter();
        let (blocked, free): (Vec<&Claim>, Vec<&Claim>) =
            siblings.partition(|claim| claim.state == ClaimState::Zombie);
        let is_blocked_here = matches!(child.claims.copy().map(|copy| &copy.phase), Some(Phase::Zombie));
        let mut unable: Vec<NodeId> = blocked.into_iter().map(Claim::owner).collect();
        unable.extend(is_blocked_here.then_some(self.id));
        // By the owner's word that it was stopped or has failed those whose claims are lower have stopped as well (S7.1).
        let said = child.claims.winner();
        let was_over = |claim: &Claim| {
            said.is_some_and(|said| {
                matches!(said.state, ClaimState::Stopped | ClaimState::Failed) && claim.run <= said.run
            })
        };
        let may_run = |claim: &&Claim| {
            claim.birth == intent.birth && !was_over(claim) && self.keeps_its_children(claim.owner())
        };
        let runs_already = free
            .into_iter()
            .find(may_run)
            .map(Claim::owner)
            .filter(|owner| Some(*owner) != without && !unable.contains(owner));
        let runs_here = child.claims.copy().is_some() && !is_blocked_here && self.may_take_over(key);
        let here = runs_here.then_some(self.id);
        let runner = child
            .claims
            .winner()
            .and_then(|claim| self.runner(&intent, claim));
        // Where no other node may run it, the one that gave up tries again, until it has failed; and where none at all can, it
        // has an owner that says so.
        let place = || {
            let others: Vec<NodeId> = unable.iter().copied().chain(without).collect();
            self.place(key, &intent.spec, &others)
                .or_else(|_| self.place(key, &intent.spec, &unable))
                .or_else(|_| self.place(key, &intent.spec, &[]))
        };
        let target = runner.or(runs_already).or(here).map_or_else(place, Ok);
        match target {
            Ok(target) if target == self.id => self.claim_here(key),
            Ok(target) => {
                let patience = self.config.timing.t_own * 5;
                let epoch = child.claims.highest_epoch();
                let place = Place {
                    placement: 0,
                    lowest: 0,
                    child: key.clone(),
                    timeout: patience,
                    epoch,
                    what: ClaimNotice::TakeOver { birth: intent.birth },
                };
                *self.takeovers.assigned.entry(target).or_default() += 1;
                if let Some(child) = self.children.all.get_mut(key) {
                    child.handed = Some((target, now + patience));
                }
                self.children.wake_at(now + patience, key);
                self.send(target, &Message::Place(place));
            }
            Err(reason) => self.unclaimed(key, reason),
        }
    }

    /// Whether what members say now may be of a time in which this node stood still, or they were out of sight (S4.5): what
    /// came since is behind it, and says perhaps that the child has an owner again.
    pub(crate) fn hears_of_before(&self) -> bool {
        let may_be_old = |node: &NodeId| self.answers_still(*node) && self.backlog.may_hold(*node);
        let view = self.settled.view();
        view.is_some_and(|view| view.ready.keys().any(may_be_old))
    }

    /// Nobody can run it now: a change of the view looks again, and so does time.
    fn unclaimed(&mut self, key: &ChildKey, reason: String) {
        let now = self.now.mono;
        let Some(child) = self.children.all.get_mut(key) else {
            return;
        };
        if child.look_again.is_none_or(|at| at <= now) {
            let at = now + LOOK_AGAIN;
            child.look_again = Some(at);
            self.children.wake_at(at, key);
        }
        if let Some(child) = self.children.all.get_mut(key)
            && child.unclaimed.as_ref() != Some(&reason)
        {
            child.unclaimed = Some(reason.clone());
            let (horde, id) = (key.horde.clone(), key.id.clone());
            self.event(Event::Unclaimed { horde, id, reason });
        }
    }

    /// Picks a node for a child among the ready members, by load as known here (S4.2). The child itself is no load of
    /// the one that owns it: who is full can still run again what it gave up.
    pub(crate) fn place(
        &self,
        key: &ChildKey,
        spec: &ChildSpec,
        without: &[NodeId],
    ) -> Result<NodeId, String> {
        let own = Member::of(&self.config, Status::Ready);
        let Some(view) = self.settled.view() else {
            return Err("the members are not settled".into());
        };
        let owner = self.children.get(key).and_then(|child| child.owner);
        let mut unconstrained = None;
        if self.planted.is(Bug::ConstraintsIgnored) {
            let constraints = Vec::new();
            unconstrained = Some(ChildSpec {
                constraints,
                ..spec.clone()
            });
        }
        let spec = unconstrained.as_ref().unwrap_or(spec);
        let candidates: Vec<_> = view
            .ready
            .keys()
            .filter_map(|node| {
                let member = if *node == self.id {
                    // Who leaves may decide, where nobody else does, and takes nothing.
                    self.standing.may_act().then_some(&own)?
                } else {
                    let member = self.roster.get(*node)?.member.as_ref();
                    member.filter(|member| member.status == Status::Ready)?
                };
                let assigned = self.takeovers.assigned.get(node).copied().unwrap_or(0);
                let owned = self.owned(*node).saturating_sub(u32::from(owner == Some(*node)));
                let mut load = owned + self.placed_on(*node) + assigned;
                if self.planted.is(Bug::LoadIgnored) && member.capacity.is_none() {
                    load = 0;
                }
                Some(Candidate {
                    node: *node,
                    member,
                    load,
                })
            })
            .collect();
        choose(key, spec, &candidates, without)
    }

    /// Claims a child that has no living owner, for this node.
    pub(crate) fn claim_here(&mut self, key: &ChildKey) {
        if !self.standing.may_act() {
            return;
        }
        let members = self.settled.view().map_or(1, |view| view.ready.len());
        let limit = self.takeovers.limit;
        let is_limited =
            !self.takeovers.sees_the_majority(members) && !self.planted.is(Bug::TakeOverUnlimited);
        if is_limited && self.takeovers.count >= limit {
            let reason = alloc::format!("{limit} taken over already while most members are out of sight");
            return self.unclaimed(key, reason);
        }
        let hlc = self.hlc_millis();
        let me = self.id;
        let Some(child) = self.children.all.get_mut(key) else {
            return;
        };
        let Some(intent) = child
            .claims
            .intent()
            .filter(|intent| intent.wants_running())
            .cloned()
        else {
            return;
        };
        let before = child
            .claims
            .winner()
            .filter(|claim| claim.birth == intent.birth)
            .cloned();
        let fresh = before.as_ref().is_none_or(|before| intent.run > before.run);
        let has_failed = !fresh && before.as_ref().map(|before| before.state) == Some(ClaimState::Failed);
        if has_failed && !self.planted.is(Bug::FailedTakenOver) {
            // Only a user leaves that state (S2.5).
            return;
        }
        let token = Token {
            epoch: child.claims.next_epoch(hlc),
            owner: me,
        };
        // A temporary child's copy is not started again (S3.4).
        let runs_on = child
            .claims
            .copy()
            .filter(|copy| intent.spec.restart == Restart::Temporary && copy.run >= intent.run)
            .and_then(|copy| match copy.phase {
                Phase::Running { os_pid } => Some(os_pid),
                _ => None,
            });
        // Nothing starts here before a copy that does not die has died.
        let is_zombie = child
            .claims
            .copy()
            .is_some_and(|copy| copy.phase == Phase::Zombie);
        let state = match runs_on {
            Some(_) => ClaimState::Running,
            None if is_zombie => ClaimState::Zombie,
            None => ClaimState::Starting,
        };
        let claim = Claim {
            birth: intent.birth,
            born: intent.born,
            run: intent.run,
            token,
            previous: before.as_ref().map(Claim::owner),
            state,
            restarts: before
                .as_ref()
                .filter(|_| !fresh && !self.planted.is(Bug::RestartsForgotten))
                .map_or(0, |before| before.restarts),
            relocations: before
                .as_ref()
                .filter(|_| !fresh)
                .map_or(0, |before| before.relocations),
            os_pid: runs_on.flatten(),
            reason: before.and_then(|before| before.reason),
        };
        if !child.claims.may_write(claim.rank()) {
            return;
        }
        child.attempts = 0;
        child.retry_at = None;
        child.fresh_run = fresh;
        child.handed = None;
        // A copy that runs here under an older token is started again above it once the claim is written.
        if child.claims.copy().is_none() {
            let copy = Copy {
                birth: intent.birth,
                run: intent.run,
                token,
                phase: Phase::Claiming,
                unwritten: false,
                retried: false,
            };
            child.claims.set_copy(Some(copy));
            child.spec = Some(intent.spec);
            self.children.here.insert(key.clone());
        } else {
            child.claims.observe_epoch(token.epoch);
        }
        self.takeovers.count += 1;
        *self.takeovers.assigned.entry(me).or_default() += 1;
        self.takeovers.decided.push((key.clone(), claim));
    }

    /// Writes the take-overs of this round as one unit and shows them to the next in rank.
    pub(crate) fn write_takeovers(&mut self) {
        let decided = core::mem::take(&mut self.takeovers.decided);
        self.takeovers.assigned.clear();
        if decided.is_empty() {
            return;
        }
        let entries = decided
            .iter()
            .map(|(key, claim)| (Key::Claim(key.clone()), Some(Value::encode(claim))));
        let Some(written) = self.write(entries.collect::<Vec<_>>()) else {
            return;
        };
        self.flush_replication();
        let mut shown: BTreeMap<NodeId, Vec<(ChildKey, Rank)>> = BTreeMap::new();
        for (key, claim) in &decided {
            for witness in self.settled.first_in_rank(key) {
                if witness != self.id {
                    let claims = shown.entry(witness).or_default();
                    claims.push((key.clone(), claim.rank()));
                }
            }
        }
        let mut waiting = BTreeMap::new();
        for (witness, claims) in shown {
            for (part, claims) in (0..).zip(claims.chunks(self.config.limits.claims_per_message)) {
                waiting.insert((witness, part), claims.to_vec());
            }
        }
        let claims = decided
            .into_iter()
            .map(|(key, claim)| (key, claim.token))
            .collect();
        let deadline = self.now.mono + self.config.timing.t_own;
        let proposal = self.number();
        self.takeovers.proposals.insert(
            proposal,
            Proposal {
                written,
                claims,
                waiting,
                held_there: BTreeMap::new(),
                asked_all: None,
                deadline,
            },
        );
        self.show_claims(proposal, None);
    }

    /// Shows the claims of a proposal to those that have not answered, or to one of them.
    fn show_claims(&mut self, number: u64, to: Option<NodeId>) {
        let Some(proposal) = self.takeovers.proposals.get(&number) else {
            return;
        };
        let written = proposal.written;
        let asked = proposal.waiting.iter();
        let asked = asked.filter(|((witness, _), _)| to.is_none_or(|to| to == *witness));
        let messages = asked.map(|((witness, part), claims)| {
            let propose = Propose {
                proposal: number,
                part: *part,
                written,
                claims: claims.clone(),
            };
            (*witness, Message::Propose(propose))
        });
        for (witness, message) in messages.collect::<Vec<_>>() {
            self.send(witness, &message);
        }
    }

    /// A connection is back: what was shown on the one before, or the answer, may be lost.
    pub(crate) fn show_claims_again(&mut self, peer: NodeId) {
        for number in self.takeovers.proposals.keys().copied().collect::<Vec<_>>() {
            self.show_claims(number, Some(peer));
        }
    }

    /// Whether a member answers, as far as is known. A single fault holds nothing up: a suspect is not waited for (S5.9).
    pub(crate) fn answers_still(&self, witness: NodeId) -> bool {
        let known = self.roster.get(witness);
        let answers = known.is_some_and(|known| matches!(known.liveness, Liveness::Heard | Liveness::Alive));
        answers && self.is_living(witness) && self.links.used(witness).is_some()
    }

    /// Starts the take-overs whose claims are held by enough nodes and refused by none (S3.2, S4.7).
    pub(crate) fn advance_takeovers(&mut self) -> bool {
        if self.takeovers.proposals.is_empty() {
            return false;
        }
        self.give_up_what_the_dead_held();
        let now = self.now.mono;
        let mut ready = Vec::new();
        let concern = self.write_concern();
        let unheld = self.planted.is(Bug::TakeOverNotHeld);
        for (number, proposal) in &self.takeovers.proposals {
            let mut waiting = proposal.waiting.keys();
            let is_answered = !waiting.any(|(witness, _)| self.answers_still(*witness));
            let is_covered = proposal.held_there.keys().all(|dot| self.covers(*dot));
            let is_held = self.holders(proposal.written).len() >= concern;
            let is_covered = is_answered && is_covered || self.planted.is(Bug::TakenOverUncovered);
            if unheld || is_covered && is_held {
                ready.push(*number);
            }
        }
        for number in &ready {
            let Some(proposal) = self.takeovers.proposals.remove(number) else {
                continue;
            };
            self.tell_of_the_unheard(&proposal);
            for (key, token) in proposal.claims {
                self.begin_takeover(&key, token);
            }
        }
        // Who took this node for gone when it was asked has not kept the question.
        let mut asked_again = Vec::new();
        for (number, proposal) in &mut self.takeovers.proposals {
            if now >= proposal.deadline {
                proposal.deadline = now + self.config.timing.t_own * 5;
                asked_again.push(*number);
            }
        }
        for number in asked_again {
            self.show_claims(number, None);
        }
        !ready.is_empty()
    }

    /// What a witness said that it holds cannot be covered once that one and the writer are gone, unless somebody else has
    /// it: all in sight are asked, and it is not waited for any longer.
    fn give_up_what_the_dead_held(&mut self) {
        let mut proposals = core::mem::take(&mut self.takeovers.proposals);
        for proposal in proposals.values_mut() {
            let lives = |node: NodeId| self.is_living(node);
            let is_lost = |(dot, witness): (&Dot, &NodeId)| {
                !lives(*witness) && !lives(NodeId(dot.origin.0)) && !self.covers(*dot)
            };
            if !proposal.held_there.iter().any(is_lost) {
                proposal.asked_all = None;
                continue;
            }
            let Some(round) = proposal.asked_all else {
                proposal.asked_all = Some(self.replica.rounds() + 1);
                for peer in &self.replicating {
                    self.replica.sync_with(peer.replica());
                }
                continue;
            };
            let has_told = |peer: &NodeId| self.replica.completed_round(peer.replica()) >= round;
            if self.replicating.iter().all(has_told) {
                let is_left = |dot: &Dot, witness: &mut NodeId| !is_lost((dot, witness));
                proposal.held_there.retain(is_left);
            }
        }
        self.takeovers.proposals = proposals;
    }

    fn tell_of_the_unheard(&mut self, proposal: &Proposal) {
        let mut unheard: BTreeMap<NodeId, usize> = BTreeMap::new();
        for ((witness, _), claims) in &proposal.waiting {
            // Who is down, and known to be, is no surprise.
            if self.is_living(*witness) {
                *unheard.entry(*witness).or_default() += claims.len();
            }
        }
        for (node, children) in unheard {
            let name = self.name_of(node);
            let children = u32::try_from(children).unwrap_or(u32::MAX);
            self.event(Event::TakenOverUnheard { node, name, children });
        }
    }

    /// Whether this node's claim of a child is a take-over's that waits for its holders. One that was called off, for
    /// instance because the others had given this node up, has never been started and waits for them later.
    pub(crate) fn claim_waits(&self, key: &ChildKey) -> bool {
        let Some(own) = self.children.get(key).and_then(|child| child.claims.own()) else {
            return false;
        };
        let mut waiting = self.takeovers.proposals.values().flat_map(|it| &it.claims);
        let is_proposed = waiting.any(|(of, token)| of == key && *token == own.token);
        let is_new = own.previous.is_some() && matches!(own.state, ClaimState::Starting | ClaimState::Zombie);
        is_proposed || is_new && self.copy_of(key).is_none() && !self.is_claim_held(key)
    }

    fn is_claim_held(&self, key: &ChildKey) -> bool {
        let claims = self.replica.map().siblings(&Key::Claim(key.clone()));
        let mut own = claims.filter(|claim| claim.dot.origin == self.id.replica());
        own.all(|claim| self.holders(claim.dot).len() >= self.write_concern())
    }

    fn begin_takeover(&mut self, key: &ChildKey, token: Token) {
        // A copy that runs here already was not stopped before.
        self.children.touch(key);
        let Some(child) = self.children.get(key) else {
            return;
        };
        let Some(copy) = child
            .claims
            .copy()
            .filter(|copy| copy.phase == Phase::Claiming && copy.token == token)
        else {
            return;
        };
        let copy = copy.clone();
        let still_mine = child.claims.own().is_some_and(|own| own.token == token);
        let Some(spec) = child
            .spec
            .clone()
            .filter(|_| still_mine && self.standing.may_act())
        else {
            return self.drop_copy(key);
        };
        let restarts = child.claims.own().map_or(0, |own| own.restarts);
        self.start_copy(key, &copy, spec, restarts, None);
    }

    pub(crate) fn proposed(&mut self, from: NodeId, propose: Propose) {
        let is_same = |(of, other): &(NodeId, Propose)| {
            *of == from && other.proposal == propose.proposal && other.part == propose.part
        };
        if !self.takeovers.asked.iter().any(is_same) {
            self.takeovers.asked.push((from, propose));
        }
        self.answer_proposals();
    }

    /// Answers proposals once the operations they are about have come.
    pub(crate) fn answer_proposals(&mut self) {
        let asked = core::mem::take(&mut self.takeovers.asked);
        for (from, propose) in asked {
            if !self.is_living(from) {
                continue;
            }
            if !self.covers(propose.written) {
                self.takeovers.asked.push((from, propose));
                continue;
            }
            let higher = |(key, rank): &(ChildKey, Rank)| {
                let winner = self.children.get(key)?.claims.winner()?.rank();
                (winner > *rank).then(|| (key.clone(), winner))
            };
            let refused = propose.claims.iter().filter_map(higher).collect();
            let intents = propose.claims.iter().flat_map(|(key, _)| {
                let key = Key::Intent(key.clone());
                self.replica.map().siblings(&key).map(|sibling| sibling.dot)
            });
            let proposed = Proposed {
                proposal: propose.proposal,
                part: propose.part,
                refused,
                holds: intents.collect(),
            };
            self.send(from, &Message::Proposed(proposed));
        }
    }

    pub(crate) fn proposal_answered(&mut self, from: NodeId, proposed: Proposed) {
        let Proposed {
            proposal: number,
            part,
            refused,
            mut holds,
        } = proposed;
        holds.retain(|dot| !self.covers(*dot));
        if let Some(proposal) = self.takeovers.proposals.get_mut(&number) {
            proposal.waiting.remove(&(from, part));
            if !holds.is_empty() {
                // What it holds was pushed here, or is on its way; where a push was lost, this brings it.
                self.replica.sync_with(from.replica());
            }
            proposal
                .held_there
                .extend(holds.into_iter().map(|dot| (dot, from)));
        }
        for (key, rank) in refused {
            let Some(child) = self.children.all.get_mut(&key) else {
                continue;
            };
            child.claims.observe_epoch(rank.token.epoch);
            child.refused = Some(rank);
            if child
                .claims
                .copy()
                .is_some_and(|copy| copy.phase == Phase::Claiming && copy.rank() < rank)
            {
                self.drop_copy(&key);
            }
        }
    }

    /// The decider hands a child without owner to this node.
    pub(crate) fn handed_over(
        &mut self,
        from: NodeId,
        place: &Place,
        birth: ordu_crdt::Stamp,
        conn: Option<ConnId>,
    ) {
        // Handed over while this node stood still, the child may have gone elsewhere since (S4.5): one that still has no
        // owner is handed over again.
        if let Some(nonce) = self.backlog.question_to(from) {
            // The question that tells old from new may have gone down with a connection; another would take its place, and none
            // be answered where many hand-overs come.
            self.send(from, &Message::Ping(nonce));
            return;
        }
        let is_in_use = |conn: ConnId| self.links.used(from) == Some(conn);
        if !self.is_living(from) || !conn.is_none_or(is_in_use) {
            // It was stuck on its way, and is read before its sender is known to be back, or after that was asked on
            // another connection.
            return;
        }
        let key = &place.child;
        let Some(child) = self.children.all.get_mut(key) else {
            return;
        };
        child.claims.observe_epoch(place.epoch);
        let Some(child) = self.children.get(key) else {
            return;
        };
        let current = child.claims.winner().filter(|claim| claim.birth == birth);
        let intent = child.claims.intent().filter(|intent| {
            let may_run = current.is_none_or(|claim| self.may_run(intent, claim));
            intent.birth == birth && intent.wants_running() && may_run
        });
        let Some(intent) = intent else { return };
        let is_chosen = current.is_some_and(|claim| self.runner(intent, claim) == Some(self.id));
        // This node may see an owner alive that the decider does not (S4.7).
        let owned = current.is_some_and(|claim| {
            claim.state != ClaimState::Relocating && self.keeps_its_children(claim.owner())
        });
        if (is_chosen || !owned) && self.may_take_over(key) {
            self.claim_here(key);
            self.write_takeovers();
        }
    }

    /// The copy here lost to one that was killed in vain, as its owner has not denied: this node takes the child over, for
    /// its copy is the one that works (S7.1). Nobody else can know that better, the decider included.
    pub(crate) fn take_from_a_zombie(&mut self, key: &ChildKey, rank: Rank) {
        let Some(child) = self.children.get(key) else {
            return;
        };
        let winner = child.claims.winner();
        let zombie = winner.filter(|claim| claim.rank() == rank && claim.state == ClaimState::Zombie);
        let intent = child.claims.intent();
        let may_run = intent
            .zip(zombie)
            .is_some_and(|(intent, claim)| self.may_run(intent, claim));
        let is_sure = self.settled.view().is_some() && !self.hears_of_before();
        if may_run && is_sure && self.may_take_over(key) {
            self.claim_here(key);
            self.write_takeovers();
        }
    }

    /// Whether a child without owner can be claimed here: nothing of it is here, or a copy that lost to a winner
    /// that is gone, or one that does not die: what is to run instead waits for its death.
    fn may_take_over(&self, key: &ChildKey) -> bool {
        let Some(child) = self.children.get(key) else {
            return false;
        };
        child.claims.copy().is_none_or(|copy| match copy.phase {
            Phase::Zombie => true,
            Phase::Claiming | Phase::Stopping(_) => false,
            Phase::Starting | Phase::Running { .. } | Phase::Restarting => {
                child.claims.outranked_by().is_some()
            }
        })
    }
}
