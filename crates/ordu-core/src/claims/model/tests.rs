use alloc::collections::BTreeSet;
use std::io::stdout;

use stateright::report::WriteReporter;
use stateright::{Checker as _, HasDiscoveries, Model as _};

use super::rules::{
    CONFIRMED, DELETED_FOR_GOOD, ENDS_WELL, ONE_A_NODE, ONE_WINNER, SPARES_LAST, TOKENS_ONCE, TOKENS_RISE,
};
use super::{Bounds, Ending, Mistake, Model};

/// Nothing may happen but what each test allows.
const LEAST: Bounds = Bounds {
    nodes: 2,
    births: 1,
    epochs: 3,
    crashes: 0,
    exits: 0,
    calls: 0,
    updates: false,
    written_off: false,
    messages: 2,
    writes: 5,
    progress: false,
};

/// Users ask, and nothing else happens that need not.
const CALLS: Bounds = Bounds {
    epochs: 2,
    calls: 3,
    messages: 1,
    writes: 7,
    ..LEAST
};

/// Every state within the bounds keeps every rule, and two copies and a conflict do come up.
fn holds(bounds: Bounds) {
    std::println!("{bounds:?}");
    let model = Model {
        bounds,
        mistake: None,
    };
    model
        .checker()
        .threads(2)
        .spawn_bfs()
        .join_and_report(&mut WriteReporter::new(&mut stdout()))
        .assert_properties();
}

/// A mistake breaks this rule within the bounds.
fn found(mistake: Mistake, rule: &'static str) {
    let bounds = Bounds {
        epochs: 4,
        crashes: 1,
        exits: 1,
        writes: 6,
        ..LEAST
    };
    found_within(bounds, mistake, rule);
}

/// A mistake breaks this rule within these bounds; gives how the world ends then.
fn found_within(bounds: Bounds, mistake: Mistake, rule: &'static str) -> Ending {
    let model = Model {
        bounds,
        mistake: Some(mistake),
    };
    let checker = model
        .checker()
        .finish_when(HasDiscoveries::AnyOf(BTreeSet::from([rule])))
        .spawn_bfs()
        .join();
    let path = checker.assert_any_discovery(rule);
    let ending = model.ending(path.last_state());
    std::println!(
        "{mistake:?}, {rule}, {ending:?}: {} states, {:?}",
        checker.unique_state_count(),
        path.into_actions()
    );
    ending
}

#[test]
fn two_nodes_of_which_one_is_killed_keep_every_rule() {
    holds(Bounds { crashes: 1, ..LEAST });
}

#[test]
fn two_nodes_with_two_lives_and_a_copy_that_ends_keep_every_rule() {
    holds(Bounds {
        births: 2,
        exits: 1,
        ..LEAST
    });
}

#[test]
fn three_nodes_that_take_the_child_from_each_other_keep_every_rule() {
    holds(Bounds {
        nodes: 3,
        epochs: 2,
        writes: 3,
        ..LEAST
    });
}

#[test]
fn two_nodes_whose_child_is_stopped_restarted_and_deleted_keep_every_rule() {
    holds(CALLS);
}

#[test]
fn two_nodes_whose_child_is_stopped_restarted_and_changed_keep_every_rule() {
    holds(Bounds {
        updates: true,
        ..CALLS
    });
}

#[test]
fn two_nodes_whose_child_is_deleted_and_begun_anew_keep_every_rule() {
    holds(Bounds {
        births: 2,
        calls: 2,
        ..CALLS
    });
}

#[test]
fn two_nodes_of_which_one_is_killed_while_users_ask_keep_every_rule() {
    holds(Bounds {
        crashes: 1,
        calls: 2,
        writes: 5,
        ..CALLS
    });
}

#[test]
#[cfg(ordu_long)]
fn two_nodes_that_forget_what_others_have_not_heard_keep_every_rule() {
    holds(Bounds {
        writes: 9,
        written_off: true,
        ..CALLS
    });
}

#[test]
#[cfg(ordu_long)]
fn two_nodes_whose_child_is_stopped_restarted_and_deleted_keep_every_rule_for_longer() {
    holds(Bounds {
        epochs: 3,
        messages: 2,
        ..CALLS
    });
}

#[test]
#[cfg(ordu_long)]
fn three_nodes_of_which_users_ask_two_things_keep_every_rule() {
    holds(Bounds {
        nodes: 3,
        calls: 2,
        writes: 4,
        ..CALLS
    });
}

#[test]
#[cfg(ordu_long)]
fn two_nodes_with_two_lives_keep_every_rule_for_longer() {
    holds(Bounds {
        births: 2,
        epochs: 4,
        exits: 1,
        writes: 6,
        ..LEAST
    });
}

#[test]
#[cfg(ordu_long)]
fn two_nodes_that_write_down_all_they_do_keep_every_rule() {
    holds(Bounds {
        exits: 1,
        writes: 7,
        progress: true,
        ..LEAST
    });
}

#[test]
#[cfg(ordu_long)]
fn two_nodes_of_which_one_is_killed_keep_every_rule_for_longer() {
    holds(Bounds {
        epochs: 4,
        crashes: 1,
        writes: 6,
        ..LEAST
    });
}

#[test]
#[cfg(ordu_long)]
fn three_nodes_with_one_message_at_a_time_keep_every_rule_for_longer() {
    holds(Bounds {
        nodes: 3,
        messages: 1,
        writes: 4,
        ..LEAST
    });
}

#[test]
#[cfg(ordu_long)]
fn three_nodes_of_which_one_is_killed_keep_every_rule() {
    holds(Bounds {
        nodes: 3,
        epochs: 2,
        crashes: 1,
        messages: 1,
        writes: 3,
        ..LEAST
    });
}

#[test]
fn a_loser_that_stops_unasked_is_found() {
    found(Mistake::StopUnasked, CONFIRMED);
    found(Mistake::StopUnasked, SPARES_LAST);
}

#[test]
fn a_winner_that_answers_from_its_claim_is_found() {
    found(Mistake::AnswerFromMap, SPARES_LAST);
}

#[test]
fn a_rank_by_clock_is_found() {
    found(Mistake::RankByClock, ENDS_WELL);
}

#[test]
fn a_token_that_is_kept_is_found() {
    found(Mistake::KeepToken, TOKENS_ONCE);
}

#[test]
fn epochs_that_are_forgotten_are_found() {
    found(Mistake::ForgetEpochs, TOKENS_RISE);
}

#[test]
fn a_copy_that_is_started_beside_another_is_found() {
    found(Mistake::StartBeside, ONE_A_NODE);
}

#[test]
fn an_identity_that_is_kept_is_found() {
    found(Mistake::KeepIdentity, ONE_WINNER);
}

#[test]
fn a_copy_that_runs_on_when_a_user_stops_it_is_found() {
    let ending = found_within(CALLS, Mistake::IgnoreStop, ENDS_WELL);
    assert_eq!(ending, Ending::StillRuns);
}

#[test]
fn a_copy_of_a_run_before_the_last_restart_is_found() {
    // One of the last run is not stopped for it, and both go on; where nobody takes the child over it goes on alone.
    for (epochs, expected) in [(CALLS.epochs, Ending::NotOne), (1, Ending::OtherRun)] {
        let bounds = Bounds { epochs, ..CALLS };
        let ending = found_within(bounds, Mistake::IgnoreRestart, ENDS_WELL);
        assert_eq!(ending, expected);
    }
}

#[test]
fn a_change_of_policy_that_undoes_a_restart_is_found() {
    let bounds = Bounds {
        updates: true,
        ..CALLS
    };
    // What runs is of the run that is not wished any more.
    let ending = found_within(bounds, Mistake::WishOfLastWrite, ENDS_WELL);
    assert_eq!(ending, Ending::OtherRun);
}

#[test]
fn a_claim_that_outlasts_its_life_is_found() {
    let ending = found_within(CALLS, Mistake::KeepClaim, ENDS_WELL);
    assert_eq!(ending, Ending::SomethingLeft);
}

#[test]
fn a_deletion_that_loses_to_a_later_restart_is_found() {
    let bounds = Bounds { epochs: 3, ..CALLS };
    let ending = found_within(bounds, Mistake::DeletionByClock, DELETED_FOR_GOOD);
    assert_eq!(ending, Ending::Broken);
}

#[test]
fn a_life_that_is_brought_back_and_believed_is_found() {
    let bounds = Bounds {
        written_off: true,
        ..CALLS
    };
    let ending = found_within(bounds, Mistake::BelieveReturned, ENDS_WELL);
    assert_eq!(ending, Ending::NotOne);
}
