use std::collections::{BTreeMap, BTreeSet};

use ordu_core::{ChildState, Life, Token};

use super::{Invariant, Verdict};
use crate::oracle::{Child, CopyRecord, History};
use crate::{Boot, Fact, Moment, What};

/// Who takes a child over counts its restarts on from where they were, as far as it knew.
#[derive(Debug, Default)]
pub(super) struct RestartsAreInherited {
    /// What each process last showed of each child.
    shown: BTreeMap<(Boot, Child), Shown>,
    /// All starts that each process has shown of each child.
    ever_shown: BTreeSet<(Boot, Child, Token)>,
}

#[derive(Clone, Copy, Debug)]
struct Shown {
    life: Life,
    token: Token,
    restarts: u32,
    /// Since when the restarts of this life can only grow, as far as this process knows.
    since: Moment,
}

impl Invariant for RestartsAreInherited {
    fn name(&self) -> &'static str {
        "restarts-are-inherited"
    }

    fn rule(&self) -> &'static str {
        "S2.5"
    }

    fn observe(&mut self, history: &History, fact: &Fact) -> Verdict {
        let What::Child {
            boot,
            horde,
            id,
            life,
            info,
        } = &fact.what
        else {
            return Ok(());
        };
        let child = (horde.clone(), id.clone());
        let key = (*boot, child.clone());
        let (Some(life), Some(info)) = (life, info) else {
            self.shown.remove(&key);
            return Ok(());
        };
        let Some(token) = info.token else { return Ok(()) };
        let before = self
            .shown
            .get(&key)
            .filter(|before| before.life == *life)
            .copied();
        let since = before.map_or(fact.at, |before| before.since);
        let now = Shown {
            life: *life,
            token,
            restarts: info.restarts,
            since,
        };
        self.shown.insert(key, now);
        self.ever_shown.insert((*boot, child.clone(), token));
        let Some(before) = before else { return Ok(()) };
        let Some(record) = history.boot(*boot) else {
            return Ok(());
        };
        let takes = token.owner == record.node && before.token.owner != record.node;
        // A user who starts it again begins to count anew, and so does one whose call is not answered yet. The tokens of the
        // sides of a split are not in the order of the runs: a start since the owner known here had it may be the later.
        let by_that_owner = |copy: &&CopyRecord| copy.node == before.token.owner;
        let its_first = history
            .copies_of(&child)
            .find(by_that_owner)
            .map(|copy| copy.began);
        let since = its_first.map_or(before.since, |began| began.min(before.since));
        let is_counted_anew = || {
            let calls = history.calls_about(&child);
            calls
                .filter(|call| call.is_start() && call.may_count())
                .any(|call| {
                    // Of a start that is later than the one known here, or was never shown here, somebody else may have
                    // told what is wanted alone.
                    let is_news = |started: Token| {
                        let shown = (*boot, child.clone(), started);
                        started > before.token || !self.ever_shown.contains(&shown)
                    };
                    call.acknowledged().is_none_or(|at| at >= since) || call.started().is_some_and(is_news)
                })
        };
        let is_lost = takes && info.state == ChildState::Starting && info.restarts < before.restarts;
        if is_lost && !is_counted_anew() {
            return Err(format!(
                "{boot} takes {:?} over with {token} after {} restarts; it knew of {} of them",
                child.1, info.restarts, before.restarts
            ));
        }
        Ok(())
    }
}
