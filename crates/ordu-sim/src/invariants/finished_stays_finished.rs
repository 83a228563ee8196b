use ordu_core::{Command, Restart};

use super::{Invariant, Verdict};
use crate::oracle::{CallRecord, Child, CopyRecord, History};
use crate::{Fact, Moment, What};

/// A node that has seen a transient or temporary child finish does not start it again unless somebody asks,
/// and once all has settled nobody runs it.
#[derive(Debug)]
pub(super) struct FinishedStaysFinished;

impl Invariant for FinishedStaysFinished {
    fn name(&self) -> &'static str {
        "finished-stays-finished"
    }

    fn rule(&self) -> &'static str {
        "S5.4"
    }

    fn observe(&mut self, history: &History, fact: &Fact) -> Verdict {
        let What::CopyStarting { copy, boot, .. } = &fact.what else {
            return Ok(());
        };
        let this = history.copy(*copy);
        let finished = history
            .copies_of(&this.child)
            .filter(|other| other.boot == *boot)
            .find_map(|other| finish_seen(history, other).map(|at| (other, at)));
        match finished {
            Some((other, at))
                if !asked_since(history, &this.child, other) && !had_begun(history, this, other, at) =>
            {
                Err(format!(
                    "{boot} starts {:?} again, of which it saw the copy {} finish at {at}",
                    this.child.1, other.token
                ))
            }
            _ => Ok(()),
        }
    }

    fn settled(&self, history: &History) -> Verdict {
        for copy in history.copies() {
            let Some(at) = finish_seen(history, copy) else {
                continue;
            };
            let survived = history
                .boot(copy.boot)
                .is_some_and(|record| record.ended.is_none());
            if !survived || asked_since(history, &copy.child, copy) {
                continue;
            }
            if let Some(live) = history
                .copies_of(&copy.child)
                .find(|live| live.is_live() && !live.is_zombie() && !had_begun(history, live, copy, at))
            {
                return Err(format!(
                    "{:?} finished on {} at {at} and runs on {}",
                    copy.child.1, copy.boot, live.boot
                ));
            }
        }
        Ok(())
    }
}

/// Whether a copy is of another life than the one that finished, begun before that: out of its sight, perhaps.
fn had_begun(history: &History, copy: &CopyRecord, finished: &CopyRecord, at: Moment) -> bool {
    let is_of_it = |other: &&CopyRecord| other.life == copy.life;
    let mut of_it = history.copies_of(&copy.child).filter(is_of_it);
    copy.life != finished.life && of_it.any(|other| other.began < at)
}

fn finish_seen(history: &History, copy: &CopyRecord) -> Option<Moment> {
    let counts = copy.spec.restart != Restart::Permanent && copy.finished() && copy.stopping.is_none();
    // One that was made permanent while it ran is started again (S2.1).
    let made_permanent = |call: &CallRecord| {
        matches!(&call.command, Command::UpdateChild { spec, .. } if spec.restart == Restart::Permanent)
            && call.may_count()
    };
    let counts = counts && !history.calls_about(&copy.child).any(made_permanent);
    copy.end_seen.filter(|_| counts)
}

/// Whether a start or restart may have come into effect after that copy was started.
fn asked_since(history: &History, child: &Child, copy: &CopyRecord) -> bool {
    let mut answered_later = 0;
    for call in history.calls_about(child).filter(|call| call.is_start()) {
        let is_open = call.may_count() && call.acknowledged().is_none();
        if is_open || (call.made >= copy.began && call.may_count()) {
            return true;
        }
        if call.acknowledged().is_some_and(|at| at >= copy.began) {
            answered_later += 1;
        }
    }
    // One of them may be the call that started this very copy.
    answered_later > 1
}
