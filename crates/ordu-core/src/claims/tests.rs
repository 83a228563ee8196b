//! The owner's rules on the bare machine, one by one.

use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use ordu_crdt::{Hlc, ReplicaId, Stamp};
use ordu_supervisor::decisions::Restart;

use super::{Claims, Copy, Phase, Step, StopWhy, Verdict};
use crate::in_tests::{UNBORN, claimed};
use crate::planted::Planted;
use crate::registers::{Claim, ClaimState, Deleted, Desired, Intent, Rank};
use crate::{ChildSpec, Kind, NodeId, Token};

const ME: NodeId = NodeId(10);
const OTHER: NodeId = NodeId(20);

fn stamp(ms: u64) -> Stamp {
    Stamp {
        hlc: Hlc::new(ms, 0),
        origin: ReplicaId(1),
    }
}

fn token(epoch: u64, owner: NodeId) -> Token {
    Token { epoch, owner }
}

fn intent(birth: u64) -> Intent {
    Intent {
        born: UNBORN,
        retried: false,
        birth: stamp(birth),
        run: stamp(birth),
        runner: None,
        desired: Desired::Running,
        deleted: Deleted::No,
        changed: None,
        spec: Arc::new(ChildSpec::new(Kind::new("k").unwrap(), 1, vec![])),
    }
}

fn claim(birth: u64, token: Token) -> Claim {
    claimed(stamp(birth), token)
}

fn running(birth: u64, token: Token) -> Copy {
    Copy {
        retried: false,
        birth: stamp(birth),
        run: stamp(birth),
        token,
        phase: Phase::Running { os_pid: None },
        unwritten: false,
    }
}

fn child(intent: Intent, claims: Vec<Claim>, copy: Option<Copy>) -> Claims {
    let mut child = Claims::new(ME, Planted::default());
    child.set_intent(Some(intent));
    child.set_claims(claims);
    child.set_copy(copy);
    child
}

#[test]
fn a_child_that_runs_as_it_should_needs_nothing() {
    let child = child(
        intent(1),
        vec![claim(1, token(5, ME))],
        Some(running(1, token(5, ME))),
    );
    assert_eq!(child.next_step(), None);
}

#[test]
fn the_winner_among_claims_is_the_highest_rank_whatever_their_order() {
    let low = claim(1, token(9, OTHER));
    let high = claim(2, token(3, ME));
    for claims in [vec![low.clone(), high.clone()], vec![high.clone(), low]] {
        assert_eq!(child(intent(2), claims, None).winner(), Some(&high));
    }
}

#[test]
fn a_copy_of_an_older_life_is_stopped() {
    let child = child(
        intent(2),
        vec![claim(2, token(9, OTHER))],
        Some(running(1, token(5, ME))),
    );
    assert_eq!(child.next_step(), Some(Step::Stop(StopWhy::Void)));
}

#[test]
fn the_absence_of_an_intent_stops_nothing() {
    let mut child = Claims::new(ME, Planted::default());
    child.set_claims(vec![claim(1, token(5, ME))]);
    child.set_copy(Some(running(1, token(5, ME))));
    assert_eq!(child.next_step(), None);
}

#[test]
fn a_copy_of_which_neither_the_intent_nor_the_claim_is_left_is_stopped() {
    for others in [vec![], vec![claim(2, token(9, OTHER))]] {
        let mut child = Claims::new(ME, Planted::default());
        child.set_claims(others);
        // The first start wrote both.
        let first = Copy {
            unwritten: true,
            ..running(1, token(5, ME))
        };
        child.set_copy(Some(first));
        assert_eq!(child.next_step(), None);
        child.set_copy(Some(running(1, token(5, ME))));
        assert_eq!(child.next_step(), Some(Step::Stop(StopWhy::Deleted)));
    }
}

#[test]
fn a_first_start_is_not_disturbed_by_an_older_life() {
    let copy = Copy {
        unwritten: true,
        phase: Phase::Starting,
        ..running(3, token(9, ME))
    };
    let over = Intent {
        deleted: Deleted::ByUser,
        ..intent(1)
    };
    assert_eq!(child(over, vec![], Some(copy)).next_step(), None);
}

#[test]
fn a_copy_stops_when_its_child_is_stopped_deleted_or_finished() {
    for (intent, why) in [
        (
            Intent {
                desired: Desired::Stopped(stamp(1)),
                ..intent(1)
            },
            StopWhy::Terminated,
        ),
        (
            Intent {
                deleted: Deleted::ByUser,
                ..intent(1)
            },
            StopWhy::Deleted,
        ),
        (
            Intent {
                deleted: Deleted::Lost,
                ..intent(1)
            },
            StopWhy::Deleted,
        ),
        (
            Intent {
                deleted: Deleted::Finished,
                ..intent(1)
            },
            StopWhy::Finished,
        ),
    ] {
        let child = child(
            intent,
            vec![claim(1, token(5, ME))],
            Some(running(1, token(5, ME))),
        );
        assert_eq!(child.next_step(), Some(Step::Stop(why)));
    }
}

#[test]
fn a_newer_run_stops_the_copy_and_then_starts_it_again() {
    let wanted = Intent {
        run: stamp(7),
        ..intent(1)
    };
    let claims = vec![claim(1, token(5, ME))];
    let with = child(wanted.clone(), claims.clone(), Some(running(1, token(5, ME))));
    assert_eq!(with.next_step(), Some(Step::Stop(StopWhy::Rerun)));
    assert_eq!(child(wanted, claims, None).next_step(), Some(Step::Start));
}

#[test]
fn only_the_owner_settles_or_removes_its_claim() {
    let stopped = Intent {
        desired: Desired::Stopped(stamp(1)),
        ..intent(1)
    };
    let over = Intent {
        deleted: Deleted::ByUser,
        ..intent(1)
    };
    let mine = vec![claim(1, token(5, ME))];
    let theirs = vec![claim(1, token(5, OTHER))];
    let settle = Some(Step::Settle(ClaimState::Stopped));
    assert_eq!(child(stopped.clone(), mine.clone(), None).next_step(), settle);
    // A restart came in between, and was stopped before it was carried out: who stopped it waits for that word.
    for state in [ClaimState::Stopped, ClaimState::Failed] {
        let before = vec![Claim {
            state,
            ..claim(1, token(5, ME))
        }];
        assert_eq!(child(stopped.clone(), before.clone(), None).next_step(), None);
        let newer = Intent {
            run: stamp(7),
            ..stopped.clone()
        };
        assert_eq!(child(newer, before, None).next_step(), Some(Step::Settle(state)));
    }
    assert_eq!(
        child(over.clone(), mine, None).next_step(),
        Some(Step::RemoveClaim)
    );
    assert_eq!(child(stopped, theirs.clone(), None).next_step(), None);
    assert_eq!(child(over, theirs, None).next_step(), None);
}

#[test]
fn a_failed_child_is_started_by_a_newer_run_only() {
    let failed = Claim {
        state: ClaimState::Failed,
        ..claim(1, token(5, ME))
    };
    assert_eq!(child(intent(1), vec![failed.clone()], None).next_step(), None);
    let again = Intent {
        run: stamp(7),
        ..intent(1)
    };
    assert_eq!(child(again, vec![failed], None).next_step(), Some(Step::Start));
}

#[test]
fn a_loser_asks_before_it_stops() {
    let winner = claim(1, token(6, OTHER));
    let claims = vec![claim(1, token(5, ME)), winner.clone()];
    let child = child(intent(1), claims, Some(running(1, token(5, ME))));
    assert_eq!(child.next_step(), Some(Step::Confirm(winner.rank())));
}

#[test]
fn a_loser_never_writes_over_a_claim_of_higher_rank() {
    let claims = vec![claim(1, token(5, ME)), claim(1, token(6, OTHER))];
    let child = child(intent(1), claims, None);
    assert_eq!(child.own(), None);
    assert!(!child.may_write(Rank {
        birth: stamp(1),
        token: token(5, ME)
    }));
    assert!(child.may_write(Rank {
        birth: stamp(1),
        token: token(7, ME)
    }));
}

#[test]
fn the_winner_answers_from_what_really_runs_here() {
    let mine = claim(1, token(6, ME));
    let rank = mine.rank();
    let at = |phase| {
        Some(Copy {
            phase,
            ..running(1, token(6, ME))
        })
    };
    let verdict = |copy| child(intent(1), vec![mine.clone()], copy).verdict(rank);
    assert_eq!(verdict(at(Phase::Running { os_pid: Some(7) })), Verdict::Running);
    for phase in [
        Phase::Starting,
        Phase::Restarting,
        Phase::Stopping(StopWhy::Rerun),
    ] {
        assert_eq!(verdict(at(phase)), Verdict::Starting);
    }
    assert_eq!(
        verdict(at(Phase::Claiming)),
        Verdict::NotWinner,
        "nothing is being started before the claim is held"
    );
    assert_eq!(verdict(at(Phase::Stopping(StopWhy::Leave))), Verdict::NotWinner);
    assert_eq!(
        verdict(at(Phase::Zombie)),
        Verdict::NotWinner,
        "a copy that works is not stopped for one that does not die"
    );
    assert_eq!(verdict(None), Verdict::NotWinner);
}

#[test]
fn a_winner_that_is_to_start_its_copy_again_above_its_claim_does_not_say_that_it_runs() {
    let claims = vec![claim(1, token(6, ME))];
    let older = running(1, token(5, ME));
    let rank = claims[0].rank();
    let permanent = child(intent(1), claims.clone(), Some(older.clone()));
    assert_eq!(permanent.verdict(rank), Verdict::NotWinner);
    // A temporary one keeps the copy and its token (S3.4).
    let mut temporary = intent(1);
    Arc::make_mut(&mut temporary.spec).restart = Restart::Temporary;
    let temporary = child(temporary, claims, Some(older));
    assert_eq!(temporary.verdict(rank), Verdict::Running);
}

#[test]
fn who_does_not_rank_itself_winner_confirms_nothing() {
    let claims = vec![claim(1, token(6, ME)), claim(1, token(7, OTHER))];
    let child = child(intent(1), claims, Some(running(1, token(6, ME))));
    assert_eq!(
        child.verdict(Rank {
            birth: stamp(1),
            token: token(6, ME)
        }),
        Verdict::NotWinner
    );
}

#[test]
fn a_winner_that_is_over_says_so() {
    for state in [ClaimState::Stopped, ClaimState::Failed] {
        let mine = Claim {
            state,
            ..claim(1, token(6, ME))
        };
        assert_eq!(
            child(intent(1), vec![mine.clone()], None).verdict(mine.rank()),
            Verdict::Over
        );
    }
    let finished = Intent {
        deleted: Deleted::Finished,
        ..intent(1)
    };
    let rank = Rank {
        birth: stamp(1),
        token: token(6, ME),
    };
    assert_eq!(child(finished, vec![], None).verdict(rank), Verdict::Over);
}

#[test]
fn a_higher_epoch_of_an_older_life_starts_the_winner_again_once_above_it() {
    let claims = vec![claim(2, token(5, ME)), claim(1, token(9, OTHER))];
    let first = child(intent(2), claims, Some(running(2, token(5, ME))));
    assert_eq!(first.next_step(), Some(Step::Stop(StopWhy::Outranked)));
    assert_eq!(first.next_epoch(0), 10);
    let above = vec![claim(2, token(10, ME)), claim(1, token(9, OTHER))];
    let second = child(intent(2), above, Some(running(2, token(10, ME))));
    assert_eq!(second.next_step(), None);
}

#[test]
fn epochs_rise_above_all_that_was_seen_and_the_clock() {
    let mut child = child(intent(1), vec![claim(1, token(5, OTHER))], None);
    assert_eq!(child.next_epoch(0), 6);
    assert_eq!(child.next_epoch(1_000), 1_000);
    child.set_claims(vec![]);
    assert_eq!(child.next_epoch(0), 6, "a removed claim still counts");
}

/// Of two sides of a split one restarts the child in vain and the other later, where it runs: of what that one claims it is
/// no copy too many, and stopped it would be started a second time.
#[test]
fn a_copy_is_not_stopped_for_a_claim_of_an_earlier_run() {
    let rival = |run| Claim {
        run: stamp(run),
        ..claim(1, token(9, OTHER))
    };
    let wished = Intent {
        run: stamp(3),
        ..intent(1)
    };
    let copy = Copy {
        run: stamp(3),
        ..running(1, token(5, ME))
    };
    let later = child(wished.clone(), vec![rival(2)], Some(copy.clone()));
    assert_eq!(later.next_step(), None);
    assert!(later.outranked_by().is_some(), "it may take the child over");
    let same = child(wished, vec![rival(3)], Some(copy));
    assert!(matches!(same.next_step(), Some(Step::Confirm(_))));
}

/// Both sides of a split gave it up, and a user started it again on one of them, in vain.
#[test]
fn a_child_that_a_user_started_again_in_vain_is_not_started_by_another_for_that_run() {
    let wished = Intent {
        run: stamp(3),
        ..intent(1)
    };
    let failed = |run, token| Claim {
        run: stamp(run),
        state: ClaimState::Failed,
        ..claim(1, token)
    };
    let tried = failed(3, token(5, OTHER));
    for state in [ClaimState::Failed, ClaimState::Stopped] {
        let own = Claim {
            state,
            ..failed(1, token(9, ME))
        };
        let child = child(wished.clone(), vec![own, tried.clone()], None);
        assert!(child.has_failed_elsewhere());
        assert_eq!(child.next_step(), Some(Step::Settle(ClaimState::Failed)));
    }
    let alone = child(wished.clone(), vec![failed(1, token(9, ME))], None);
    assert_eq!(alone.next_step(), Some(Step::Start));
    let comes_up = Claim {
        state: ClaimState::Starting,
        ..tried
    };
    let elsewhere = child(wished, vec![failed(1, token(9, ME)), comes_up], None);
    assert!(!elsewhere.has_failed_elsewhere());
}
