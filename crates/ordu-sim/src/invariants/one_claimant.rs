use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ordu_core::{ChildSpec, ChildState, Event, MemberState, Restart};

use super::{Invariant, Verdict};
use crate::oracle::{Bounds, Child, History};
use crate::{Boot, Fact, Fault, HostId, Moment, What};

/// Where a process is killed in the calm, and every other knows of it by its lifeline, each of its children is claimed by
/// exactly one other, and started there, in a time in which nobody waits for a suspicion. Not one for which nobody has room
/// any more once others of its node have gone elsewhere: whether that gets an owner later is for `owned` to judge.
#[derive(Debug, Default)]
pub(super) struct OneClaimant {
    death: Option<Death>,
}

#[derive(Debug)]
struct Death {
    of: Boot,
    at: Moment,
    /// What it ran, and who has claimed that since.
    claimed: BTreeMap<Child, BTreeSet<Boot>>,
    /// Who heard of it from others before its own lifeline told it: what it hands over may cross what is handed to it.
    late: BTreeSet<Boot>,
    /// What somebody is to run, as it is to run, and nobody has started yet.
    waiting: BTreeMap<Child, Arc<ChildSpec>>,
}

/// What is said of a member whose lifeline told of its death.
const PROVEN: &str = "its process is gone";

impl Invariant for OneClaimant {
    fn name(&self) -> &'static str {
        "one-claimant"
    }

    fn rule(&self) -> &'static str {
        "S4.4, S6.3"
    }

    fn observe(&mut self, history: &History, fact: &Fact) -> Verdict {
        match &fact.what {
            // What nobody can take, or may not, is no matter; what comes up or goes down just now neither.
            What::Inflicted(Fault::Crash(host)) if history.calm().is_some() => {
                self.death = dies(history, *host);
            }
            // Another trouble, another time.
            What::Inflicted(_) | What::Booted { .. } => self.death = None,
            What::Child {
                boot,
                horde,
                id,
                info: Some(info),
                ..
            } if info.state == ChildState::Starting => {
                let own = history.boot(*boot).map(|record| record.node);
                let is_own = info.token.map(|token| token.owner) == own;
                let child = (horde.clone(), id.clone());
                if let Some(death) = self.death.as_mut().filter(|_| is_own)
                    && let Some(claimants) = death.claimed.get_mut(&child)
                {
                    claimants.insert(*boot);
                    if claimants.len() > 1 && claimants.is_disjoint(&death.late) {
                        let of = death.of;
                        return Err(format!(
                            "{claimants:?} each claim {:?} of {of}, which was killed",
                            child.1
                        ));
                    }
                }
            }
            What::Told {
                boot,
                event: Event::MemberChanged {
                    node, state, reason, ..
                },
            } if *state == MemberState::Down && reason != PROVEN => {
                let is_it = |death: &&mut Death| {
                    let dead = history.boot(death.of);
                    dead.is_some_and(|dead| dead.node == *node)
                };
                if let Some(death) = self.death.as_mut().filter(is_it) {
                    death.late.insert(*boot);
                }
            }
            What::CopyStarting { horde, id, .. } => {
                if let Some(death) = &mut self.death {
                    death.waiting.remove(&(horde.clone(), id.clone()));
                }
            }
            What::Tick => return self.in_time(history),
            _ => {}
        }
        Ok(())
    }
}

fn dies(history: &History, host: HostId) -> Option<Death> {
    let dying = history.living().find(|record| record.boot.host == host)?;
    let others: Vec<_> = { history.living() }
        .filter(|record| record.boot.host != host)
        .collect();
    if history.few_are_left() || others.is_empty() {
        return None;
    }
    let copies = history.copies().iter().filter(|copy| copy.boot == dying.boot);
    let up = copies.filter(|copy| copy.is_up() && copy.stopping.is_none() && !copy.is_zombie());
    let stays = up.filter(|copy| {
        let is_shown = |info: &ordu_core::ChildInfo| {
            info.token == Some(copy.token) && info.state == ChildState::Running && !info.is_stopping
        };
        let shown = |record: &&crate::oracle::BootRecord| {
            record
                .children
                .get(&copy.child)
                .is_some_and(|info| is_shown(info))
        };
        copy.spec.restart != Restart::Temporary && others.iter().all(shown)
    });
    let can_go_on = stays.filter(|copy| {
        let mut others = others.iter();
        others.any(|other| history.can_take(other, &copy.child, &copy.spec))
    });
    let waiting: BTreeMap<_, _> = can_go_on
        .map(|copy| (copy.child.clone(), Arc::clone(&copy.spec)))
        .collect();
    Some(Death {
        of: dying.boot,
        at: history.now(),
        claimed: waiting
            .keys()
            .map(|child| (child.clone(), BTreeSet::new()))
            .collect(),
        late: BTreeSet::new(),
        waiting,
    })
}

impl OneClaimant {
    fn in_time(&mut self, history: &History) -> Verdict {
        let Some(death) = &mut self.death else {
            return Ok(());
        };
        let can_be_taken = |child: &Child, spec: &mut Arc<ChildSpec>| {
            let mut living = history.living();
            living.any(|record| history.can_take(record, child, spec))
        };
        death.waiting.retain(can_be_taken);
        let bound = Bounds::of(history.setup()).taken_over();
        if history.now().since(death.at) <= bound {
            return Ok(());
        }
        let verdict = match death.waiting.keys().next() {
            Some(child) => Err(format!(
                "{} was killed at {}, and {:?} is not started anew, claimed by {:?}: that is to take {bound:?} at the most",
                death.of, death.at, child.1, death.claimed[child]
            )),
            None => Ok(()),
        };
        self.death = None;
        verdict
    }
}
