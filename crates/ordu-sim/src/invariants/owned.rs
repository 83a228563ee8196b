use std::sync::Arc;

use ordu_core::{ChildInfo, ChildState, Restart};

use super::{Invariant, Verdict};
use crate::oracle::History;

/// Every child that is to run has a living owner that runs it.
#[derive(Debug)]
pub(super) struct Owned;

impl Invariant for Owned {
    fn name(&self) -> &'static str {
        "owned"
    }

    fn rule(&self) -> &'static str {
        "S4.4"
    }

    fn settled(&self, history: &History) -> Verdict {
        for record in history.living() {
            for (child, info) in &record.children {
                match info.state {
                    ChildState::Running | ChildState::Stopped | ChildState::Failed | ChildState::Zombie => {}
                    // Whether a temporary child of a node that is down has run is not known until that node is gone
                    // for good (S5.4).
                    ChildState::Unclaimed if info.restart() == Restart::Temporary => {}
                    // Who sees less than half of the cluster takes over so much and no more (S4.7).
                    ChildState::Unclaimed if few_are_left(history) => {}
                    ChildState::Starting | ChildState::Restarting | ChildState::Unclaimed => {
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

/// Whether so many nodes are dead for good that the others may leave children unclaimed.
fn few_are_left(history: &History) -> bool {
    history.living().count() * 2 < history.setup().hosts.len() && history.children().count() > 100
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
