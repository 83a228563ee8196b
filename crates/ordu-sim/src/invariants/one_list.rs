use std::collections::BTreeMap;

use ordu_core::{Event, NodeName};

use super::{Invariant, Verdict};
use crate::oracle::History;
use crate::{Boot, Fact, What};

/// Nobody leaves by a list of members that it is on itself, by the last that it knows; and once all has settled one list
/// counts on every node.
#[derive(Debug, Default)]
pub(super) struct OneList {
    /// What each process last published.
    lists: BTreeMap<Boot, Option<Vec<NodeName>>>,
}

impl Invariant for OneList {
    fn name(&self) -> &'static str {
        "one-list"
    }

    fn rule(&self) -> &'static str {
        "S6.4"
    }

    fn observe(&mut self, history: &History, fact: &Fact) -> Verdict {
        match &fact.what {
            What::MemberList { boot, names } => {
                self.lists.insert(*boot, names.clone());
            }
            What::Told {
                boot,
                event: Event::NotListed { .. },
            } => {
                let list = self.lists.get(boot).cloned().flatten();
                if list
                    .as_ref()
                    .is_none_or(|list| list.contains(&history.name_of(*boot)))
                {
                    return Err(format!("{boot} leaves by the list; what it knows is {list:?}"));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn settled(&self, history: &History) -> Verdict {
        let list = |boot: Boot| self.lists.get(&boot).cloned().flatten();
        let mut lists = history.living().map(|record| (record.boot, list(record.boot)));
        let Some((first, one)) = lists.next() else {
            return Ok(());
        };
        match lists.find(|(_, other)| *other != one) {
            Some((boot, other)) => Err(format!(
                "{first} goes by the list of members {one:?}, {boot} by {other:?}"
            )),
            None => Ok(()),
        }
    }
}
