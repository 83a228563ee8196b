use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ordu_core::{MemberState, NodeId};

use super::{Invariant, Verdict};
use crate::oracle::History;
use crate::{Boot, Fact, Fault, Moment, What};

/// A node that stood still gives up nobody for it who was there all the time: it is the one that was away. What it
/// missed meanwhile it may read and believe: others gave somebody up who came back.
#[derive(Debug, Default)]
pub(super) struct WokenBlamesNobody {
    /// Since when each process that stands still does.
    still: BTreeMap<Boot, Moment>,
    /// Those that went on lately.
    woken: BTreeMap<Boot, Woken>,
    /// When anybody last gave each node up: the news of it may wait where somebody stands still.
    given_up: BTreeMap<NodeId, Moment>,
    /// When the network was last not as usual.
    rough: Moment,
}

#[derive(Debug)]
struct Woken {
    stopped: Moment,
    went_on: Moment,
    /// Whom it saw alive all the time.
    alive: BTreeSet<NodeId>,
}

/// A process that goes on gives somebody up within this, if because of the time in which it stood still: no
/// suspicion that is fresh can end so soon.
const AT_ONCE: Duration = Duration::from_millis(500);
/// The trouble of before is over by then.
const PAST: Duration = Duration::from_secs(10);

impl Invariant for WokenBlamesNobody {
    fn name(&self) -> &'static str {
        "woken-blames-nobody"
    }

    fn rule(&self) -> &'static str {
        "S4.5"
    }

    fn observe(&mut self, history: &History, fact: &Fact) -> Verdict {
        match &fact.what {
            What::Paused(boot) => {
                self.still.entry(*boot).or_insert(fact.at);
            }
            What::Resumed(boot) => {
                let stopped = self.still.remove(boot);
                let gap = history.setup().timing.gap;
                if let Some(stopped) = stopped.filter(|stopped| fact.at.since(*stopped) > gap) {
                    let woken = Woken {
                        stopped,
                        went_on: fact.at,
                        alive: alive(history, *boot),
                    };
                    self.woken.insert(*boot, woken);
                }
            }
            What::Inflicted(fault) if roughens(fault) => self.rough = fact.at,
            What::Member {
                boot,
                node,
                info: Some(info),
            } if info.state == MemberState::Down => {
                self.judge(history, *boot, *node)?;
                self.given_up.insert(*node, fact.at);
            }
            _ => {}
        }
        Ok(())
    }
}

impl WokenBlamesNobody {
    fn judge(&self, history: &History, boot: Boot, blamed: NodeId) -> Verdict {
        let now = history.now();
        let Some(woken) = self.woken.get(&boot) else {
            return Ok(());
        };
        let at_once = now.since(woken.went_on) <= AT_ONCE;
        let may_be_news = |at: &Moment| woken.stopped.since(*at) < PAST;
        let is_hearsay = self.given_up.get(&blamed).is_some_and(may_be_news);
        let smooth = history.is_smooth() && now.since(self.rough) >= PAST;
        let was_there = history.boot_of(blamed).is_some_and(|record| {
            let moved = record.still_since.is_none() && record.resumed.is_none_or(|at| now.since(at) >= PAST);
            record.ended.is_none() && moved
        });
        if at_once && smooth && was_there && !is_hearsay && woken.alive.contains(&blamed) {
            return Err(format!(
                "{boot} went on at {} and gives up {blamed}, which was there all the time",
                woken.went_on
            ));
        }
        Ok(())
    }
}

fn alive(history: &History, boot: Boot) -> BTreeSet<NodeId> {
    let members = history.boot(boot).map(|record| record.members.values());
    let alive = members
        .into_iter()
        .flatten()
        .filter(|member| member.state == MemberState::Alive);
    alive.map(|member| member.id).collect()
}

fn roughens(fault: &Fault) -> bool {
    matches!(
        fault,
        Fault::Split(_)
            | Fault::Cut(..)
            | Fault::Mend(..)
            | Fault::Heal
            | Fault::Disturb(..)
            | Fault::Clear
            | Fault::Leave(_)
            | Fault::Remove(..)
            | Fault::SetMembers(..)
            | Fault::ResetLifelines(_)
            | Fault::Narrow(..)
            | Fault::Break(..)
            | Fault::Reject(..)
            | Fault::Allow(..)
            | Fault::Slow(..)
            | Fault::Quick(_)
            | Fault::Misname(..)
            | Fault::Clone(..)
            | Fault::Upgrade(_)
            | Fault::Repair(_)
    )
}
