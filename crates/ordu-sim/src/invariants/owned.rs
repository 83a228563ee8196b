use std::collections::BTreeMap;
use std::sync::Arc;

use ordu_core::{ChildInfo, ChildState, Event, Restart};

use super::{Invariant, Verdict};
use crate::oracle::{Bounds, Child, History};
use crate::{Boot, Fact, Moment, What};

/// Every child that is to run, and that some living node can run, has a living owner that runs it: within a stated time
/// where the network is whole, or in whole parts, and every process awake; and all have once all has settled.
#[derive(Debug, Default)]
pub(super) struct Owned {
    /// Since when each child is shown without a living owner by each process.
    ownerless: BTreeMap<(Boot, Child), Moment>,
}

impl Invariant for Owned {
    fn name(&self) -> &'static str {
        "owned"
    }

    fn rule(&self) -> &'static str {
        "S4.4"
    }

    fn observe(&mut self, history: &History, fact: &Fact) -> Verdict {
        match &fact.what {
            What::Child {
                boot,
                horde,
                id,
                info,
                ..
            } => {
                let key = (*boot, (horde.clone(), id.clone()));
                if info.as_ref().is_some_and(|info| is_ownerless(info)) {
                    self.ownerless.entry(key).or_insert(fact.at);
                } else {
                    self.ownerless.remove(&key);
                }
                Ok(())
            }
            // So it says itself: the limit is reached (S4.7). That no node has room is found out below.
            What::Told {
                boot,
                event: Event::Unclaimed { horde, id, .. },
            } if history.few_are_left() => {
                self.ownerless.remove(&(*boot, (horde.clone(), id.clone())));
                Ok(())
            }
            What::Ended { boot, .. } => {
                self.ownerless.retain(|(shower, _), _| shower != boot);
                Ok(())
            }
            What::Tick => self.in_time(history),
            _ => Ok(()),
        }
    }

    fn settled(&self, history: &History) -> Verdict {
        for record in history.living() {
            for (child, info) in &record.children {
                match info.state {
                    ChildState::Running | ChildState::Stopped | ChildState::Failed | ChildState::Zombie => {}
                    // Whether a temporary child of a node that is down has run is not known until that node is gone
                    // for good (S5.4).
                    ChildState::Lost | ChildState::Unclaimed if info.restart() == Restart::Temporary => {}
                    // Who sees less than half of the cluster takes over so much and no more (S4.7).
                    ChildState::Unclaimed if history.few_are_left() => {}
                    // Nobody has what it needs, or room for it (S4.2), be it the node that gave it up.
                    _ if history.waits_for_room(record, child, info) => {}
                    ChildState::Starting
                    | ChildState::Restarting
                    | ChildState::Unclaimed
                    | ChildState::Lost => {
                        return Err(format!(
                            "{} still shows {:?} as {}",
                            record.boot,
                            child.1,
                            brief(Some(info))
                        ));
                    }
                }
            }
        }
        Ok(())
    }
}

impl Owned {
    fn in_time(&mut self, history: &History) -> Verdict {
        let (now, quiet) = (history.now(), history.quiet_for());
        if quiet.is_zero() {
            return Ok(());
        }
        let bound = Bounds::of(history.setup()).owned();
        let can_be_taken = |boot: &Boot, child: &Child| {
            let record = history.boot(*boot);
            let shown = record.and_then(|record| Some((record, record.children.get(child)?)));
            shown.is_some_and(|(record, info)| history.can_be_taken(record, child, &info.spec))
        };
        for ((boot, child), since) in &mut self.ownerless {
            if !can_be_taken(boot, child) {
                // Its time begins once somebody has room.
                *since = now;
            } else if quiet >= bound && now.since(*since) > bound {
                return Err(format!(
                    "{boot} shows {:?} without a living owner since {since}, and nothing went wrong for {quiet:?}: that \
                     is to take {bound:?} at the most",
                    child.1
                ));
            }
        }
        Ok(())
    }
}

/// Whether a child is to run and is shown without an owner. Whether a temporary child of a node that is down has run is
/// not known until that node is gone for good (S5.4).
fn is_ownerless(info: &ChildInfo) -> bool {
    info.state == ChildState::Unclaimed && info.restart() != Restart::Temporary
}

/// A child's state in few words.
pub(super) fn brief(info: Option<&Arc<ChildInfo>>) -> String {
    info.map_or_else(
        || "nothing".into(),
        |info| {
            format!(
                "{} on {} with {} after {} restarts, pid {:?}, reason {:?}, {}",
                info.state,
                info.node.as_ref().map_or("no node", |name| name.as_str()),
                info.token
                    .map_or_else(|| "no token".into(), |token| token.to_string()),
                info.restarts,
                info.os_pid,
                info.reason,
                String::from_utf8_lossy(&info.spec.args[..info.spec.args.len().min(24)])
            )
        },
    )
}
