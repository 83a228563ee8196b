use std::collections::BTreeMap;
use std::time::Duration;

use ordu_core::{ChildState, Event, MemberState, NodeId};

use super::{Invariant, Verdict};
use crate::oracle::{Child, History};
use crate::{Boot, Fact, Moment, What};

/// A node that sees less than half of the members it last saw for as long as it takes to settle takes over at most
/// twice what it ran, or a hundred.
#[derive(Debug, Default)]
pub(super) struct TakeOverBounded {
    nodes: BTreeMap<Boot, Burst>,
    /// When each process claimed what it is starting.
    claimed: BTreeMap<(Boot, Child), Moment>,
}

/// What one node took over since it last saw more than half.
#[derive(Debug, Default)]
struct Burst {
    /// The members of the last view that can have settled.
    whole: usize,
    seen: usize,
    shown: BTreeMap<NodeId, MemberState>,
    seen_since: Moment,
    /// When it last caught up after it had been given up: it shows others as they were, and decides with those that it
    /// has heard since.
    caught_up: Option<Moment>,
    began: Option<Moment>,
    own: usize,
    taken: usize,
}

/// The limit is per settled view; a node that stays alone takes the rest later only if the view changes.
const BURST: Duration = Duration::from_secs(2);

/// Whom it does not hear it shows as down by then.
const CATCHING_UP: Duration = Duration::from_secs(2);

impl Invariant for TakeOverBounded {
    fn name(&self) -> &'static str {
        "take-over-bounded"
    }

    fn rule(&self) -> &'static str {
        "S4.7"
    }

    fn observe(&mut self, history: &History, fact: &Fact) -> Verdict {
        match &fact.what {
            What::Member { boot, node, info } => {
                let seen = alive(history, *boot);
                let settle = history.setup().timing_of(boot.host).settle;
                let burst = self.nodes.entry(*boot).or_default();
                burst.look(seen, fact.at, settle);
                burst.show(*node, info.as_ref().map(|info| info.state));
                Ok(())
            }
            What::Told {
                boot,
                event: Event::CatchingUp,
            } => {
                self.nodes.entry(*boot).or_default().caught_up = Some(fact.at);
                Ok(())
            }
            What::Child {
                boot,
                horde,
                id,
                info: Some(info),
                ..
            } => {
                let node = history.boot(*boot).map(|record| record.node);
                let is_own = info.token.map(|token| token.owner) == node;
                if is_own && info.state == ChildState::Starting {
                    let key = (*boot, (horde.clone(), id.clone()));
                    self.claimed.entry(key).or_insert(fact.at);
                }
                Ok(())
            }
            What::Told {
                boot,
                event:
                    Event::ChildStarted {
                        horde,
                        id,
                        previous: Some(_),
                        ..
                    },
            } => {
                let claimed = self.claimed.remove(&(*boot, (horde.clone(), id.clone())));
                let seen = alive(history, *boot);
                let own = history
                    .copies()
                    .iter()
                    .filter(|copy| copy.boot == *boot && copy.is_up())
                    .count();
                let burst = self.nodes.entry(*boot).or_default();
                // What it claimed when it saw more of them waits for its holders and starts a little later.
                let claimed_before = claimed.is_some_and(|at| at < burst.seen_since);
                let whole = burst.least_whole(fact.at);
                if seen * 2 >= whole || claimed_before {
                    return Ok(());
                }
                if burst.began.is_none_or(|began| fact.at.since(began) > BURST) {
                    (burst.began, burst.own, burst.taken) = (Some(fact.at), own, 0);
                }
                burst.taken += 1;
                let least = history.setup().limits.taken_over_at_least;
                let limit = (burst.own * 2).max(usize::try_from(least).unwrap_or(usize::MAX));
                if burst.taken > limit {
                    return Err(format!(
                        "{boot} sees {seen} of {whole} members and took over {} children; it may {limit}",
                        burst.taken
                    ));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl Burst {
    /// Who is gone and was no suspect before has been proven dead, which unsettles no view (S4.3).
    fn show(&mut self, node: NodeId, state: Option<MemberState>) {
        let before = match state {
            Some(state) => self.shown.insert(node, state),
            None => self.shown.remove(&node),
        };
        let is_there = matches!(state, Some(MemberState::Alive | MemberState::Suspect));
        let is_proven = before == Some(MemberState::Alive) && !is_there;
        if is_proven && self.seen * 2 >= self.whole {
            self.whole = self.seen;
        }
    }

    fn is_catching_up(&self, now: Moment) -> bool {
        self.caught_up.is_some_and(|at| now.since(at) < CATCHING_UP)
    }

    /// The least number of members that its last view can have had.
    fn least_whole(&self, now: Moment) -> usize {
        if self.is_catching_up(now) {
            self.whole.div_ceil(2)
        } else {
            self.whole
        }
    }

    fn look(&mut self, seen: usize, now: Moment, settle: Duration) {
        if seen != self.seen {
            let has_settled = now.since(self.seen_since) >= settle || self.is_catching_up(now);
            if has_settled && self.seen * 2 >= self.whole {
                self.whole = self.seen;
            }
            (self.seen, self.seen_since) = (seen, now);
        }
        self.whole = self.whole.max(seen);
        if seen * 2 >= self.whole {
            self.began = None;
        }
    }
}

fn alive(history: &History, boot: Boot) -> usize {
    history.boot(boot).map_or(0, |record| {
        record
            .members
            .values()
            .filter(|member| matches!(member.state, MemberState::Alive | MemberState::Suspect))
            .count()
    })
}
