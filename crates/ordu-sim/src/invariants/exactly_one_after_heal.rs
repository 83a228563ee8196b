use std::collections::{BTreeMap, BTreeSet};

use ordu_core::{ChildInfo, Restart};

use super::outcome_truth::shows_running;
use super::{Invariant, Verdict};
use crate::oracle::{Bounds, Child, CopyRecord, History};
use crate::{Fact, Moment, What};

/// Where nothing goes wrong a child does not run twice for longer than a stated time. Once all has settled each child
/// that is shown as running runs exactly once, where it is said to run and with the token that is shown; no other runs
/// at all.
#[derive(Debug, Default)]
pub(super) struct ExactlyOneAfterHeal {
    /// Since when each child has more than one copy.
    doubled: BTreeMap<Child, Moment>,
}

/// Whether the copy runs under the token that is shown. A temporary child keeps the one it was started with when its
/// claim is raised above another (S3.4).
fn has_token(copy: &CopyRecord, info: &ChildInfo) -> bool {
    let keeps_its_own = copy.spec.restart == Restart::Temporary;
    info.token
        .is_some_and(|shown| shown == copy.token || (keeps_its_own && shown > copy.token))
}

impl Invariant for ExactlyOneAfterHeal {
    fn name(&self) -> &'static str {
        "exactly-one-after-heal"
    }

    fn rule(&self) -> &'static str {
        "S7, S10"
    }

    fn observe(&mut self, history: &History, fact: &Fact) -> Verdict {
        match &fact.what {
            What::CopyStarting { copy, .. } => {
                let child = &history.copy(*copy).child;
                if live(history, child).nth(1).is_some() {
                    self.doubled.entry(child.clone()).or_insert(fact.at);
                }
                Ok(())
            }
            What::CopyEnded { copy, .. } | What::CopyStuck(copy) => {
                let child = &history.copy(*copy).child;
                if live(history, child).nth(1).is_none() {
                    self.doubled.remove(child);
                }
                Ok(())
            }
            What::Tick => self.in_time(history),
            _ => Ok(()),
        }
    }

    fn settled(&self, history: &History) -> Verdict {
        let Some(record) = history.living().next() else {
            return Ok(());
        };
        let running = history
            .copies()
            .iter()
            .filter(|copy| copy.is_live() && !copy.is_zombie());
        let children: BTreeSet<&Child> = running
            .map(|copy| &copy.child)
            .chain(record.children.keys())
            .collect();
        for child in children {
            let copies: Vec<&CopyRecord> = live(history, child).collect();
            let shown = record.children.get(child).filter(|info| shows_running(info));
            let right = match (shown, copies.as_slice()) {
                (None, []) => true,
                (Some(info), [copy]) => {
                    copy.is_up() && has_token(copy, info) && info.node == Some(history.name_of(copy.boot))
                }
                _ => false,
            };
            if !right {
                let copies: Vec<String> = copies.into_iter().map(describe).collect();
                return Err(format!(
                    "{:?} is shown as {} and {} copies live: {copies:?}",
                    child.1,
                    super::owned::brief(record.children.get(child)),
                    copies.len()
                ));
            }
        }
        Ok(())
    }
}

impl ExactlyOneAfterHeal {
    fn in_time(&self, history: &History) -> Verdict {
        let undisturbed = history.undisturbed_for();
        for (child, since) in &self.doubled {
            let bound = Bounds::of(history.setup()).alone(history, child);
            let doubled = history.now().since(*since).min(undisturbed);
            if doubled > bound {
                let copies: Vec<String> = live(history, child).map(describe).collect();
                return Err(format!(
                    "{:?} runs more than once since {since}: {copies:?}, and nothing went wrong for {undisturbed:?}: that \
                     is to be over after {bound:?}",
                    child.1
                ));
            }
        }
        Ok(())
    }
}

/// Those of a child that run. One that cannot be killed is one too many for as long as its node lives, and nobody can help
/// it: a new life is started beside it (S5.3).
fn live<'a>(history: &'a History, child: &Child) -> impl Iterator<Item = &'a CopyRecord> {
    let copies = history.copies_of(child);
    copies.filter(|copy| copy.is_live() && !copy.is_zombie())
}

fn describe(copy: &CopyRecord) -> String {
    format!("{} on {} since {}", copy.token, copy.boot, copy.began)
}
