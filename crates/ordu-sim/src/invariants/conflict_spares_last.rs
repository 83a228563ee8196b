use std::time::Duration;

use ordu_core::{Event, Token};

use super::{Invariant, Verdict};
use crate::oracle::{Child, CopyRecord, History};
use crate::{CopyEnd, Fact, Moment, What};

/// No copy is stopped for a conflict unless the other was running when it was asked, is over, or did not
/// come up in time. A record in the map is never enough.
#[derive(Debug)]
pub(super) struct ConflictSparesLast;

/// How old the winner's word may be when the loser acts on it: one answer on a slow path.
const ANSWER: Duration = Duration::from_secs(5);

/// What a user asked for has been done everywhere by then, and who heard of it late, in a split, has heard of it.
const ENDED: Duration = Duration::from_mins(1);

impl Invariant for ConflictSparesLast {
    fn name(&self) -> &'static str {
        "conflict-spares-last"
    }

    fn rule(&self) -> &'static str {
        "S7.1, S7.2"
    }

    fn observe(&mut self, history: &History, fact: &Fact) -> Verdict {
        let What::Told {
            boot,
            event:
                Event::Conflict {
                    horde,
                    id,
                    loser,
                    winner,
                },
        } = &fact.what
        else {
            return Ok(());
        };
        let child = (horde.clone(), id.clone());
        // A user's stop or deletion ends the winner too: then it is over (S7.1).
        let since = |at: Moment| history.now().since(at) < history.setup().timing.conflict_wait + ENDED;
        let ended_by_user = history.calls_about(&child).any(|call| {
            !call.is_start() && call.may_count() && since(call.acknowledged().unwrap_or(call.made))
        });
        if ended_by_user || justified(history, &child, *winner) {
            return Ok(());
        }
        Err(format!(
            "{boot} stops its copy {loser} of {id:?} for {winner}, of which {}",
            describe(history, &child, *winner)
        ))
    }
}

fn find<'a>(history: &'a History, child: &Child, token: Token) -> Option<&'a CopyRecord> {
    history.copies_of(child).find(|copy| copy.token == token)
}

fn justified(history: &History, child: &Child, winner: Token) -> bool {
    let now = history.now();
    // The loser's patience counts, whoever that is.
    let wait = history.setup().shortest(|timing| timing.conflict_wait);
    let longest = history.setup().timing.conflict_wait;
    // The winner restarts in place under new tokens while the loser's question is on its way, so any copy of
    // its owner since then counts.
    let since_then = history
        .copies_of(child)
        .filter(|copy| copy.node == winner.owner && copy.token >= winner);
    // An older copy of its owner that is still in the way counts as starting: the new one waits for its end. So does
    // one that did not come up, however often it was tried again since: the loser's patience is for the owner, and it
    // acts on the first word after that.
    let in_the_way = history.copies_of(child).any(|copy| {
        let gone_for = copy
            .ended
            .as_ref()
            .map_or(Duration::ZERO, |(at, _)| now.since(*at));
        copy.node == winner.owner && now.since(copy.began) >= wait && gone_for < longest + ANSWER
    });
    in_the_way
        || since_then.into_iter().any(|copy| match &copy.ended {
            None => copy.up.is_some() || now.since(copy.began) >= wait.mul_f64(0.99),
            Some((at, CopyEnd::DiedWithNode)) => copy.up.is_some() && now.since(*at) <= ANSWER,
            Some(_) => true,
        })
}

fn describe(history: &History, child: &Child, winner: Token) -> String {
    match find(history, child, winner) {
        None => "no copy was ever started".into(),
        Some(copy) => match (&copy.up, &copy.ended) {
            (None, None) => format!("the copy was started at {} and has not come up", copy.began),
            (_, Some((at, end))) => format!("the copy ended at {at}: {end:?}"),
            (Some(_), None) => "the copy runs".into(),
        },
    }
}
