use std::collections::{BTreeMap, BTreeSet};

use ordu_core::{ChildState, Life, NodeId, Restart, Token};

use super::{Invariant, Verdict};
use crate::oracle::{Child, CopyRecord, History};
use crate::{Boot, Fact, What};

/// A store that every copy of a child writes to with its token, and that refuses any below the highest it was ever shown,
/// takes what the copy that is left writes, once all has settled. Of a copy of which nobody heard that lives nobody can
/// know: its store refuses all below, and who is refused says so (S3.3).
#[derive(Debug, Default)]
pub(super) struct Fenced {
    /// The highest token with which each process knew that each child ran.
    known: BTreeMap<Child, BTreeMap<Boot, Token>>,
    /// Lives that began where nobody was known that had ever known the child: one that is told of nobody boots as a cluster of
    /// its own, and others may join that before it meets the rest.
    alone: BTreeSet<(Child, Life)>,
}

impl Invariant for Fenced {
    fn name(&self) -> &'static str {
        "fenced"
    }

    fn rule(&self) -> &'static str {
        "S3.1, S3.4"
    }

    fn observe(&mut self, history: &History, fact: &Fact) -> Verdict {
        if let What::CopyStarting { copy, life, .. } = &fact.what {
            let copy = history.copy(*copy);
            let is_first = history
                .copies_of(&copy.child)
                .all(|other| other.life != *life || other.token == copy.token);
            let members = history.boot(copy.boot).map(|record| &record.members);
            let known = self.known.get(&copy.child);
            let never_knew = |node: &NodeId| {
                let boot = history.boot_of(*node).map(|record| record.boot);
                *node == copy.node
                    || boot.is_some_and(|boot| known.is_none_or(|known| !known.contains_key(&boot)))
            };
            if is_first && members.is_none_or(|members| members.keys().all(never_knew)) {
                self.alone.insert((copy.child.clone(), *life));
            }
        } else if let What::Child {
            boot,
            horde,
            id,
            info: Some(info),
            ..
        } = &fact.what
            && info.state == ChildState::Running
            && let Some(token) = info.token
        {
            let child = (horde.clone(), id.clone());
            let known = self.known.entry(child).or_default().entry(*boot).or_insert(token);
            *known = token.max(*known);
        }
        Ok(())
    }

    fn settled(&self, history: &History) -> Verdict {
        // Clusters that came to know of each other had each a child of that id, and one may have deleted its own before.
        if !history.setup().all_will_meet() {
            return Ok(());
        }
        // What runs once only keeps the token it has; one that does not die when it is killed is nobody's choice.
        let stays = |copy: &CopyRecord| copy.is_up() && copy.stopping.is_none();
        let was_alone = |copy: &CopyRecord| self.alone.contains(&(copy.child.clone(), copy.life));
        let writes =
            |copy: &&CopyRecord| stays(copy) && copy.spec.restart != Restart::Temporary && !was_alone(copy);
        for copy in history.copies().iter().filter(writes) {
            let known = self.known.get(&copy.child);
            let of = |record: &crate::oracle::BootRecord| known?.get(&record.boot);
            let highest = history.living().filter_map(of).max();
            if let Some(shown) = highest.filter(|shown| **shown > copy.token) {
                return Err(format!(
                    "{:?} runs on {} with {}; its store was shown {shown}, and takes nothing of it",
                    copy.child.1, copy.boot, copy.token
                ));
            }
        }
        Ok(())
    }
}
