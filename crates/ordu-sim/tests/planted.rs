//! Each planted bug is found by an invariant that has to do with its rule, in a seed that holds without it.
#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "it runs the binary, which measures time"
)]

use std::process::Command;

use ordu_core::Node;
use ordu_sim::invariants::Violation;
use ordu_sim::planted::{ALL, Planted, WITHIN, named};
use ordu_sim::shrink::{Kept, shrink};
use ordu_sim::{Plan, Trace, run};

fn planted(name: &str) -> &'static Planted {
    named(name).expect("it is in the list")[0]
}

fn plan(seed: u64, planted: &Planted) -> Plan {
    let mut plan = planted.plan(seed);
    plan.setup.planted = Some(planted.bug);
    plan
}

fn broken(plan: &Plan) -> Option<Violation> {
    run::<Node>(plan, Trace::Off).violation
}

/// The first seed from `from` on in which the bug shows as it should, and how.
fn first(planted: &Planted, from: u64) -> (u64, Violation) {
    (from..from + WITHIN)
        .find_map(|seed| {
            let violation = broken(&plan(seed, planted))?;
            let expected = planted.found_by.contains(&violation.invariant);
            let is_due_to_it = expected && broken(&planted.plan(seed)).is_none();
            is_due_to_it.then_some((seed, violation))
        })
        .unwrap_or_else(|| panic!("{} is not found within {WITHIN} seeds", planted.name))
}

macro_rules! finds {
    ($($test:ident: $name:literal $(from $seed:literal)?,)*) => {
        $(#[test]
        fn $test() {
            first(planted($name), 0 $(+ $seed)?);
        })*

        const TESTED: &[&str] = &[$($name),*];
    };
}

// Those that take many seeds are looked for where they were found last: see the table in docs/testing.md.
finds! {
    claims_ranked_by_the_clock_are_found: "clock-ranks-claims",
    a_member_that_was_written_off_and_counts_all_the_same_is_found: "written-off-counted",
    a_claim_that_a_full_join_spares_is_found: "claim-spared-by-join",
    a_life_judged_by_what_came_with_it_is_found: "born-judged-after-commit",
    an_absent_intent_read_as_a_deletion_is_found: "absent-intent-is-deletion",
    removals_of_each_other_that_are_both_obeyed_are_found: "mutual-removal-obeyed",
    a_temporary_child_that_is_lost_on_one_opinion_is_found: "lost-on-one-opinion",
    an_epoch_that_is_not_raised_is_found: "epoch-not-raised",
    epochs_that_are_forgotten_are_found: "epochs-forgotten",
    a_take_over_that_starts_before_its_claim_is_held_is_found: "take-over-not-held",
    a_restart_above_a_claim_that_nobody_holds_is_found: "restart-above-unheld" from 23,
    nodes_that_all_decide_are_found: "everybody-decides",
    a_view_that_is_acted_on_unsettled_is_found: "view-not-settled",
    suspects_whose_children_are_taken_are_found: "suspects-own-nothing",
    a_woken_node_that_declares_everybody_dead_is_found: "woken-blames-others",
    a_woken_node_that_decides_at_once_is_found: "woken-decides" from 7,
    a_load_that_is_ignored_is_found: "load-ignored" from 8,
    take_overs_without_a_limit_are_found: "take-over-unlimited",
    a_proof_that_is_not_believed_is_found: "proof-not-believed" from 16,
    a_call_that_is_lost_with_its_connection_is_found: "call-lost-with-connection",
    a_woken_node_that_waits_for_the_dead_is_found: "round-counts-the-dead" from 99,
    a_clock_set_back_that_hides_a_sleep_is_found: "clock-set-back-believed",
    a_newcomer_that_is_believed_is_found: "newcomers-believed",
    an_answer_before_the_write_is_held_is_found: "answered-before-held" from 56,
    a_finish_that_is_forgotten_is_found: "finish-forgotten",
    a_temporary_child_that_is_taken_over_is_found: "temporary-taken-over",
    a_child_that_its_holders_show_late_is_found: "shown-late",
    a_copy_of_a_call_that_is_served_late_is_found: "late-copy-served",
    a_take_over_that_does_not_cover_what_the_first_in_rank_hold_is_found: "taken-over-uncovered",
    an_answer_that_a_take_over_might_not_find_is_found: "answered-before-found" from 35,
    a_decider_that_answers_though_the_asked_node_knows_more_is_found: "decided-unseen",
    members_that_are_down_and_not_dialled_are_found: "down-members-forgotten",
    a_newcomer_that_may_be_dead_and_is_believed_is_found: "newcomer-not-asked-back",
    a_lifeline_taken_for_a_proof_is_found: "lifeline-is-proof" from 12,
    a_loser_that_stops_unasked_is_found: "loser-does-not-ask" from 22,
    a_winner_that_answers_from_the_map_is_found: "winner-answers-from-map" from 22,
    silence_that_removes_is_found: "silence-removes",
    removals_of_one_node_that_stay_apart_are_found: "removals-left-apart" from 137,
    a_call_that_is_given_more_time_is_found: "deadline-missed",
    an_answer_that_is_told_twice_is_found: "answer-repeated",
    one_that_leaves_though_it_is_listed_is_found: "listed-leave",
    calls_that_are_served_last_first_are_found: "last-call-first",
    constraints_that_are_ignored_are_found: "constraints-ignored",
    a_node_that_starts_children_while_it_catches_up_is_found: "catching-up-starts" from 198,
    a_start_that_everybody_is_told_of_is_found: "started-for-all",
    a_context_ahead_of_its_data_is_found: "context-ahead-of-data" from 10,
    a_context_before_the_last_chunk_is_found: "context-before-last-chunk" from 58,
    a_loser_dropped_at_merge_is_found: "loser-dropped-at-merge",
    a_push_applied_over_a_gap_is_found: "gap-applied" from 58,
    a_context_that_is_not_closed_is_found: "context-not-closed",
    a_context_stripped_by_a_fold_is_found: "context-stripped-by-fold" from 24,
    an_end_about_which_only_the_present_are_asked_is_found: "retire-asks-the-present" from 6,
    a_context_that_waits_for_the_last_write_is_found: "context-kept",
    what_was_written_elsewhere_and_stays_is_found: "siblings-left",
    a_failed_child_that_is_taken_over_is_found: "failed-taken-over",
    restarts_that_a_take_over_forgets_are_found: "restarts-forgotten" from 63,
    an_older_life_with_a_higher_epoch_that_is_ignored_is_found: "older-life-ignored" from 72,
    a_stop_that_is_answered_before_it_is_held_is_found: "stop-answered-before-held",
    a_deletion_of_what_may_run_is_found: "deleted-unconfirmed",
    a_missed_owner_that_is_taken_for_gone_is_found: "down-is-surely-gone" from 37,
    a_node_that_catches_up_and_says_that_it_is_ready_is_found: "ready-while-catching-up",
    an_identity_used_again_is_found: "id-reused",
}

#[test]
fn every_bug_that_can_be_planted_is_looked_for() {
    let all: Vec<_> = ALL.iter().map(|planted| planted.name).collect();
    for name in &all {
        assert!(TESTED.contains(name), "{name}");
    }
    assert_eq!(all.len(), TESTED.len());
}

#[test]
fn what_is_left_of_a_failing_seed_still_fails_by_the_same_invariant_and_repeats() {
    let bug = planted("epoch-not-raised");
    let (seed, violation) = first(bug, 0);
    let whole = plan(seed, bug);
    let kept = shrink(&whole, &violation, |smaller| Some(broken(smaller)));
    let smaller = whole.keeping(&kept);
    assert!(smaller.elements() < whole.elements() / 2, "{kept}");
    assert!(smaller.calm_at <= whole.calm_at);
    let left = broken(&smaller).expect("it still fails");
    assert_eq!(left.invariant, violation.invariant);
    // From what is printed of it comes the same run.
    let read = Kept {
        elements: Kept::parse_elements(&kept.to_string()).expect("as it is written"),
        calm_at: kept.calm_at,
    };
    assert_eq!(broken(&plan(seed, bug).keeping(&read)), Some(left));
    // Nothing more can be left out.
    for element in &kept.elements {
        let mut fewer = kept.clone();
        fewer.elements.remove(element);
        let same = |it: &Violation| it.invariant == violation.invariant;
        assert!(!broken(&whole.keeping(&fewer)).as_ref().is_some_and(same));
    }
}

#[test]
fn the_command_that_is_printed_repeats_what_is_left() {
    let bug = "token-order";
    let (seed, _) = first(planted("epochs-forgotten"), 0);
    let sim = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_ordu-sim")).args(args).output();
        let output = output.expect("the simulator runs");
        assert_eq!(output.status.code(), Some(1), "it says that the seed fails");
        String::from_utf8(output.stdout).expect("text")
    };
    let (seed, planted) = (seed.to_string(), "epochs-forgotten");
    let shrunk = sim(&["--planted", planted, "--seed", &seed, "--shrink", "--budget", "5"]);
    let command = shrunk
        .lines()
        .find_map(|line| line.strip_prefix("repeat it with: cargo xtask sim "))
        .expect("the command is printed");
    let repeated = sim(&command.split(' ').collect::<Vec<_>>());
    let says = |text: &str| text.lines().find(|line| line.contains(bug)).map(str::to_owned);
    assert!(says(&shrunk).is_some());
    assert_eq!(says(&shrunk), says(&repeated));
}
