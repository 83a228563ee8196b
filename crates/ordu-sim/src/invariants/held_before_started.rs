use std::collections::BTreeMap;

use ordu_core::{ChildInfo, ChildState, Life, MemberState, Token};

use super::{Invariant, Verdict};
use crate::oracle::{BootRecord, Child, History};
use crate::{Boot, Fact, Moment, What};

/// Where a node takes a child over, another node has heard of its claim before the child starts there, if it sees
/// another that is ready.
#[derive(Debug, Default)]
pub(super) struct HeldBeforeStarted {
    /// The claims of each child that each process knows or knew of, as far as it shows.
    shown: BTreeMap<Child, BTreeMap<Boot, Shown>>,
    /// Claims by which a node took a child over that it has not started since.
    claimed: BTreeMap<(Boot, Child), Claim>,
    /// The lives of which a child was ever started under each token.
    lives: BTreeMap<(Child, Token), Life>,
}

/// Who hears of a later life of a child shows that one's claim, and held the other all the same.
#[derive(Clone, Copy, Debug)]
struct Shown {
    last: Token,
    highest: Token,
}

/// A claim of a take-over, and the one it superseded.
#[derive(Clone, Copy, Debug)]
struct Claim {
    from: Token,
    token: Token,
    at: Moment,
}

impl Invariant for HeldBeforeStarted {
    fn name(&self) -> &'static str {
        "held-before-started"
    }

    fn rule(&self) -> &'static str {
        "S3.2"
    }

    fn observe(&mut self, history: &History, fact: &Fact) -> Verdict {
        match &fact.what {
            What::Child {
                boot,
                horde,
                id,
                info: Some(info),
                ..
            } => self.shows(history, fact.at, *boot, &(horde.clone(), id.clone()), info),
            // That life is over: what is started next is another one.
            What::Child {
                boot,
                horde,
                id,
                info: None,
                ..
            } => {
                self.claimed.remove(&(*boot, (horde.clone(), id.clone())));
                Ok(())
            }
            What::CopyStarting { copy, boot, life, .. } => {
                let record = history.copy(*copy);
                let child = record.child.clone();
                self.lives.insert((child.clone(), record.token), *life);
                let claim = self.claimed.remove(&(*boot, child.clone()));
                claim.map_or(Ok(()), |claim| self.judge(history, *boot, &child, claim))
            }
            _ => Ok(()),
        }
    }
}

impl HeldBeforeStarted {
    fn shows(
        &mut self,
        history: &History,
        at: Moment,
        boot: Boot,
        child: &Child,
        info: &ChildInfo,
    ) -> Verdict {
        let (Some(token), Some(record)) = (info.token, history.boot(boot)) else {
            return Ok(());
        };
        let shown = self.shown.entry(child.clone()).or_default();
        let before = shown.get(&boot).copied();
        let highest = before.map_or(token, |before| token.max(before.highest));
        shown.insert(boot, Shown { last: token, highest });
        let before = before.map(|before| before.last);
        let key = (boot, child.clone());
        if token.owner != record.node {
            self.claimed.remove(&key);
            return Ok(());
        }
        // A first start shows when it is done, a start in place has the owner of before.
        let from = before.filter(|before| before.owner != token.owner && info.state == ChildState::Starting);
        let Some(from) = from else { return Ok(()) };
        let claim = Claim { from, token, at };
        // What is started in the same breath as it is claimed is shown a little later.
        if history.copies_of(child).any(|copy| copy.token == token) {
            return self.judge(history, boot, child, claim);
        }
        self.claimed.insert(key, claim);
        Ok(())
    }

    fn judge(&self, history: &History, taker: Boot, child: &Child, claim: Claim) -> Verdict {
        let Some(record) = history.boot(taker) else {
            return Ok(());
        };
        let shown = self.shown.get(child);
        let is_shown = shown
            .into_iter()
            .flatten()
            .any(|(boot, shown)| *boot != taker && shown.highest >= claim.token);
        // Who leaves holds a claim as well: it goes once others have what it holds (S5.10). So does who has just come.
        let is_gone = |state| {
            matches!(
                state,
                MemberState::Down | MemberState::Left | MemberState::Removed
            )
        };
        let others: Vec<_> = record
            .members
            .values()
            .filter(|member| member.id != record.node && !is_gone(member.state))
            .filter_map(|member| Some((member.state, history.boot_of(member.id)?)))
            .collect();
        let sees_one_ready = others.iter().any(|(state, _)| *state == MemberState::Alive);
        // Who knows that a child is over, has not heard of its life yet or shows another one holds a claim and shows
        // something else; also one that ended after it was asked. The epochs of two lives are not in the order of the lives.
        let life_of = |token: Token| self.lives.get(&(child.clone(), token));
        let is_of_another_life =
            |token| life_of(token).is_some_and(|life| life_of(claim.from).is_some_and(|of| of != life));
        let lacks_it = |other: &BootRecord| {
            let shown = other.children.get(child);
            let token = shown.and_then(|shown| shown.token);
            other.ended.is_some_and(|ended| ended < claim.at)
                || token.is_some_and(|token| token <= claim.from && !is_of_another_life(token))
        };
        if is_shown || !sees_one_ready || !others.iter().all(|(_, other)| lacks_it(other)) {
            return Ok(());
        }
        Err(format!(
            "{taker} starts {:?}, which it took over with {}; it sees another node that is ready, and none has that \
             claim",
            child.1, claim.token
        ))
    }
}
