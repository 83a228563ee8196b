use alloc::vec::Vec;

use ordu_supervisor::decisions::Restart;

use super::{Copy, Phase, Step, StopWhy, Verdict};
use crate::NodeId;
use crate::planted::{Bug, Planted};
use crate::registers::{Claim, ClaimState, Deleted, Intent, Rank};

/// The registers of one child, the copy on this node, and the rules S2, S5.3, S5.4 and S7 over them.
///
/// It is level-triggered: [`Claims::next_step`] looks at what is, not at what happened, so a lost, repeated
/// or reordered notice changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Claims {
    me: NodeId,
    intent: Option<Intent>,
    /// There is no intent, and the life that the first claim is of is known to be over (S2.1).
    is_over: bool,
    /// Concurrent claims, highest rank first.
    siblings: Vec<Claim>,
    copy: Option<Copy>,
    /// The highest epoch seen for the id (S3.1).
    epoch: u64,
    /// A number above all epochs of the lives before this one that nobody claims any more; 0: there are none (S3.4).
    above_older_lives: u64,
    planted: Planted,
}

impl Claims {
    pub(crate) fn new(me: NodeId, planted: Planted) -> Self {
        Self {
            me,
            planted,
            intent: None,
            is_over: false,
            siblings: Vec::new(),
            copy: None,
            epoch: 0,
            above_older_lives: 0,
        }
    }

    /// Takes over what the map says that the user wants.
    pub(crate) fn set_intent(&mut self, intent: Option<Intent>) {
        self.intent = intent;
    }

    /// Takes over whether what is claimed is of a life that was here and is gone.
    pub(crate) fn set_over(&mut self, is_over: bool) {
        self.is_over = is_over;
    }

    /// Whether what is claimed is of a life that was here and is gone.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    /// Takes over what the map says of who runs it.
    pub(crate) fn set_claims(&mut self, mut claims: Vec<Claim>) {
        if !self.planted.is(Bug::ClaimsRankedByClock) {
            claims.sort_by_key(|claim| core::cmp::Reverse(claim.rank()));
        }
        self.epoch = claims
            .iter()
            .map(|claim| claim.token.epoch)
            .fold(self.epoch, u64::max);
        self.siblings = claims;
    }

    /// Takes over what the map tells of the epochs of older lives by what was wished of them, where no claim is left of one:
    /// that is stamped above every epoch that its writer saw (S3.1).
    pub(crate) fn set_above_older_lives(&mut self, above: u64) {
        self.above_older_lives = above;
        self.observe_epoch(above);
    }

    /// Whether a life before this one may have had a higher epoch.
    pub(crate) const fn may_be_below_an_older_life(&self, epoch: u64) -> bool {
        self.above_older_lives > epoch
    }

    pub(crate) fn set_copy(&mut self, copy: Option<Copy>) {
        self.epoch = copy
            .as_ref()
            .map_or(self.epoch, |copy| self.epoch.max(copy.token.epoch));
        self.copy = copy;
    }

    pub(crate) fn copy(&self) -> Option<&Copy> {
        self.copy.as_ref()
    }

    pub(crate) fn copy_mut(&mut self) -> Option<&mut Copy> {
        self.copy.as_mut()
    }

    pub(crate) fn intent(&self) -> Option<&Intent> {
        self.intent.as_ref()
    }

    /// The claim of the highest rank.
    pub(crate) fn winner(&self) -> Option<&Claim> {
        self.siblings.first()
    }

    /// All concurrent claims, highest rank first.
    pub(crate) fn siblings(&self) -> &[Claim] {
        &self.siblings
    }

    /// Raises the highest epoch known for the id.
    pub(crate) fn observe_epoch(&mut self, epoch: u64) {
        self.epoch = self.epoch.max(epoch);
    }

    /// The epoch of the next start (S3.1).
    pub(crate) fn next_epoch(&self, hlc_millis: u64) -> u64 {
        self.epoch.saturating_add(1).max(hlc_millis)
    }

    pub(crate) fn highest_epoch(&self) -> u64 {
        self.epoch
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.intent.is_none() && self.siblings.is_empty() && self.copy.is_none()
    }

    /// The claim of this node, if it is the winner and of the intent's life.
    pub(crate) fn own(&self) -> Option<&Claim> {
        let intent = self.intent.as_ref()?;
        self.winner()
            .filter(|claim| claim.owner() == self.me && claim.birth == intent.birth)
    }

    /// Whether a claim of this rank may be written: never over one of higher rank (S2.2).
    pub(crate) fn may_write(&self, rank: Rank) -> bool {
        self.winner().is_none_or(|winner| winner.rank() <= rank)
    }

    /// Whether a claim other than the winner is still there: the winner's next write supersedes it.
    pub(crate) fn is_contested(&self) -> bool {
        self.siblings.len() > 1
    }

    /// The rank that outranks this node's copy, if the copy is one too many (S7).
    pub(crate) fn outranked_by(&self) -> Option<Rank> {
        let copy = self.copy.as_ref().filter(|copy| !copy.unwritten)?;
        let winner = self.winner()?;
        (winner.owner() != self.me && winner.birth == copy.birth && winner.rank() > copy.rank())
            .then(|| winner.rank())
    }

    /// What the owner of the copy, or of the claim, must do next; `None`: all is as it should be.
    pub(crate) fn next_step(&self) -> Option<Step> {
        match &self.copy {
            Some(copy) => self.step_with_copy(copy),
            None => self.step_without_copy(),
        }
    }

    fn step_with_copy(&self, copy: &Copy) -> Option<Step> {
        if matches!(copy.phase, Phase::Stopping(_) | Phase::Zombie) {
            return None;
        }
        let Some(intent) = &self.intent else {
            let is_of_it = |claim: &Claim| claim.birth == copy.birth;
            // A claim goes only together with its life, whoever removed it: perhaps the owner of another copy (S2.3).
            let is_gone = !copy.unwritten && !self.siblings.iter().any(is_of_it);
            let is_over = is_gone || self.is_over && self.winner().is_some_and(is_of_it);
            let is_deleted = is_over || self.planted.is(Bug::AbsentIntentReadAsDeletion);
            return is_deleted.then_some(Step::Stop(StopWhy::Deleted));
        };
        if intent.birth < copy.birth {
            return None;
        }
        if intent.birth > copy.birth {
            return Some(Step::Stop(StopWhy::Void));
        }
        match intent.deleted {
            Deleted::Finished if intent.run >= copy.run => return Some(Step::Stop(StopWhy::Finished)),
            Deleted::No | Deleted::Finished => {}
            Deleted::Lost | Deleted::ByUser => return Some(Step::Stop(StopWhy::Deleted)),
        }
        if !intent.wants_running() {
            return Some(Step::Stop(StopWhy::Terminated));
        }
        // A claim of an earlier run says nothing of this one: its owner has yet to start that, or has nothing to start.
        let is_of_an_earlier_run = self.winner().is_some_and(|claim| claim.run < copy.run);
        if let Some(rank) = self.outranked_by().filter(|_| !is_of_an_earlier_run) {
            return Some(Step::Confirm(rank));
        }
        if intent.run > copy.run {
            return Some(Step::Stop(StopWhy::Rerun));
        }
        // A temporary child runs at most once (S5.4): it keeps the token it has (S3.4).
        let may_restart = intent.spec.restart != Restart::Temporary;
        let claimed_above = !copy.unwritten && self.own().is_some_and(|own| own.token > copy.token);
        let is_outranked = claimed_above || self.outranked_by_an_older_life(copy);
        (may_restart && is_outranked).then_some(Step::Stop(StopWhy::Outranked))
    }

    /// S3.4: only if an older life had a higher epoch does the winner start its copy again.
    fn outranked_by_an_older_life(&self, copy: &Copy) -> bool {
        !copy.unwritten
            && !self.planted.is(Bug::OlderLifeIgnored)
            && self.own().is_some_and(|own| own.token == copy.token)
            && self.is_below_an_older_life(copy)
    }

    /// Whether a claim of an older life has a higher token than this copy, or may have had one.
    pub(crate) fn is_below_an_older_life(&self, copy: &Copy) -> bool {
        let is_above = |claim: &Claim| claim.birth < copy.birth && claim.token > copy.token;
        self.may_be_below_an_older_life(copy.token.epoch) || self.siblings.iter().any(is_above)
    }

    fn step_without_copy(&self) -> Option<Step> {
        let Some(intent) = &self.intent else {
            let is_mine = self.winner().is_some_and(|claim| claim.owner() == self.me);
            return (self.is_over && is_mine).then_some(Step::RemoveClaim);
        };
        // A claim of a life before one that is over as well.
        let void = |claim: &&Claim| claim.owner() == self.me && claim.birth < intent.birth;
        if !intent.is_live() && self.winner().as_ref().is_some_and(void) {
            return Some(Step::RemoveClaim);
        }
        let own = self.own()?;
        if !intent.is_live() {
            return Some(Step::RemoveClaim);
        }
        match (intent.wants_running(), own.state) {
            (false, ClaimState::Stopped | ClaimState::Failed) if own.run >= intent.run => None,
            (false, ClaimState::Failed) => Some(Step::Settle(ClaimState::Failed)),
            (false, _) => Some(Step::Settle(ClaimState::Stopped)),
            (true, _) if self.has_failed_elsewhere() => Some(Step::Settle(ClaimState::Failed)),
            (true, ClaimState::Failed | ClaimState::Relocating) => {
                (intent.run > own.run).then_some(Step::Start)
            }
            (true, _) => Some(Step::Start),
        }
    }

    /// Whether the run that is wished has failed where it was carried out, while another claim counts, of a run before that
    /// had failed or was stopped: what a user started again there and failed is failed (S2.5).
    pub(crate) fn has_failed_elsewhere(&self) -> bool {
        let Some((intent, winner)) = self.intent.as_ref().zip(self.winner()) else {
            return false;
        };
        let is_over = matches!(winner.state, ClaimState::Failed | ClaimState::Stopped);
        let is_of_it = |claim: &&Claim| claim.birth == intent.birth && claim.run >= intent.run;
        let mut tried = self.siblings.iter().filter(is_of_it);
        is_over && winner.run < intent.run && tried.any(|claim| claim.state == ClaimState::Failed)
    }

    /// The answer to a loser that asks whether the copy of `rank`, or a later one of this node, runs (S7.1).
    pub(crate) fn verdict(&self, rank: Rank) -> Verdict {
        let over = self
            .intent
            .as_ref()
            .is_some_and(|intent| intent.birth == rank.birth && !intent.is_live());
        if over && self.copy.is_none() {
            return Verdict::Over;
        }
        let Some(own) = self.own().filter(|own| own.rank() >= rank) else {
            return Verdict::NotWinner;
        };
        if self.planted.is(Bug::WinnerAnswersFromTheMap) {
            return Verdict::Running;
        }
        // A claim that waits for its holders starts nothing yet: the loser's patience begins with the start.
        if matches!(self.next_step(), Some(Step::Stop(StopWhy::Outranked))) {
            return Verdict::NotWinner;
        }
        match self.copy.as_ref().map(|copy| &copy.phase) {
            Some(Phase::Running { .. }) => Verdict::Running,
            Some(
                Phase::Starting | Phase::Restarting | Phase::Stopping(StopWhy::Rerun | StopWhy::Outranked),
            ) => Verdict::Starting,
            None if matches!(own.state, ClaimState::Stopped | ClaimState::Failed) => Verdict::Over,
            // One that does not die serves nobody: the other goes on.
            Some(Phase::Claiming | Phase::Stopping(_) | Phase::Zombie) | None => Verdict::NotWinner,
        }
    }
}
