use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ordu_core::{Command, Event, MemberState, NodeId, Restart};

use super::{Invariant, Verdict};
use crate::oracle::{BootRecord, Child, History};
use crate::{Boot, Fact, Moment, What};

/// A node that is ready because others are has what one of them had when it became ready itself.
///
/// One that sees nobody ready begins alone, or leads newcomers, and one whose patience has ended waits for nobody.
#[derive(Debug, Default)]
pub(super) struct ReadyHasCaughtUp {
    /// Those that said for the first time that they are ready.
    ready: BTreeMap<Boot, Ready>,
    /// Those of them that are to be judged.
    fresh: Vec<Boot>,
    /// What each process showed up to the moment at which it was ready.
    shown: BTreeMap<Boot, BTreeSet<Child>>,
}

#[derive(Debug)]
struct Ready {
    at: Moment,
    /// With which input.
    input: u64,
    /// Whom it saw ready then: what the next input tells it at the same moment comes too late.
    through: BTreeSet<NodeId>,
}

/// What is deleted meanwhile is gone everywhere by then.
const SHORTLY: Duration = Duration::from_millis(300);

impl Invariant for ReadyHasCaughtUp {
    fn name(&self) -> &'static str {
        "ready-has-caught-up"
    }

    fn rule(&self) -> &'static str {
        "S4.6"
    }

    fn observe(&mut self, history: &History, fact: &Fact) -> Verdict {
        match &fact.what {
            What::Told {
                boot,
                event: Event::Ready,
            } => self.says_ready(history, *boot, fact),
            What::Member {
                boot,
                node,
                info: Some(info),
            } => {
                let ready = self.ready.get_mut(boot).filter(|ready| ready.input == fact.input);
                if let Some(ready) = ready
                    && info.state == MemberState::Alive
                {
                    ready.through.insert(*node);
                }
            }
            What::Child {
                boot,
                horde,
                id,
                info: Some(_),
                ..
            } if self.ready.get(boot).is_none_or(|ready| ready.input == fact.input) => {
                let shown = self.shown.entry(*boot).or_default();
                shown.insert((horde.clone(), id.clone()));
            }
            What::Tick => return self.judge(history),
            _ => {}
        }
        Ok(())
    }
}

impl ReadyHasCaughtUp {
    fn says_ready(&mut self, history: &History, boot: Boot, fact: &Fact) {
        if self.ready.contains_key(&boot) {
            return;
        }
        let members = history.boot(boot).into_iter().flat_map(|record| &record.members);
        let alive = members.filter(|(_, info)| info.state == MemberState::Alive);
        let through = alive.map(|(node, _)| *node).collect();
        let (at, input) = (fact.at, fact.input);
        self.ready.insert(boot, Ready { at, input, through });
        self.fresh.push(boot);
    }

    fn judge(&mut self, history: &History) -> Verdict {
        let now = history.now();
        let is_due = |boot: &Boot| now.since(self.ready[boot].at) >= SHORTLY;
        let due = self.fresh.partition_point(is_due);
        let due: Vec<Boot> = self.fresh.drain(..due).collect();
        due.iter()
            .filter_map(|boot| history.boot(*boot))
            .try_for_each(|record| self.has_caught_up(history, record))
    }

    fn has_caught_up(&self, history: &History, newcomer: &BootRecord) -> Verdict {
        let ready = &self.ready[&newcomer.boot];
        let waited = ready.at.since(newcomer.began) + SHORTLY
            >= history.setup().timing_of(newcomer.boot.host).boot_grace;
        let others = ready.through.iter().filter(|node| **node != newcomer.node);
        let others: Vec<&BootRecord> = others.filter_map(|node| history.boot_of(*node)).collect();
        // What a clone is told is what the original is not known to have.
        if waited || history.was_cloned(newcomer) || newcomer.ended.is_some() || others.is_empty() {
            return Ok(());
        }
        let lacks = others
            .iter()
            .map(|other| Some((other.boot, self.lacks(history, newcomer, other)?)));
        // One of them is enough to have caught up with.
        let lacks_of_each: Option<Vec<_>> = lacks.collect();
        match lacks_of_each.as_deref() {
            Some([(other, child), ..]) => Err(format!(
                "{} said at {} that it is ready and had not heard of {:?}, which {other} showed when it was ready itself",
                newcomer.boot, ready.at, child.1
            )),
            _ => Ok(()),
        }
    }

    /// Something of one that was ready earlier that the newcomer never showed, though nobody had it deleted.
    fn lacks<'a>(
        &'a self,
        history: &History,
        newcomer: &BootRecord,
        other: &BootRecord,
    ) -> Option<&'a Child> {
        // Of a node and its clone nobody can say which of them it heard.
        if history.was_cloned(other) {
            return None;
        }
        let was_ready = self.ready.get(&other.boot)?.at < self.ready[&newcomer.boot].at;
        let shown = self.shown.get(&other.boot).filter(|_| was_ready)?;
        let known = self.shown.get(&newcomer.boot);
        let is_known = |child: &Child| {
            newcomer.children.contains_key(child) || known.is_some_and(|known| known.contains(child))
        };
        shown.iter().find(|child| {
            let still = other.children.get(*child);
            let stays = still.is_some_and(|info| info.spec.restart == Restart::Permanent);
            let deleted =
                |call: &crate::oracle::CallRecord| matches!(call.command, Command::DeleteChild { .. });
            stays && !is_known(child) && !history.calls_about(child).any(deleted)
        })
    }
}
