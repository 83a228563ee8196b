use std::collections::BTreeSet;

use ordu_core::{ChildInfo, Restart};

use super::outcome_truth::shows_running;
use super::{Invariant, Verdict};
use crate::oracle::{Child, CopyRecord, History};

/// Once all has settled each child that is shown as running runs exactly once, where it is said to run and
/// with the token that is shown; no other runs at all.
#[derive(Debug)]
pub(super) struct ExactlyOneAfterHeal;

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

    fn settled(&self, history: &History) -> Verdict {
        let Some(record) = history.living().next() else {
            return Ok(());
        };
        let live = history.copies().iter().filter(|copy| copy.is_live());
        let children: BTreeSet<&Child> = live
            .map(|copy| &copy.child)
            .chain(record.children.keys())
            .collect();
        for child in children {
            let copies: Vec<&CopyRecord> = history.copies_of(child).filter(|copy| copy.is_live()).collect();
            let shown = record.children.get(child).filter(|info| shows_running(info));
            let right = match (shown, copies.as_slice()) {
                (None, []) => true,
                (Some(info), [copy]) => {
                    copy.is_up() && has_token(copy, info) && info.node == Some(copy.boot.host.name())
                }
                _ => false,
            };
            if !right {
                let copies: Vec<String> = copies
                    .iter()
                    .map(|copy| format!("{} on {} since {}", copy.token, copy.boot, copy.began))
                    .collect();
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
