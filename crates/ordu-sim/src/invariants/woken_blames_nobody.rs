use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ordu_core::{MemberState, NodeId};

use super::{Invariant, Verdict};
use crate::oracle::History;
use crate::{Boot, Fact, Fault, Moment, What};

/// A node that stood still gives up nobody for it who was there all the time: it is the one that was away.
#[derive(Debug, Default)]
pub(super) struct WokenBlamesNobody {
    /// Since when each process that stands still does.
    still: BTreeMap<Boot, Moment>,
    /// Those that went on lately: when, and whom they saw alive when they stopped.
    woken: BTreeMap<Boot, (Moment, BTreeSet<NodeId>)>,
    /// When the network was last not as usual.
    rough: Moment,
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
                let long = |since: &Moment| fact.at.since(*since) > history.setup().timing.gap;
                if self.still.remove(boot).as_ref().is_some_and(long) {
                    self.woken.insert(*boot, (fact.at, alive(history, *boot)));
                }
            }
            What::Inflicted(fault) if roughens(fault) => self.rough = fact.at,
            What::Member {
                boot,
                node,
                info: Some(info),
            } if info.state == MemberState::Down => return self.judge(history, *boot, *node),
            _ => {}
        }
        Ok(())
    }
}

impl WokenBlamesNobody {
    fn judge(&self, history: &History, boot: Boot, blamed: NodeId) -> Verdict {
        let now = history.now();
        let Some((woken, alive)) = self.woken.get(&boot) else {
            return Ok(());
        };
        let at_once = now.since(*woken) <= AT_ONCE;
        let smooth = history.is_smooth() && now.since(self.rough) >= PAST;
        let was_there = history.boot_of(blamed).is_some_and(|record| {
            let moved = record.still_since.is_none() && record.resumed.is_none_or(|at| now.since(at) >= PAST);
            record.ended.is_none() && moved
        });
        if at_once && smooth && was_there && alive.contains(&blamed) {
            return Err(format!(
                "{boot} went on at {woken} and gives up {blamed}, which was there all the time"
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
            | Fault::ResetLifelines(_)
    )
}
