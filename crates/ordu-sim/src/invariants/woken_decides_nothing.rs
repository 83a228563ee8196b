use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ordu_core::{ChildInfo, ChildState, Token};

use super::{Invariant, Verdict};
use crate::oracle::{Child, History};
use crate::random::micros;
use crate::{Boot, CopyId, Fact, Fault, HostId, Moment, What};

/// A process that was stopped takes no child over and places none by itself before it can have probed everybody once who
/// was alive for it. What another node tells it to start is that node's decision: only what it does without having been
/// told anything is its own.
#[derive(Debug, Default)]
pub(super) struct WokenDecidesNothing {
    /// The machines that sleep, and those whose process is stopped while they do not: what a clock that slept as well
    /// says of it is another matter.
    asleep: BTreeSet<HostId>,
    stopped: BTreeSet<HostId>,
    /// Since when each process that stands still does.
    still: BTreeMap<Boot, Moment>,
    /// Before when those that went on decide nothing.
    rounds: BTreeMap<Boot, Round>,
    /// The last start of each child that each process shows.
    tokens: BTreeMap<(Boot, Child), Token>,
}

#[derive(Debug)]
struct Round {
    went_on: Moment,
    ends: Moment,
}

/// A clock that is not slewed measures the same time a little differently.
const DRIFT_PPM: u64 = 1_000;

impl Invariant for WokenDecidesNothing {
    fn name(&self) -> &'static str {
        "woken-decides-nothing"
    }

    fn rule(&self) -> &'static str {
        "S4.5"
    }

    fn observe(&mut self, history: &History, fact: &Fact) -> Verdict {
        match &fact.what {
            What::Inflicted(Fault::Suspend(host)) => {
                self.asleep.insert(*host);
                self.stopped.remove(host);
            }
            What::Inflicted(Fault::Pause(host)) if !self.asleep.contains(host) => {
                self.stopped.insert(*host);
            }
            What::Paused(boot) => {
                self.still.entry(*boot).or_insert(fact.at);
            }
            What::Resumed(boot) => {
                self.asleep.remove(&boot.host);
                let was_stopped = self.stopped.remove(&boot.host);
                let still = self.still.remove(boot).filter(|_| was_stopped);
                // It counts from when it would have gone on by itself.
                let noticed = history.setup().timing_of(boot.host).gap * 2;
                if still.is_some_and(|stopped| fact.at.since(stopped) > noticed) {
                    let (went_on, ends) = (fact.at, fact.at + round(history, *boot));
                    self.rounds.insert(*boot, Round { went_on, ends });
                }
            }
            What::Ended { boot, .. } => {
                self.asleep.remove(&boot.host);
                self.stopped.remove(&boot.host);
                self.still.remove(boot);
                self.rounds.remove(boot);
                self.tokens.retain(|(shower, _), _| shower != boot);
            }
            What::Child {
                boot,
                horde,
                id,
                info: Some(info),
                ..
            } => return self.shown(history, fact, *boot, &(horde.clone(), id.clone()), info),
            What::Child {
                boot,
                horde,
                id,
                info: None,
                ..
            } => {
                self.tokens.remove(&(*boot, (horde.clone(), id.clone())));
            }
            What::CopyStarting { copy, .. } => return self.starts(history, fact, *copy),
            _ => {}
        }
        Ok(())
    }
}

/// How long a round of probes takes at the least: one in each period, of everybody who is alive for it.
fn round(history: &History, boot: Boot) -> Duration {
    let members = history.boot(boot).map(|record| {
        let others = record.members.values().filter(|member| member.id != record.node);
        let alive = others.filter(|member| member.state == ordu_core::MemberState::Alive);
        alive.count()
    });
    let members = u32::try_from(members.unwrap_or_default()).unwrap_or(u32::MAX);
    let round = history.setup().timing_of(boot.host).probe_period * members;
    let wrong = micros(round) * (DRIFT_PPM + history.slewed(boot.host)) / 1_000_000;
    round.saturating_sub(Duration::from_micros(wrong))
}

impl WokenDecidesNothing {
    /// Why a process may not decide anything now, if so.
    fn waits(&self, fact: &Fact, boot: Boot) -> Option<String> {
        let round = self.rounds.get(&boot).filter(|round| fact.at < round.ends)?;
        (!fact.is_heard).then(|| {
            format!(
                "it went on at {}, and cannot have probed all before {}",
                round.went_on, round.ends
            )
        })
    }

    fn shown(
        &mut self,
        history: &History,
        fact: &Fact,
        boot: Boot,
        child: &Child,
        info: &ChildInfo,
    ) -> Verdict {
        let Some(token) = info.token else { return Ok(()) };
        let before = self.tokens.insert((boot, child.clone()), token);
        let own = history.boot(boot).map(|record| record.node);
        let is_taken = Some(token.owner) == own && info.state == ChildState::Starting;
        let Some(before) = before.filter(|before| is_taken && before.owner != token.owner) else {
            return Ok(());
        };
        let Some(why) = self.waits(fact, boot) else {
            return Ok(());
        };
        Err(format!(
            "{boot} takes {:?} over from {} by itself: {why}",
            child.1, before.owner
        ))
    }

    fn starts(&self, history: &History, fact: &Fact, copy: CopyId) -> Verdict {
        let this = history.copy(copy);
        let Some(why) = self.waits(fact, this.boot) else {
            return Ok(());
        };
        // What runs here already is started again, and what was claimed before is started once that is held.
        let is_known = self
            .tokens
            .get(&(this.boot, this.child.clone()))
            .is_some_and(|token| token.owner == this.node);
        let runs = history
            .copies_of(&this.child)
            .filter(|other| other.boot == this.boot);
        if is_known || runs.count() > 1 {
            return Ok(());
        }
        Err(format!(
            "{} places {:?} on itself: {why}",
            this.boot, this.child.1
        ))
    }
}
