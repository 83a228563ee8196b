use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ordu_core::{ChildInfo, ChildState, Command, Event, MemberState, NodeId, Restart, Token};

use super::{Invariant, Verdict};
use crate::oracle::{Child, History};
use crate::{Boot, Fact, Moment, What};

/// Nobody takes a child over from a node that it sees alive, or only suspects, and whose copy runs, unless that node
/// itself gave up the last start that is known there, or the next run was given to another for a user; nor, where nobody
/// has a proof of the death, before somebody's view of who is left can have settled. A process that stood still takes
/// nothing over at once: what it reads then is of before.
#[derive(Debug, Default)]
pub(super) struct TakeOverJustified {
    /// The last start of each child that each process knows of, as far as it shows.
    tokens: BTreeMap<(Boot, Child), Token>,
    /// The starts whose restarts are used up: another node is to try.
    given_up: BTreeSet<(Child, Token)>,
    /// Since when each process that stands still does, and when those that did for long went on.
    still: BTreeMap<Boot, Moment>,
    woken: BTreeMap<Boot, Moment>,
    /// Who is down, for whom, and since when.
    down: BTreeMap<NodeId, BTreeMap<Boot, Down>>,
    /// When somebody last saw each node come.
    came: BTreeMap<NodeId, Moment>,
    /// Who is leaving: no view counts on them.
    leaving: BTreeSet<NodeId>,
}

#[derive(Debug)]
struct Down {
    since: Moment,
    is_proven: bool,
}

/// What a node says of a member that is down and not proven to be.
const UNPROVEN: [&str; 2] = [
    "it did not answer for the suspicion time",
    "others knew it, and it has not answered yet",
];

/// What a node says of a copy that it does not start again.
const GAVE_UP: &str = "gave up";

/// What came or went before that no longer keeps any view from settling.
const PAST: Duration = Duration::from_secs(10);

impl Invariant for TakeOverJustified {
    fn name(&self) -> &'static str {
        "take-over-justified"
    }

    fn rule(&self) -> &'static str {
        "S4.3, S4.4"
    }

    fn observe(&mut self, history: &History, fact: &Fact) -> Verdict {
        match &fact.what {
            What::Told {
                boot,
                event: Event::MemberChanged {
                    node, state, reason, ..
                },
            } => {
                self.changed(fact.at, *boot, *node, *state, reason);
                Ok(())
            }
            What::Told {
                event:
                    Event::ChildExited {
                        horde,
                        id,
                        token,
                        next,
                        ..
                    },
                ..
            } => {
                if *next == GAVE_UP {
                    self.given_up.insert(((horde.clone(), id.clone()), *token));
                }
                Ok(())
            }
            What::Paused(boot) => {
                self.still.entry(*boot).or_insert(fact.at);
                Ok(())
            }
            What::Resumed(boot) => {
                // It counts from when it would have gone on by itself, by its own clock.
                let noticed = history.setup().timing.gap * 2;
                let stopped = self.still.remove(boot);
                if stopped.is_some_and(|stopped| fact.at.since(stopped) > noticed) {
                    self.woken.insert(*boot, fact.at);
                }
                Ok(())
            }
            What::Child {
                boot,
                horde,
                id,
                info: Some(info),
                ..
            } => self.shown(history, *boot, &(horde.clone(), id.clone()), info),
            _ => Ok(()),
        }
    }
}

/// Whether a node started a child in vain as often as its restarts allow, this start the last: then another is to try,
/// whatever it does later.
fn could_not_start(history: &History, child: &Child, last: Token) -> bool {
    let copies = history.copies_of(child);
    let mut by_it: Vec<_> = copies
        .filter(|copy| copy.node == last.owner && copy.token <= last)
        .collect();
    by_it.sort_by_key(|copy| copy.token);
    let failed = by_it
        .iter()
        .rev()
        .take_while(|copy| copy.up.is_none() && copy.ended.is_some());
    let budget = by_it.last().map(|copy| copy.spec.intensity.max_restarts);
    budget.is_some_and(|budget| failed.count() > usize::try_from(budget).unwrap_or(usize::MAX))
}

impl TakeOverJustified {
    fn changed(&mut self, at: Moment, boot: Boot, node: NodeId, state: MemberState, reason: &str) {
        let down = self.down.entry(node).or_default();
        if state == MemberState::Draining {
            self.leaving.insert(node);
        }
        match state {
            MemberState::Down | MemberState::Left | MemberState::Removed => {
                let is_proven = state != MemberState::Down || !UNPROVEN.contains(&reason);
                down.insert(boot, Down { since: at, is_proven });
            }
            // A suspect is still counted.
            MemberState::Suspect => {}
            MemberState::Alive | MemberState::Joining | MemberState::Draining => {
                if down.remove(&boot).is_some() || !self.came.contains_key(&node) {
                    self.came.insert(node, at);
                }
            }
        }
    }

    fn shown(&mut self, history: &History, boot: Boot, child: &Child, info: &ChildInfo) -> Verdict {
        let Some(token) = info.token else {
            return Ok(());
        };
        let owner = token.owner;
        let before = self.tokens.insert((boot, child.clone()), token);
        let Some(record) = history.boot(boot) else {
            return Ok(());
        };
        // A first start shows when it is done, a start in place has the owner of before.
        let taken_from = before.filter(|before| {
            before.owner != owner && owner == record.node && info.state == ChildState::Starting
        });
        let Some(before) = taken_from else { return Ok(()) };
        let from = before.owner;
        let seen = record.members.get(&from).map(|member| member.state);
        let runs = history
            .copies_of(child)
            .any(|copy| copy.node == from && copy.is_up() && copy.stopping.is_none());
        // It decides nothing before it has looked around once (S4.5).
        let settle = history.setup().timing_of(boot.host).settle;
        let just_woke = self
            .woken
            .get(&boot)
            .is_some_and(|at| history.now().since(*at) < settle);
        let gave_up =
            self.given_up.contains(&(child.clone(), before)) || could_not_start(history, child, before);
        let is_free = (gave_up || self.may_be_given_away(history, child, from)) && !just_woke;
        if runs && !is_free && matches!(seen, Some(MemberState::Alive | MemberState::Suspect)) {
            return Err(format!(
                "{boot} takes {:?} over from {from}, which it sees as {seen:?} and which runs it",
                child.1
            ));
        }
        if seen == Some(MemberState::Down) && !self.may_be_settled(history, from) {
            return Err(format!(
                "{boot} takes {:?} over from {from}, which nobody has proven dead or given up long enough ago",
                child.1
            ));
        }
        Ok(())
    }

    /// Whether a user may have started a child that runs once only again while its owner was out of sight for somebody: who
    /// decided that named the one node that carries it out, and that one does whatever it sees of the owner (S5.4).
    fn may_be_given_away(&self, history: &History, child: &Child, owner: NodeId) -> bool {
        let was_missed = |since: Moment| {
            let mut missing = self.down.get(&owner).into_iter().flat_map(BTreeMap::keys);
            let is_missed = missing.any(|boot| {
                let record = history.boot(*boot);
                record.is_some_and(|record| record.ended.is_none_or(|at| at >= since))
            });
            is_missed || self.came.get(&owner).is_some_and(|at| *at >= since)
        };
        let mut runs = history
            .copies_of(child)
            .filter(|copy| copy.node == owner && copy.is_up() && copy.spec.restart == Restart::Temporary);
        runs.any(|copy| {
            let mut calls = history.calls_about(child);
            calls.any(|call| {
                matches!(call.command, Command::RestartChild { .. })
                    && call.may_count()
                    && call.made >= copy.began
                    && was_missed(call.made)
            })
        })
    }

    /// Whether somebody, perhaps another who hands the child over, may have a view without that node.
    fn may_be_settled(&self, history: &History, gone: NodeId) -> bool {
        let now = history.now();
        // A clock that drifts measures the same time a little differently.
        let settle = history.setup().shortest(|timing| timing.settle).mul_f64(0.99);
        let is_sure = |down: &Down| down.is_proven || now.since(down.since) >= settle;
        let witnesses = self.down.get(&gone);
        let recent = |at: Moment| now.since(at) < PAST;
        let others = self.down.iter().filter(|(node, _)| **node != gone);
        // A view that does not settle for long is acted on all the same.
        let is_restless = self.came.values().any(|at| recent(*at))
            || others
                .flat_map(|(_, down)| down.values())
                .any(|down| recent(down.since));
        let leaves = self.leaving.contains(&gone);
        leaves || is_restless || witnesses.is_some_and(|down| down.values().any(is_sure))
    }
}
