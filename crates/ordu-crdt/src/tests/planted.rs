//! Each planted bug is found by the suite that passes without it, within the same budget.

use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::{
    folding::{a_remove_of_what_was_not_seen_yet, what_was_superseded_since},
    model::{budget, run, schedule},
    sync::a_push_that_lags_behind_an_overwrite,
};
use crate::planted::Bug;

fn is_found(bug: Bug) -> bool {
    let config = Config {
        cases: 1_536,
        max_shrink_iters: 0,
        ..budget()
    };
    // One fixed seed: whether a bug is found is not left to chance.
    let seed = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let found = TestRunner::new_with_rng(config, seed).run(&schedule(), |schedule| {
        run(schedule, Some(bug));
        Ok(())
    });
    found.is_err()
}

macro_rules! finds {
    ($($test:ident: $bug:ident,)*) => {
        $(#[test]
        fn $test() {
            assert!(is_found(Bug::$bug));
        })*
    };
}

finds! {
    a_context_adopted_before_the_last_chunk_is_found: ContextBeforeLastChunk,
    partial_keys_with_the_whole_vector_are_found: PartialKeysWithWholeVector,
    a_loser_dropped_at_merge_is_found: LoserDroppedAtMerge,
    a_full_join_that_resets_one_origin_only_is_found: OneOriginReset,
    a_replica_id_that_is_used_again_is_found: IdReused,
    a_push_applied_over_a_gap_is_found: GapApplied,
    removes_collected_too_early_are_found: CollectedTooEarly,
    a_context_that_is_not_closed_is_found: ContextNotClosed,
    a_floor_that_is_ignored_is_found: FloorIgnored,
    a_remove_without_a_dot_is_found: RemoveWithoutDot,
    a_context_stripped_by_a_fold_is_found: ContextStrippedByFold,
    a_fold_without_a_floor_is_found: FoldWithoutFloor,
}

/// Rare among random schedules: the window of one peer must be full while another overwrites. So it has a story.
#[test]
#[should_panic(expected = "holds the wrong siblings")]
fn dead_operations_skipped_outside_a_unit_are_found() {
    a_push_that_lags_behind_an_overwrite(Some(Bug::DeadSkippedOutsideUnit));
}

/// As rare: a remove must name what its holder has not seen, and its writer be out of reach.
#[test]
#[should_panic(expected = "states differ")]
fn an_end_about_which_only_the_present_are_asked_is_found() {
    a_remove_of_what_was_not_seen_yet(Some(Bug::RetireAsksPresentPeers));
}

/// As rare: one must hear of a write over two siblings of which it had one, and pass it on.
#[test]
#[should_panic(expected = "it is superseded")]
fn what_is_taken_for_named_too_soon_is_found() {
    what_was_superseded_since(Some(Bug::NamedTooSoon));
}
