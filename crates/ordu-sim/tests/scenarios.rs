//! What ordu promises, one situation each, with the shipped node in a simulated world.

use std::sync::Arc;
use std::time::Duration;

use ordu_core::{
    Answer, CallError, ChildId, ChildSpec, ChildState, Command, HordeName, Limits, Node, Shutdown, Stopped,
    Timing,
};
use ordu_sim::oracle::CopyRecord;
use ordu_sim::{Behaviour, Ending, Fault, HostId, PlannedCall, Rate, Setup, Simulation, Trace};

type Cluster = Simulation<Node>;

const PATIENCE: Duration = Duration::from_secs(5);

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn host(index: usize) -> HostId {
    HostId(index)
}

fn start(id: &str, behaviour: usize) -> Command {
    Command::StartChild {
        horde: Setup::horde(),
        id: ChildId::new(id).expect("valid"),
        spec: Arc::new(Setup::spec(behaviour, 0)),
    }
}

/// A settled cluster on one LAN with `children` steady children.
fn cluster(hosts: usize, children: usize, seed: u64, change: impl Fn(&mut Setup)) -> Cluster {
    let mut setup = Setup::lan(hosts, seed);
    change(&mut setup);
    let mut cluster = Cluster::new(setup, Trace::Off);
    cluster.boot_all();
    cluster.run_for(seconds(3)).expect("nothing goes wrong");
    for child in 0..children {
        let outcome = cluster.ask(host(child % hosts), start(&format!("c{child}"), 0), PATIENCE);
        let outcome = outcome.expect("no rule is broken");
        assert!(matches!(outcome, Some(Ok(Answer::Started { .. }))), "{outcome:?}");
    }
    if children > 0 {
        // Two hold the last child by now; here all are to.
        settles(&mut cluster, seconds(1));
    }
    cluster
}

fn run(cluster: &mut Cluster, length: Duration) {
    if let Err(violation) = cluster.run_for(length) {
        panic!("{violation}");
    }
}

/// All is as it must be within `within` of now.
fn settles(cluster: &mut Cluster, within: Duration) {
    if let Err(violation) = cluster.settle(within) {
        panic!("{violation}");
    }
}

/// Something is asked of a node about a child, and is done.
fn done(cluster: &mut Cluster, asked: HostId, id: &str, command: fn(HordeName, ChildId) -> Command) {
    let command = command(Setup::horde(), ChildId::new(id).expect("valid"));
    let outcome = cluster.ask(asked, command, PATIENCE).expect("no rule is broken");
    assert!(matches!(outcome, Some(Ok(_))), "{id}: {outcome:?}");
}

fn live(cluster: &Cluster) -> Vec<&CopyRecord> {
    let copies = cluster.history().copies().iter();
    copies.filter(|copy| copy.is_up()).collect()
}

fn everybody_alone(hosts: usize) -> Fault {
    Fault::Split((0..hosts).map(|index| vec![host(index)]).collect())
}

#[test]
fn children_started_through_all_nodes_spread_over_all_and_run_once() {
    let mut cluster = cluster(3, 30, 1, |_| {});
    settles(&mut cluster, seconds(1));
    let mut owners: Vec<usize> = live(&cluster).iter().map(|copy| copy.boot.host.0).collect();
    assert_eq!(owners.len(), 30);
    owners.sort_unstable();
    owners.dedup();
    assert_eq!(owners, [0, 1, 2]);
}

/// Whoever is asked, whoever decides and whoever owns the child: what is done is confirmed by those who did it, not by
/// the next round of anti-entropy.
#[test]
fn every_call_is_answered_within_100_ms_in_a_calm_cluster() {
    let soon = Duration::from_millis(100);
    let mut cluster = cluster(3, 9, 3, |_| {});
    for round in 0..27 {
        let (asked, id) = (host(round % 3), format!("c{}", round / 3));
        let mut ask = |command: fn(HordeName, ChildId) -> Command| {
            let id = ChildId::new(&id).expect("valid");
            let outcome = cluster.ask(asked, command(Setup::horde(), id), soon);
            outcome.expect("no rule is broken")
        };
        let stopped = ask(|horde, id| Command::TerminateChild { horde, id });
        assert!(
            matches!(stopped, Some(Ok(Answer::Terminated(Stopped::Confirmed)))),
            "{stopped:?}"
        );
        let started = ask(|horde, id| Command::RestartChild { horde, id });
        assert!(matches!(started, Some(Ok(Answer::Started { .. }))), "{started:?}");
    }
}

#[test]
fn the_children_of_a_killed_node_run_again_within_a_second() {
    for seed in 0..10 {
        let mut cluster = cluster(3, 30, seed, |_| {});
        cluster.inflict(Fault::Crash(host(1)));
        run(&mut cluster, seconds(1));
        settles(&mut cluster, Duration::ZERO);
        assert_eq!(live(&cluster).len(), 30);
    }
}

#[test]
fn a_node_that_loses_power_is_noticed_within_three_seconds() {
    for seed in 0..10 {
        let mut cluster = cluster(3, 30, seed, |_| {});
        cluster.inflict(Fault::PowerOff(host(2)));
        run(&mut cluster, seconds(3));
        settles(&mut cluster, Duration::ZERO);
        assert_eq!(live(&cluster).len(), 30);
    }
}

#[test]
fn a_node_killed_and_started_again_within_200_ms_leaves_every_child_once() {
    for seed in 0..10 {
        let mut cluster = cluster(3, 30, seed, |_| {});
        cluster.inflict(Fault::Crash(host(0)));
        cluster.inflict_after(Duration::from_millis(20 * (seed + 1)), Fault::Boot(host(0)));
        run(&mut cluster, seconds(5));
        settles(&mut cluster, Duration::ZERO);
        assert_eq!(live(&cluster).len(), 30);
    }
}

#[test]
fn two_nodes_that_were_split_have_one_of_each_child_two_seconds_after_the_heal() {
    for seed in 0..10 {
        let mut cluster = cluster(2, 20, seed, |_| {});
        cluster.inflict(everybody_alone(2));
        run(&mut cluster, seconds(30));
        assert_eq!(live(&cluster).len(), 40, "each side runs all");
        cluster.inflict(Fault::Heal);
        run(&mut cluster, seconds(2));
        settles(&mut cluster, Duration::ZERO);
        assert_eq!(live(&cluster).len(), 20);
    }
}

#[test]
fn three_nodes_that_were_each_alone_for_30_s_have_one_of_each_child_two_seconds_after_the_heal() {
    for seed in 0..10 {
        let mut cluster = cluster(3, 20, seed, |_| {});
        cluster.inflict(everybody_alone(3));
        run(&mut cluster, seconds(30));
        assert_eq!(live(&cluster).len(), 60, "each side runs all");
        cluster.inflict(Fault::Heal);
        run(&mut cluster, seconds(2));
        settles(&mut cluster, Duration::ZERO);
        assert_eq!(live(&cluster).len(), 20);
    }
}

#[test]
fn a_node_stopped_for_15_s_comes_back_to_exactly_one_of_each_child() {
    for seed in 0..10 {
        let mut cluster = cluster(3, 30, seed, |_| {});
        cluster.inflict(Fault::Pause(host(0)));
        run(&mut cluster, seconds(15));
        cluster.inflict(Fault::Resume(host(0)));
        run(&mut cluster, seconds(5));
        settles(&mut cluster, Duration::ZERO);
        assert_eq!(live(&cluster).len(), 30);
    }
}

#[test]
fn a_machine_suspended_for_a_minute_comes_back_to_exactly_one_of_each_child() {
    for seed in 0..5 {
        let mut cluster = cluster(3, 30, seed, |_| {});
        cluster.inflict(Fault::Suspend(host(1)));
        run(&mut cluster, Duration::from_mins(1));
        cluster.inflict(Fault::Wake(host(1)));
        run(&mut cluster, seconds(5));
        settles(&mut cluster, Duration::ZERO);
        assert_eq!(live(&cluster).len(), 30);
    }
}

#[test]
fn a_killed_keeper_costs_each_child_one_restart() {
    let mut cluster = cluster(3, 30, 1, |_| {});
    cluster.inflict(Fault::KillKeeper(host(1)));
    run(&mut cluster, seconds(5));
    settles(&mut cluster, Duration::ZERO);
    assert_eq!(live(&cluster).len(), 30);
}

/// What is kept of the boots of others that have ended is what was folded away of them (S1.5): nothing else names them,
/// however they ended and whether their deaths were proven or not.
#[test]
fn boots_that_have_ended_are_named_nowhere_but_in_what_was_folded_away() {
    const CHILDREN: usize = 3;
    let mut cluster = cluster(3, CHILDREN, 1, |setup| setup.timing.forget_after = seconds(5));
    let mut ended = Vec::new();
    for round in 0..48 {
        let boot = cluster.world().running(host(2)).expect("it was booted");
        ended.push(cluster.history().boot(boot).expect("it was booted").node);
        let (gone, missed) = match round % 4 {
            0 => (Fault::Crash(host(2)), 20),
            1 => (Fault::Crash(host(2)), 2_500),
            2 => (Fault::PowerOff(host(2)), 300),
            _ => (Fault::PowerOff(host(2)), 4_000),
        };
        cluster.inflict(gone);
        cluster.inflict_after(Duration::from_millis(missed), Fault::Boot(host(2)));
        run(&mut cluster, seconds(8));
        let id = format!("c{}", round % CHILDREN);
        done(&mut cluster, host(2), &id, |horde, id| Command::TerminateChild {
            horde,
            id,
        });
        done(&mut cluster, host(2), &id, |horde, id| Command::RestartChild {
            horde,
            id,
        });
    }
    run(&mut cluster, Duration::from_mins(2));
    for other in [0, 1] {
        let state = format!("{:?}", cluster.world().machine(host(other)).expect("it runs"));
        let places = |node: &ordu_core::NodeId| -> Vec<String> {
            let name = format!("{:x}", node.0);
            let found = state.match_indices(&name).map(|(at, _)| at);
            let around = |at: usize| state[at.saturating_sub(60)..(at + 80).min(state.len())].to_owned();
            found.map(around).collect()
        };
        // What is folded away is written in fewer bytes than an id has digits.
        let lives = cluster.world().running(host(other)).expect("it runs");
        let lives = cluster.history().boot(lives).expect("it was booted").node;
        assert!(
            !places(&lives).is_empty(),
            "what n{other} says of itself names it"
        );
        let named = ended.iter().map(|node| (node, places(node)));
        // A claim says whose the child was before.
        let named: Vec<_> = named.filter(|(_, places)| !places.is_empty()).collect();
        assert!(
            named.len() <= CHILDREN,
            "n{other}: {} named: {named:#?}",
            named.len()
        );
    }
}

#[test]
fn one_id_asked_of_every_node_at_once_is_started_once() {
    for seed in 0..20 {
        let mut cluster = cluster(5, 0, seed, |_| {});
        let at = cluster.now();
        for index in 0..5 {
            let call = PlannedCall {
                host: host(index),
                command: start("same", 0),
                timeout: PATIENCE,
                retries: 0,
            };
            cluster.plan(at, call);
        }
        run(&mut cluster, seconds(2));
        assert_eq!(cluster.history().copies().len(), 1, "seed {seed}");
    }
}

#[test]
fn one_id_started_on_both_sides_of_a_split_runs_once_after_it() {
    for seed in 0..20 {
        let mut cluster = cluster(4, 0, seed, |_| {});
        cluster.inflict(Fault::Split(vec![vec![host(0), host(1)], vec![host(2), host(3)]]));
        run(&mut cluster, seconds(5));
        for side in [0, 2] {
            let outcome = cluster.ask(host(side), start("same", 0), PATIENCE);
            let outcome = outcome.expect("no rule is broken");
            assert!(matches!(outcome, Some(Ok(Answer::Started { .. }))), "{outcome:?}");
        }
        cluster.inflict(Fault::Heal);
        run(&mut cluster, seconds(2));
        settles(&mut cluster, Duration::ZERO);
        assert_eq!(live(&cluster).len(), 1);
    }
}

#[test]
fn a_node_that_dies_while_it_starts_a_child_leaves_it_once_or_not_at_all() {
    for seed in 0..20 {
        let slow = Behaviour {
            start: (Duration::from_millis(300), Duration::from_millis(600)),
            ..Behaviour::steady()
        };
        let mut cluster = cluster(3, 0, seed, |setup| setup.behaviours.push(slow.clone()));
        let at = cluster.now();
        let call = PlannedCall {
            host: host(0),
            command: start("slow", 1),
            timeout: PATIENCE,
            retries: 0,
        };
        cluster.plan(at, call);
        run(&mut cluster, Duration::from_millis(150));
        let starter = cluster
            .history()
            .copies()
            .first()
            .expect("it is being started")
            .boot
            .host;
        cluster.inflict(Fault::Crash(starter));
        run(&mut cluster, seconds(10));
        settles(&mut cluster, Duration::ZERO);
        assert!(live(&cluster).len() <= 1);
    }
}

#[test]
fn a_child_that_may_still_run_is_not_deleted_and_its_id_is_free_once_it_has_ended() {
    const CHILDREN: usize = 12;
    let stubborn = Behaviour {
        ignores_stop: Rate::ALWAYS,
        ..Behaviour::steady()
    };
    let mut cluster = cluster(3, 0, 1, |setup| setup.behaviours.push(stubborn.clone()));
    let names: Vec<String> = (0..CHILDREN).map(|child| format!("c{child}")).collect();
    for name in &names {
        let outcome = cluster.ask(host(0), start(name, 1), PATIENCE);
        let outcome = outcome.expect("no rule is broken");
        assert!(matches!(outcome, Some(Ok(Answer::Started { .. }))), "{outcome:?}");
    }
    // Long enough after the boots for `one-copy-when-calm` to judge.
    run(&mut cluster, seconds(60));
    for name in &names {
        let (horde, id) = (Setup::horde(), ChildId::new(name).expect("valid"));
        let stop = Command::TerminateChild {
            horde: horde.clone(),
            id: id.clone(),
        };
        let outcome = cluster.ask(host(0), stop, Duration::from_millis(50));
        let outcome = outcome.expect("no rule is broken");
        let accepted = matches!(outcome, Some(Ok(Answer::Terminated(Stopped::Accepted { .. }))));
        assert!(accepted, "{outcome:?}");
        let outcome = cluster.ask(host(0), Command::DeleteChild { horde, id }, PATIENCE);
        let outcome = outcome.expect("no rule is broken");
        assert!(matches!(outcome, Some(Err(CallError::Running(_)))), "{outcome:?}");
    }
    // They are killed in the end.
    run(&mut cluster, seconds(10));
    for name in &names {
        let (horde, id) = (Setup::horde(), ChildId::new(name).expect("valid"));
        let outcome = cluster.ask(host(0), Command::DeleteChild { horde, id }, PATIENCE);
        let outcome = outcome.expect("no rule is broken");
        assert!(matches!(outcome, Some(Ok(Answer::Deleted))), "{outcome:?}");
    }
    let at = cluster.now();
    for (child, name) in names.iter().enumerate() {
        let call = PlannedCall {
            host: host(child % 3),
            command: start(name, 0),
            timeout: seconds(20),
            retries: 0,
        };
        cluster.plan(at, call);
    }
    run(&mut cluster, seconds(20));
    settles(&mut cluster, Duration::ZERO);
    assert_eq!(live(&cluster).len(), CHILDREN);
}

#[test]
fn a_child_that_runs_is_treated_differently_from_the_moment_its_owner_hears_of_it() {
    let stubborn = Behaviour {
        ignores_stop: Rate::ALWAYS,
        ..Behaviour::steady()
    };
    for seed in 0..10 {
        let mut cluster = cluster(3, 0, seed, |setup| setup.behaviours.push(stubborn.clone()));
        let mut ask = |asked: usize, command: Command, timeout: Duration| {
            let outcome = cluster.ask(host(asked), command, timeout);
            outcome.expect("no rule is broken").expect("it is answered")
        };
        let (horde, id) = (Setup::horde(), ChildId::new("c").expect("valid"));
        let started = ask(0, start("c", 1), PATIENCE);
        let Ok(Answer::Started { child, .. }) = started else {
            panic!("{started:?}")
        };
        let impatient = ChildSpec {
            shutdown: Shutdown::Timeout(seconds(1)),
            ..ChildSpec::clone(&child.spec)
        };
        let update = |spec: ChildSpec| Command::UpdateChild {
            horde: horde.clone(),
            id: id.clone(),
            spec: Arc::new(spec),
        };

        let updated = ask(1, update(impatient.clone()), PATIENCE);

        let Ok(Answer::Updated(known)) = updated else {
            panic!("{updated:?}")
        };
        assert_eq!((&*known.spec, known.token), (&impatient, child.token));
        let other = ChildSpec {
            args: b"else".to_vec(),
            ..impatient
        };
        let refused = ask(2, update(other), PATIENCE);
        assert!(matches!(refused, Err(CallError::Differs(_))), "{refused:?}");
        // The first stop timeout was 5 s: so soon it is killed by the second only.
        let stop = Command::TerminateChild {
            horde: horde.clone(),
            id: id.clone(),
        };
        let stopped = ask(2, stop, seconds(2));
        assert_eq!(stopped, Ok(Answer::Terminated(Stopped::Confirmed)));
        assert_eq!(cluster.history().copies().len(), 1, "it was started again");
    }
}

#[test]
fn a_failed_start_returns_the_childs_error_and_leaves_nothing() {
    let failing = Behaviour {
        start_fails: Rate::ALWAYS,
        ..Behaviour::steady()
    };
    let mut cluster = cluster(3, 0, 1, |setup| setup.behaviours.push(failing.clone()));
    let outcome = cluster
        .ask(host(0), start("bad", 1), PATIENCE)
        .expect("no rule is broken");
    assert!(
        matches!(outcome, Some(Err(CallError::StartFailed { .. }))),
        "{outcome:?}"
    );
    settles(&mut cluster, seconds(1));
    assert!(cluster.history().living().all(|node| node.children.is_empty()));
}

#[test]
fn clocks_an_hour_apart_change_nothing_about_failover_and_heal() {
    for seed in 0..5 {
        let mut cluster = cluster(3, 20, seed, |setup| {
            setup.timing.clock_bound = Duration::from_hours(3);
            setup.hosts[0].offset_ms = 3_600_000;
            setup.hosts[2].offset_ms = -3_600_000;
        });
        cluster.inflict(Fault::Crash(host(0)));
        run(&mut cluster, seconds(1));
        settles(&mut cluster, Duration::ZERO);
        cluster.inflict(Fault::StepClock(host(1), -3_600_000));
        cluster.inflict(everybody_alone(3));
        run(&mut cluster, seconds(10));
        cluster.inflict(Fault::Heal);
        run(&mut cluster, seconds(2));
        settles(&mut cluster, Duration::ZERO);
        assert_eq!(live(&cluster).len(), 20);
    }
}

#[test]
fn a_link_cut_one_way_for_20_s_leaves_every_child_once_after_it() {
    for seed in 0..10 {
        let mut cluster = cluster(3, 20, seed, |_| {});
        cluster.inflict(Fault::Cut(host(0), host(1)));
        run(&mut cluster, seconds(20));
        cluster.inflict(Fault::Heal);
        run(&mut cluster, seconds(5));
        settles(&mut cluster, Duration::ZERO);
        assert_eq!(live(&cluster).len(), 20);
    }
}

/// Every child runs, as the very copy that ran before.
fn nobody_moved(cluster: &Cluster, before: usize) {
    assert_eq!(live(cluster).len(), before);
    assert_eq!(cluster.history().copies().len(), before);
}

#[test]
fn two_nodes_that_alone_cannot_reach_each_other_for_a_minute_cost_no_child_a_restart() {
    for seed in 0..5 {
        let mut cluster = cluster(5, 20, seed, |_| {});
        for (from, to) in [(1, 3), (3, 1)] {
            cluster.inflict(Fault::Cut(host(from), host(to)));
        }
        run(&mut cluster, seconds(60));
        nobody_moved(&cluster, 20);
        cluster.inflict(Fault::Heal);
        run(&mut cluster, seconds(10));
        settles(&mut cluster, seconds(1));
    }
}

#[test]
fn a_way_that_loses_all_large_packets_for_20_s_costs_no_child_a_restart() {
    for seed in 0..5 {
        let mut cluster = cluster(4, 20, seed, |_| {});
        for (from, to) in [(1, 2), (2, 1)] {
            cluster.inflict(Fault::Narrow(host(from), host(to), 600));
        }
        run(&mut cluster, seconds(20));
        nobody_moved(&cluster, 20);
        cluster.inflict(Fault::Clear);
        run(&mut cluster, seconds(5));
        settles(&mut cluster, seconds(5));
    }
}

#[test]
fn connections_that_break_one_after_the_other_cost_no_child_a_restart() {
    for seed in 0..5 {
        let mut cluster = cluster(4, 20, seed, |_| {});
        for round in 0..100 {
            let (at, with) = (host(round % 4), host((round + 1 + round / 4 % 3) % 4));
            cluster.inflict(Fault::Break(at, with));
            run(&mut cluster, Duration::from_millis(70));
        }
        run(&mut cluster, seconds(2));
        nobody_moved(&cluster, 20);
        settles(&mut cluster, seconds(1));
    }
}

#[test]
fn idle_time_outs_of_three_seconds_are_never_met_by_who_answers_probes() {
    let mut cluster = cluster(4, 8, 1, |setup| setup.idle_timeout = seconds(3));
    run(&mut cluster, seconds(120));
    nobody_moved(&cluster, 8);
    settles(&mut cluster, Duration::ZERO);
    // One that is cut off has lost all its connections after that time, and is back soon after the heal.
    cluster.inflict(Fault::Split(vec![vec![host(0)], vec![host(1), host(2), host(3)]]));
    run(&mut cluster, seconds(10));
    assert!(cluster.world().connections(host(0)).is_empty());
    cluster.inflict(Fault::Heal);
    run(&mut cluster, seconds(8));
    settles(&mut cluster, seconds(1));
}

#[test]
fn one_that_is_refused_at_the_address_of_a_living_node_has_no_proof_of_its_death() {
    for seed in 0..5 {
        let mut cluster = cluster(3, 12, seed, |_| {});
        cluster.inflict(Fault::Reject(host(1), host(2)));
        for _ in 0..5 {
            cluster.inflict(Fault::ResetLifelines(host(2)));
            cluster.inflict(Fault::Break(host(1), host(2)));
            run(&mut cluster, seconds(3));
        }
        nobody_moved(&cluster, 12);
        cluster.inflict(Fault::Allow(host(1), host(2)));
        run(&mut cluster, seconds(8));
        settles(&mut cluster, seconds(1));
    }
}

#[test]
fn nodes_that_are_back_with_their_addresses_changed_are_members_as_before() {
    for seed in 0..5 {
        let mut cluster = cluster(4, 12, seed, |_| {});
        // One is back elsewhere; then two have each other's address.
        for (gone, address) in [(&[1][..], 9), (&[2, 3], 3)] {
            for index in gone {
                cluster.inflict(Fault::Crash(host(*index)));
            }
            run(&mut cluster, seconds(2));
            cluster.inflict(Fault::Readdress(host(gone[0]), address));
            for index in gone {
                cluster.inflict(Fault::Boot(host(*index)));
            }
            run(&mut cluster, seconds(10));
            settles(&mut cluster, seconds(1));
            assert_eq!(live(&cluster).len(), 12);
        }
    }
}

#[test]
fn a_machine_with_the_name_of_another_is_refused_and_disturbs_nobody() {
    for seed in 0..5 {
        let mut cluster = cluster(4, 12, seed, |_| {});
        cluster.inflict(Fault::Crash(host(3)));
        run(&mut cluster, seconds(5));
        let copies = cluster.history().copies().len();
        cluster.inflict(Fault::Misname(host(3), host(1)));
        cluster.inflict(Fault::Boot(host(3)));
        run(&mut cluster, seconds(20));
        assert!(
            cluster
                .world()
                .running(host(3))
                .is_none_or(|boot| boot.number > 10)
        );
        assert!(
            cluster
                .world()
                .running(host(1))
                .is_some_and(|boot| boot.number == 0)
        );
        assert_eq!(cluster.history().copies().len(), copies);
        cluster.inflict(Fault::Repair(host(3)));
        run(&mut cluster, seconds(10));
        settles(&mut cluster, seconds(1));
        assert_eq!(live(&cluster).len(), 12);
    }
}

#[test]
fn a_clone_of_a_node_ends_and_the_original_goes_on() {
    for seed in 0..5 {
        let mut cluster = cluster(4, 12, seed, |_| {});
        cluster.inflict(Fault::Crash(host(3)));
        run(&mut cluster, seconds(5));
        let copies = cluster.history().copies().len();
        cluster.inflict(Fault::Clone(host(3), host(1)));
        cluster.inflict(Fault::Boot(host(3)));
        run(&mut cluster, seconds(5));
        assert!(
            cluster
                .world()
                .running(host(1))
                .is_some_and(|boot| boot.number == 0)
        );
        assert_eq!(cluster.history().copies().len(), copies);
        cluster.inflict(Fault::Repair(host(3)));
        run(&mut cluster, seconds(10));
        settles(&mut cluster, seconds(1));
    }
}

#[test]
fn a_node_of_another_version_is_a_cluster_of_its_own_until_it_is_set_right() {
    for seed in 0..5 {
        let mut cluster = cluster(3, 12, seed, |_| {});
        cluster.inflict(Fault::Crash(host(2)));
        cluster.inflict(Fault::Upgrade(host(2)));
        cluster.inflict(Fault::Boot(host(2)));
        run(&mut cluster, seconds(15));
        let alone = cluster
            .ask(host(2), start("alone", 0), PATIENCE)
            .expect("no rule is broken");
        assert!(matches!(alone, Some(Ok(Answer::Started { .. }))), "{alone:?}");
        assert_eq!(live(&cluster).len(), 13);
        cluster.inflict(Fault::Repair(host(2)));
        run(&mut cluster, seconds(10));
        settles(&mut cluster, seconds(1));
        assert_eq!(live(&cluster).len(), 12);
    }
}

#[test]
fn a_node_that_gets_to_all_a_tenth_of_a_second_late_is_given_up_by_nobody() {
    for seed in 0..5 {
        let mut cluster = cluster(4, 12, seed, |_| {});
        cluster.inflict(Fault::Slow(host(1), Duration::from_millis(100)));
        run(&mut cluster, seconds(30));
        nobody_moved(&cluster, 12);
        cluster.inflict(Fault::Quick(host(1)));
        settles(&mut cluster, seconds(1));
    }
}

#[test]
fn a_node_that_gets_to_all_two_seconds_late_leaves_every_child_once() {
    for seed in 0..5 {
        let mut cluster = cluster(4, 12, seed, |_| {});
        cluster.inflict(Fault::Slow(host(1), seconds(2)));
        run(&mut cluster, seconds(30));
        cluster.inflict(Fault::Quick(host(1)));
        run(&mut cluster, seconds(5));
        settles(&mut cluster, seconds(5));
        assert_eq!(live(&cluster).len(), 12);
    }
}

#[test]
fn a_node_that_is_stopped_again_and_again_leaves_every_child_once() {
    for seed in 0..5 {
        let mut cluster = cluster(4, 12, seed, |_| {});
        for round in 0..12 {
            cluster.inflict(Fault::Pause(host(1)));
            run(&mut cluster, Duration::from_millis(300 + 400 * round));
            cluster.inflict(Fault::Resume(host(1)));
            run(&mut cluster, Duration::from_millis(50 + 100 * round));
        }
        run(&mut cluster, seconds(5));
        settles(&mut cluster, seconds(5));
        assert_eq!(live(&cluster).len(), 12);
    }
}

#[test]
fn clocks_that_are_set_right_little_by_little_cost_no_child_a_restart() {
    let mut cluster = cluster(3, 12, 1, |_| {});
    for round in 0..10 {
        let (slewed, ppm) = (host(round % 3), if round % 2 == 0 { 8_000 } else { -8_000 });
        cluster.inflict(Fault::Slew(slewed, ppm));
        run(&mut cluster, seconds(6));
    }
    nobody_moved(&cluster, 12);
    settles(&mut cluster, Duration::ZERO);
}

#[test]
fn a_node_that_leaves_hands_its_children_over() {
    for seed in 0..5 {
        let mut cluster = cluster(3, 20, seed, |_| {});
        cluster.inflict(Fault::Leave(host(1)));
        run(&mut cluster, seconds(2));
        assert!(cluster.world().running(host(1)).is_none(), "it has left");
        settles(&mut cluster, Duration::ZERO);
        assert_eq!(live(&cluster).len(), 20);
    }
}

/// One that takes its time to stop holds up no other (S5.2).
#[test]
fn each_child_of_a_node_that_leaves_goes_on_elsewhere_once_it_has_stopped() {
    let slow = Behaviour {
        stop: (seconds(3), seconds(3)),
        ..Behaviour::steady()
    };
    for seed in 0..5 {
        let mut cluster = cluster(3, 20, seed, |setup| setup.behaviours.push(slow.clone()));
        let slow = cluster.world().setup().behaviours.len() - 1;
        for number in 0..6 {
            let outcome = cluster.ask(host(0), start(&format!("slow{number}"), slow), PATIENCE);
            assert!(
                matches!(outcome, Ok(Some(Ok(Answer::Started { .. })))),
                "{outcome:?}"
            );
        }
        cluster.inflict(Fault::Leave(host(1)));
        run(&mut cluster, seconds(1));
        let there: Vec<_> = live(&cluster)
            .into_iter()
            .filter(|copy| copy.boot.host == host(1))
            .collect();
        assert!(!there.is_empty(), "the slow ones stop still");
        let there = there.len();
        assert_eq!(
            live(&cluster).len() - there,
            26 - there,
            "all others run elsewhere"
        );
        run(&mut cluster, seconds(4));
        settles(&mut cluster, Duration::ZERO);
        assert_eq!(live(&cluster).len(), 26);
    }
}

#[test]
fn a_node_that_leaves_waits_for_a_child_that_may_take_as_long_as_it_likes_to_stop() {
    let slow = seconds(60);
    let mut cluster = cluster(3, 20, 1, |setup| {
        setup.behaviours.push(Behaviour {
            stop: (slow, slow),
            ..Behaviour::steady()
        });
    });
    let patient = Command::StartChild {
        horde: Setup::horde(),
        id: ChildId::new("patient").expect("valid"),
        spec: Arc::new(ChildSpec {
            shutdown: Shutdown::Infinity,
            ..Setup::spec(1, 0)
        }),
    };
    let outcome = cluster.ask(host(0), patient, PATIENCE);
    let outcome = outcome.expect("no rule is broken");
    assert!(matches!(outcome, Some(Ok(Answer::Started { .. }))), "{outcome:?}");
    let patient = |copy: &&CopyRecord| copy.spec.shutdown == Shutdown::Infinity;
    let at = live(&cluster)
        .into_iter()
        .find(patient)
        .expect("it runs")
        .boot
        .host;

    cluster.inflict(Fault::Leave(at));
    run(&mut cluster, seconds(55));

    let copies = |cluster: &Cluster| cluster.history().copies().iter().filter(patient).count();
    assert_eq!(copies(&cluster), 1);
    assert!(live(&cluster).iter().any(patient), "it was killed");
    assert!(cluster.world().running(at).is_some(), "it has left");
    run(&mut cluster, seconds(10));
    assert!(cluster.world().running(at).is_none(), "it has not left");
    settles(&mut cluster, Duration::ZERO);
    assert_eq!(live(&cluster).len(), 21);
}

#[test]
fn nodes_that_know_of_nobody_are_one_cluster_once_clients_have_told_them_of_each_other() {
    for seed in 0..5 {
        let mut cluster = cluster(3, 0, seed, |setup| {
            for host in &mut setup.hosts {
                host.seeds.clear();
            }
        });
        for asked in 0..3 {
            let outcome = cluster.ask(host(asked), start("c", 0), PATIENCE);
            let outcome = outcome.expect("no rule is broken");
            assert!(matches!(outcome, Some(Ok(Answer::Started { .. }))), "{outcome:?}");
        }
        assert_eq!(live(&cluster).len(), 3);
        cluster.inflict(Fault::Join(host(1), vec![host(0)]));
        cluster.inflict(Fault::Join(host(2), vec![host(1)]));
        cluster.calm();
        settles(&mut cluster, seconds(5));
        assert_eq!(live(&cluster).len(), 1, "seed {seed}");
    }
}

#[test]
fn a_child_that_gives_up_on_a_full_node_is_tried_there_again_until_it_has_failed() {
    let mut cluster = cluster(2, 0, 1, |setup| {
        (setup.hosts[0].capacity, setup.hosts[1].capacity) = (Some(1), Some(0));
        let soon = Duration::from_millis(20);
        setup.behaviours.push(Behaviour {
            ends: Some((Ending::Crashes, soon, soon)),
            ..Behaviour::steady()
        });
    });
    let outcome = cluster.ask(host(0), start("c", 1), PATIENCE);
    let outcome = outcome.expect("no rule is broken");
    assert!(matches!(outcome, Some(Ok(Answer::Started { .. }))), "{outcome:?}");
    run(&mut cluster, seconds(30));
    let children = &cluster.history().living().next().expect("it lives").children;
    let states: Vec<ChildState> = children.values().map(|info| info.state).collect();
    assert_eq!(states, [ChildState::Failed]);
}

#[test]
fn a_failed_child_that_a_user_stops_is_stopped_until_a_user_starts_it_again() {
    let mut cluster = cluster(2, 0, 1, |setup| {
        let soon = Duration::from_millis(20);
        setup.behaviours.push(Behaviour {
            ends: Some((Ending::Crashes, soon, soon)),
            ..Behaviour::steady()
        });
    });
    let horde = Setup::horde();
    let id = ChildId::new("c").expect("valid");
    let ask = |cluster: &mut Cluster, command: Command| {
        let outcome = cluster.ask(host(0), command, PATIENCE);
        outcome.expect("no rule is broken").expect("it is answered")
    };
    let said = |cluster: &Cluster| {
        let mut all = cluster.history().living().map(|node| {
            let info = node.children.values().next().expect("it is there");
            (info.state, info.reason.clone().unwrap_or_default())
        });
        let first = all.next().expect("it lives");
        assert!(all.all(|other| other == first), "they differ from {first:?}");
        first
    };
    assert!(matches!(
        ask(&mut cluster, start("c", 1)),
        Ok(Answer::Started { .. })
    ));
    run(&mut cluster, seconds(30));
    let (state, why) = said(&cluster);
    assert_eq!(state, ChildState::Failed);

    let stop = Command::TerminateChild {
        horde: horde.clone(),
        id: id.clone(),
    };
    let stopped = ask(&mut cluster, stop);
    assert_eq!(stopped, Ok(Answer::Terminated(Stopped::Confirmed)));
    run(&mut cluster, seconds(5));
    assert_eq!(
        said(&cluster),
        (ChildState::Stopped, format!("had failed: {why}"))
    );
    let copies = cluster.history().copies().len();

    let again = Command::RestartChild { horde, id };
    assert!(matches!(ask(&mut cluster, again), Ok(Answer::Started { .. })));
    assert!(cluster.history().copies().len() > copies, "nothing was started");
    run(&mut cluster, seconds(30));
    assert_eq!(said(&cluster), (ChildState::Failed, why));
}

/// A cluster whose members are written off after 5 s.
fn impatient(hosts: usize, children: usize, seed: u64) -> Cluster {
    cluster(hosts, children, seed, |setup| {
        setup.timing.forget_after = seconds(5);
    })
}

#[test]
fn a_split_that_outlasts_forget_after_is_whole_again_with_every_child_once_and_nothing_lost() {
    for seed in 0..10 {
        let mut cluster = impatient(3, 20, seed);
        let sides = [vec![host(0)], vec![host(1), host(2)]];
        cluster.inflict(Fault::Split(sides.into()));
        run(&mut cluster, seconds(20));
        for side in [0, 2] {
            let outcome = cluster.ask(host(side), start(&format!("side{side}"), 0), PATIENCE);
            let outcome = outcome.expect("no rule is broken");
            assert!(matches!(outcome, Some(Ok(Answer::Started { .. }))), "{outcome:?}");
        }
        cluster.inflict(Fault::Heal);
        run(&mut cluster, seconds(8));
        settles(&mut cluster, Duration::ZERO);
        assert_eq!(live(&cluster).len(), 22, "seed {seed}");
    }
}

/// The mark of a deletion is gone by then on the side on which it was made, with every claim that was made there.
#[test]
fn what_was_deleted_on_one_side_of_a_split_that_outlasts_forget_after_ends_on_all_of_them() {
    for seed in 0..10 {
        let mut cluster = impatient(3, 12, seed);
        cluster.inflict(everybody_alone(3));
        run(&mut cluster, seconds(4));
        for child in 0..9 {
            let (side, id) = (host(child % 3), format!("c{child}"));
            done(&mut cluster, side, &id, |horde, id| Command::TerminateChild {
                horde,
                id,
            });
            done(&mut cluster, side, &id, |horde, id| Command::DeleteChild {
                horde,
                id,
            });
        }
        run(&mut cluster, seconds(16));
        cluster.inflict(Fault::Heal);
        run(&mut cluster, seconds(8));
        settles(&mut cluster, Duration::ZERO);
        assert_eq!(live(&cluster).len(), 3, "seed {seed}");
    }
}

#[test]
fn two_nodes_that_knew_each_other_only_through_a_third_that_is_gone_meet_again() {
    for seed in 0..5 {
        let mut cluster = cluster(3, 9, seed, |setup| {
            setup.timing.forget_after = seconds(5);
            for index in [1, 2] {
                setup.hosts[index].seeds = vec![host(0)];
            }
        });
        cluster.inflict(Fault::PowerOff(host(0)));
        cluster.inflict(everybody_alone(3));
        run(&mut cluster, seconds(60));
        cluster.inflict(Fault::Heal);
        run(&mut cluster, seconds(15));
        settles(&mut cluster, Duration::ZERO);
        assert_eq!(live(&cluster).len(), 9, "seed {seed}");
    }
}

#[test]
fn a_member_that_is_removed_while_it_is_down_is_gone_and_its_machine_may_come_back_as_another() {
    for seed in 0..5 {
        let mut cluster = cluster(3, 9, seed, |_| {});
        cluster.inflict(Fault::PowerOff(host(2)));
        run(&mut cluster, seconds(5));
        cluster.inflict(Fault::Remove(host(0), host(2)));
        run(&mut cluster, seconds(2));
        assert_eq!(cluster.history().removals(), 1);
        settles(&mut cluster, Duration::ZERO);
        cluster.inflict(Fault::Boot(host(2)));
        run(&mut cluster, seconds(5));
        settles(&mut cluster, Duration::ZERO);
        assert_eq!(live(&cluster).len(), 9);
    }
}

#[test]
fn a_living_member_that_is_removed_hands_its_children_over_and_leaves() {
    for seed in 0..5 {
        let mut cluster = cluster(3, 9, seed, |_| {});
        cluster.inflict(Fault::Remove(host(0), host(2)));
        run(&mut cluster, seconds(2));
        assert_eq!(cluster.history().removals(), 1);
        assert!(cluster.world().running(host(2)).is_none(), "it has left");
        settles(&mut cluster, Duration::ZERO);
        assert_eq!(live(&cluster).len(), 9);
    }
}

/// How many processes of a host's node there were.
fn boots(cluster: &Cluster, index: usize) -> u32 {
    let boot = cluster.world().running(host(index)).expect("it runs");
    boot.number + 1
}

#[test]
fn of_two_sides_that_removed_each_other_one_is_left_over_and_nothing_is_lost() {
    for seed in 0..10 {
        let mut cluster = cluster(2, 6, seed, |_| {});
        cluster.inflict(everybody_alone(2));
        run(&mut cluster, seconds(5));
        cluster.inflict(Fault::Remove(host(0), host(1)));
        cluster.inflict_after(seconds(1), Fault::Remove(host(1), host(0)));
        run(&mut cluster, seconds(3));
        assert_eq!(cluster.history().removals(), 2, "each side removed the other");
        for side in [0, 1] {
            let outcome = cluster.ask(host(side), start(&format!("side{side}"), 0), PATIENCE);
            let outcome = outcome.expect("no rule is broken");
            assert!(matches!(outcome, Some(Ok(Answer::Started { .. }))), "{outcome:?}");
        }
        cluster.inflict(Fault::Heal);
        run(&mut cluster, seconds(20));
        settles(&mut cluster, Duration::ZERO);
        assert_eq!((boots(&cluster, 0), boots(&cluster, 1)), (1, 2), "seed {seed}");
        assert_eq!(live(&cluster).len(), 8, "seed {seed}");
    }
}

#[test]
fn a_member_that_was_removed_while_it_was_cut_off_hands_over_what_only_it_has() {
    for seed in 0..10 {
        let mut cluster = cluster(3, 6, seed, |_| {});
        let sides = [vec![host(0)], vec![host(1), host(2)]];
        cluster.inflict(Fault::Split(sides.into()));
        run(&mut cluster, seconds(5));
        let outcome = cluster.ask(host(0), start("only-here", 0), PATIENCE);
        let outcome = outcome.expect("no rule is broken");
        assert!(matches!(outcome, Some(Ok(Answer::Started { .. }))), "{outcome:?}");
        cluster.inflict(Fault::Remove(host(1), host(0)));
        run(&mut cluster, seconds(3));
        assert_eq!(cluster.history().removals(), 1);
        cluster.inflict(Fault::Heal);
        run(&mut cluster, seconds(20));
        settles(&mut cluster, Duration::ZERO);
        assert_eq!(boots(&cluster, 0), 2, "it ended, and another came");
        assert_eq!(live(&cluster).len(), 7, "seed {seed}");
    }
}

/// Those whose nodes may be members, told to that of a host.
fn list<const N: usize>(asked: usize, listed: [usize; N]) -> Fault {
    Fault::SetMembers(host(asked), Some(listed.map(host).into()))
}

fn runs(cluster: &Cluster, hosts: usize) -> Vec<bool> {
    let runs = |index| cluster.world().running(host(index)).is_some();
    (0..hosts).map(runs).collect()
}

#[test]
fn those_that_are_not_on_a_list_of_members_hand_their_children_over_and_leave_together() {
    for seed in 0..10 {
        let mut cluster = cluster(5, 20, seed, |_| {});
        cluster.inflict(list(1, [0, 1]));
        run(&mut cluster, seconds(3));
        assert_eq!(cluster.history().lists(), 1, "seed {seed}");
        assert_eq!(
            runs(&cluster, 5),
            [true, true, false, false, false],
            "seed {seed}"
        );
        settles(&mut cluster, Duration::ZERO);
        assert_eq!(live(&cluster).len(), 20, "seed {seed}");
        // It is refused as often as it comes, and let in when all are again.
        cluster.inflict(Fault::Boot(host(2)));
        run(&mut cluster, seconds(5));
        assert!(
            cluster.world().running(host(2)).is_none() || boots(&cluster, 2) > 3,
            "seed {seed}"
        );
        cluster.inflict(Fault::SetMembers(host(0), None));
        run(&mut cluster, seconds(3));
        assert!(cluster.world().running(host(2)).is_some(), "seed {seed}");
        settles(&mut cluster, seconds(5));
        assert_eq!(live(&cluster).len(), 20, "seed {seed}");
    }
}

#[test]
fn of_two_lists_set_on_the_sides_of_a_split_the_later_counts_and_the_other_makes_nobody_leave() {
    for seed in 0..10 {
        for (first, later, runs) in [
            (list(0, [0, 1]), list(2, [0, 1, 2, 3]), [true, true, true, true]),
            (list(2, [0, 1, 2, 3]), list(0, [0, 1]), [true, true, false, false]),
            (list(0, [0, 1]), list(2, [2, 3]), [false, false, true, true]),
        ] {
            let mut cluster = cluster(4, 8, seed, |_| {});
            let sides = [vec![host(0), host(1)], vec![host(2), host(3)]];
            cluster.inflict(Fault::Split(sides.into()));
            run(&mut cluster, seconds(5));
            cluster.inflict(first);
            run(&mut cluster, seconds(1));
            cluster.inflict(later);
            run(&mut cluster, seconds(5));
            assert_eq!(
                cluster.history().lists(),
                2,
                "seed {seed}: each side knows nobody else"
            );
            assert_eq!(
                self::runs(&cluster, 4),
                [true; 4],
                "seed {seed}: who is away is asked nothing"
            );
            cluster.inflict(Fault::Heal);
            run(&mut cluster, seconds(20));
            assert_eq!(self::runs(&cluster, 4), runs, "seed {seed}");
            let first_boots = (0..4)
                .filter(|index| runs[*index])
                .all(|index| boots(&cluster, index) == 1);
            assert!(
                first_boots,
                "seed {seed}: nobody who is on the list that counts had to come back"
            );
            settles(&mut cluster, Duration::ZERO);
            assert_eq!(live(&cluster).len(), 8, "seed {seed}");
        }
    }
}

#[test]
fn a_list_outlives_the_restarts_of_all_nodes_but_one() {
    for seed in 0..5 {
        let mut cluster = cluster(3, 6, seed, |_| {});
        cluster.inflict(list(0, [0, 1, 2]));
        run(&mut cluster, seconds(2));
        for others in [[0, 1], [1, 2]] {
            for index in others {
                cluster.inflict(Fault::Crash(host(index)));
                cluster.inflict_after(seconds(1), Fault::Boot(host(index)));
            }
            run(&mut cluster, seconds(15));
        }
        settles(&mut cluster, Duration::ZERO);
        let knows = |index| {
            let node = cluster.world().machine(host(index)).expect("it runs");
            format!("{node:?}").contains("list: Some(MemberList")
        };
        assert!((0..3).all(knows), "seed {seed}");
        assert_eq!(live(&cluster).len(), 6, "seed {seed}");
    }
}

#[test]
fn calls_that_overlap_are_answered_as_if_one_came_after_the_other() {
    for seed in 0..5 {
        let mut cluster = cluster(4, 2, seed, |_| {});
        cluster.calm();
        cluster.serve().expect("nothing is asked yet");
        let (horde, id) = (Setup::horde(), ChildId::new("c0").expect("valid"));
        let commands = [
            start("c0", 0),
            Command::TerminateChild {
                horde: horde.clone(),
                id: id.clone(),
            },
            Command::DeleteChild {
                horde: horde.clone(),
                id: id.clone(),
            },
            Command::RestartChild { horde, id },
            start("c0", 0),
        ];
        for (index, command) in commands.into_iter().cycle().take(20).enumerate() {
            let at = cluster.now() + Duration::from_micros(700) * u32::try_from(index).expect("small");
            let call = PlannedCall {
                host: host(index % 4),
                command,
                timeout: PATIENCE,
                retries: 0,
            };
            cluster.plan(at, call);
        }
        run(&mut cluster, seconds(10));
        assert_eq!(cluster.history().open_calls().count(), 0);
    }
}

#[test]
fn a_child_that_cannot_be_killed_is_shown_so_and_its_stop_is_not_confirmed() {
    for seed in 0..5 {
        let mut cluster = cluster(3, 0, seed, |setup| {
            setup.behaviours = vec![Behaviour {
                ignores_stop: Rate::ALWAYS,
                survives_kill: Rate::ALWAYS,
                ..Behaviour::steady()
            }];
        });
        let mut ask = |command| {
            cluster
                .ask(host(0), command, seconds(20))
                .expect("no rule is broken")
        };
        let (horde, id) = (Setup::horde(), ChildId::new("c0").expect("valid"));
        let outcome = ask(start("c0", 0));
        assert!(matches!(outcome, Some(Ok(Answer::Started { .. }))), "{outcome:?}");
        let (of, same) = (horde.clone(), id.clone());
        let outcome = ask(Command::TerminateChild { horde: of, id: same });
        let accepted = matches!(&outcome, Some(Ok(Answer::Terminated(Stopped::Accepted { .. }))));
        assert!(accepted, "{outcome:?}");
        let outcome = ask(Command::DeleteChild {
            horde: horde.clone(),
            id: id.clone(),
        });
        assert!(matches!(outcome, Some(Err(CallError::Running(_)))), "{outcome:?}");
        settles(&mut cluster, seconds(2));
        let view = cluster.history().living().next().expect("it lives");
        assert_eq!(view.children[&(horde, id)].state, ChildState::Zombie);
        assert_eq!(
            cluster
                .history()
                .copies()
                .iter()
                .filter(|copy| copy.is_zombie())
                .count(),
            1
        );
    }
}

#[test]
fn a_child_that_chooses_not_to_run_is_no_failure_and_is_not_kept() {
    for seed in 0..5 {
        let mut cluster = cluster(3, 0, seed, |setup| {
            setup.behaviours = vec![Behaviour {
                start_ignored: Rate::ALWAYS,
                ..Behaviour::steady()
            }];
        });
        let outcome = cluster
            .ask(host(0), start("c0", 0), PATIENCE)
            .expect("no rule is broken");
        assert!(matches!(outcome, Some(Ok(Answer::Ignored))), "{outcome:?}");
        settles(&mut cluster, seconds(2));
    }
}

#[test]
fn nodes_that_go_by_other_times_run_every_child_once_all_the_same() {
    for seed in 0..5 {
        let mut cluster = cluster(4, 8, seed, |setup| {
            let slow = Timing {
                settle: Duration::from_millis(400),
                suspicion: seconds(3),
                t_own: Duration::from_millis(500),
                conflict_wait: seconds(9),
                ..Timing::default()
            };
            let quick = Timing {
                settle: Duration::from_millis(30),
                suspicion: Duration::from_millis(700),
                t_own: Duration::from_millis(50),
                conflict_wait: Duration::from_millis(500),
                ..Timing::default()
            };
            setup.hosts[1].timing = Some(quick);
            setup.hosts[2].timing = Some(slow.clone());
            setup.timing = slow;
            setup.hosts[0].timing = Some(Timing::default());
            setup.hosts[3].timing = Some(Timing::default());
        });
        cluster.inflict(everybody_alone(4));
        run(&mut cluster, seconds(12));
        cluster.inflict(Fault::Heal);
        settles(&mut cluster, seconds(30));
        cluster.inflict(Fault::Crash(host(3)));
        settles(&mut cluster, seconds(20));
        assert_eq!(live(&cluster).len(), 8);
    }
}

#[test]
fn nodes_that_do_little_in_one_go_get_there_all_the_same() {
    for seed in 0..5 {
        let mut cluster = cluster(5, 30, seed, |setup| {
            setup.limits = Limits {
                claims_per_message: 1,
                taken_over_at_least: 1,
                adopted_at_once: 4,
                collected_at_once: 8,
                window: 1,
            };
        });
        let sides = vec![(0..3).map(host).collect(), (3..5).map(host).collect()];
        cluster.inflict(Fault::Split(sides));
        run(&mut cluster, seconds(12));
        cluster.inflict(Fault::Heal);
        settles(&mut cluster, seconds(30));
        cluster.inflict(Fault::Crash(host(4)));
        run(&mut cluster, seconds(5));
        assert_eq!(live(&cluster).len(), 30);
    }
}
