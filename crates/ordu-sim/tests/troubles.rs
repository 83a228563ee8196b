//! The world keeps its word also where networks, machines and set-ups are wrong in ways that only some seeds have.

mod support;

use std::time::Duration;

use ordu_core::{DialError, Input, ProbeOutcome};
use ordu_sim::swarm::Worlds;
use ordu_sim::{Fault, HostId, Setup, Trace, World};
use support::Talker;

const A: HostId = HostId(0);
const B: HostId = HostId(1);

/// Two talkers, of which B dials, and A if it is to.
fn pair(seed: u64, both_dial: bool, change: impl Fn(&mut Setup)) -> World<Talker> {
    let mut setup = Setup::lan(2, seed);
    if !both_dial {
        setup.hosts[A.0].seeds.clear();
    }
    change(&mut setup);
    let mut world = World::new(setup, Trace::Off);
    world.inflict(Fault::Boot(A));
    world.inflict(Fault::Boot(B));
    run(&mut world, seconds(2));
    world
}

fn run(world: &mut World<Talker>, length: Duration) {
    let end = world.now() + length;
    world.run_until(end);
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn machine(world: &World<Talker>, host: HostId) -> &Talker {
    world.machine(host).expect("the host has a process")
}

fn in_order(frames: &[u64]) -> bool {
    frames.windows(2).all(|pair| pair[0] + 1 == pair[1])
}

fn reboot(world: &mut World<Talker>, host: HostId) {
    world.inflict(Fault::Crash(host));
    world.inflict(Fault::Boot(host));
    run(world, seconds(3));
}

fn failed(world: &World<Talker>, host: HostId, with: impl Fn(&DialError) -> bool) -> usize {
    machine(world, host).count(|input| matches!(input, Input::DialFailed { error, .. } if with(error)))
}

fn is_other(error: &DialError) -> bool {
    matches!(error, DialError::Other { .. })
}

fn gone(world: &World<Talker>, host: HostId) -> usize {
    machine(world, host).count(|input| matches!(input, Input::Disconnected { .. }))
}

fn probed(world: &World<Talker>, host: HostId, as_what: ProbeOutcome) -> usize {
    machine(world, host).count(|input| matches!(input, Input::Probed { outcome, .. } if *outcome == as_what))
}

#[test]
fn a_narrow_way_takes_small_packets_and_nothing_that_is_longer() {
    let mut world = pair(1, false, |_| {});
    // Eight bytes, and what is put around them.
    world.inflict(Fault::Narrow(A, B, 68));
    let before = machine(&world, B).frames().len();
    run(&mut world, seconds(2));
    let during = machine(&world, B).frames().len();
    assert!(during >= before + 18, "{before}, then {during}");
    world.inflict(Fault::Narrow(A, B, 67));
    run(&mut world, seconds(10));
    assert!(machine(&world, B).frames().len() <= during + 1);
    assert_eq!((gone(&world, A), gone(&world, B)), (0, 0));
    world.inflict(Fault::Clear);
    run(&mut world, seconds(35));
    let frames = machine(&world, B).frames();
    assert!(
        frames.len() > during + 400 && in_order(&frames),
        "{}",
        frames.len()
    );
}

#[test]
fn no_connection_comes_up_on_a_narrow_way_though_probes_pass() {
    let mut world = pair(2, false, |_| {});
    world.inflict(Fault::Narrow(B, A, 1_190));
    reboot(&mut world, B);
    assert_eq!(failed(&world, B, |error| *error == DialError::Timeout), 1);
    assert!(probed(&world, B, ProbeOutcome::Accepted) >= 2);
}

#[test]
fn one_of_two_connections_breaks_and_the_other_stands() {
    let mut world = pair(3, true, |_| {});
    assert_eq!(machine(&world, A).conns.len(), 2);
    world.inflict(Fault::Break(A, B));
    run(&mut world, seconds(1));
    assert_eq!((gone(&world, A), gone(&world, B)), (1, 1));
    assert_eq!(machine(&world, A).conns.len(), 1);
    world.inflict(Fault::Break(B, A));
    world.inflict(Fault::Break(B, A));
    run(&mut world, seconds(1));
    assert_eq!((gone(&world, A), gone(&world, B)), (2, 2));
}

#[test]
fn who_does_not_hear_that_a_connection_broke_is_told_once_it_sends_something() {
    let mut world = pair(4, false, |_| {});
    world.inflict(Fault::Cut(A, B));
    world.inflict(Fault::Break(A, B));
    run(&mut world, seconds(2));
    assert_eq!((gone(&world, A), gone(&world, B)), (1, 0));
    world.inflict(Fault::Mend(A, B));
    run(&mut world, seconds(2));
    assert_eq!(gone(&world, B), 1);
}

#[test]
fn one_that_is_refused_what_it_dials_goes_on_with_the_connection_that_stands() {
    for (refuses, expected) in [(true, DialError::Refused), (false, DialError::Timeout)] {
        let mut world = pair(5, false, |setup| setup.refuses = refuses);
        world.inflict(Fault::Reject(B, A));
        let before = (
            probed(&world, B, ProbeOutcome::Refused),
            machine(&world, B).frames().len(),
        );
        assert_eq!(before.0, 0);
        run(&mut world, seconds(3));
        assert!(probed(&world, B, ProbeOutcome::Refused) >= 2);
        assert!(machine(&world, B).frames().len() > before.1 + 25);
        reboot(&mut world, B);
        assert_eq!(failed(&world, B, |error| *error == expected), 1);
        world.inflict(Fault::Allow(B, A));
        reboot(&mut world, B);
        assert_eq!(machine(&world, B).conns.len(), 1);
        run(&mut world, seconds(2));
        assert_eq!(probed(&world, B, ProbeOutcome::Refused), 0);
    }
}

#[test]
fn a_node_is_back_at_another_address_and_those_who_dial_it_by_name_find_out() {
    let mut world = pair(6, false, |_| {});
    world.inflict(Fault::Readdress(A, 7));
    reboot(&mut world, A);
    assert_eq!(machine(&world, A).config.addr, A.addr(), "it ran");
    world.inflict(Fault::Crash(A));
    world.inflict(Fault::Readdress(A, 7));
    world.inflict(Fault::Boot(A));
    assert_eq!(machine(&world, A).config.addr, HostId(7).addr());
    run(&mut world, seconds(6));
    let told = |input: &Input| {
        matches!(input, Input::Seeds(seeds)
            if seeds.contains(&HostId(7).addr()) && !seeds.contains(&A.addr()))
    };
    assert_eq!(machine(&world, B).count(told), 1);
    reboot(&mut world, B);
    assert_eq!(machine(&world, B).conns.len(), 1);
}

#[test]
fn an_address_is_taken_by_another_name() {
    let mut world = pair(7, false, |_| {});
    for host in [A, B] {
        world.inflict(Fault::Crash(host));
    }
    world.inflict(Fault::Readdress(A, B.0));
    for host in [A, B] {
        world.inflict(Fault::Boot(host));
    }
    let a = &machine(&world, A).config;
    assert_eq!((&a.name, a.addr), (&A.name(), B.addr()));
    assert_eq!(machine(&world, B).config.addr, A.addr());
    run(&mut world, seconds(3));
    assert_eq!(
        machine(&world, B).conns.len(),
        1,
        "it dials where that name is now"
    );
}

#[test]
fn a_misnamed_node_bears_the_name_of_another_until_it_is_set_right() {
    let mut world = pair(8, false, |_| {});
    world.inflict(Fault::Misname(B, A));
    assert_eq!(machine(&world, B).config.name, B.name());
    reboot(&mut world, B);
    assert_eq!(machine(&world, B).config.name, A.name());
    assert_ne!(machine(&world, B).id, machine(&world, A).id);
    assert_eq!(machine(&world, B).config.addr, B.addr());
    world.inflict(Fault::Repair(B));
    assert_eq!(machine(&world, B).config.name, B.name());
    let id = machine(&world, B).id;
    world.inflict(Fault::Repair(B));
    assert_eq!(machine(&world, B).id, id, "nothing is wrong with it");
}

#[test]
fn a_clone_has_the_identity_of_a_running_node_for_one_boot_and_its_name_for_longer() {
    let mut world = pair(9, false, |_| {});
    world.inflict(Fault::Clone(B, A));
    reboot(&mut world, B);
    let original = machine(&world, A).id;
    assert_eq!(machine(&world, B).id, original);
    assert_eq!(machine(&world, B).config.name, A.name());
    // The one that was dialled keeps still, the one that dials hears what is wrong.
    assert_eq!(failed(&world, B, is_other), 1);
    assert!(machine(&world, B).conns.is_empty());
    reboot(&mut world, B);
    assert_ne!(machine(&world, B).id, original);
    assert_eq!(machine(&world, B).config.name, A.name());
    world.inflict(Fault::Crash(A));
    world.inflict(Fault::Clone(B, A));
    reboot(&mut world, B);
    assert_ne!(
        machine(&world, B).id,
        original,
        "there is nothing to be a clone of"
    );
}

#[test]
fn a_node_of_another_version_is_refused_in_the_handshake() {
    let mut world = pair(10, false, |_| {});
    world.inflict(Fault::Upgrade(B));
    reboot(&mut world, B);
    assert_eq!(failed(&world, B, is_other), 1);
    assert!(
        machine(&world, A)
            .conns
            .values()
            .all(|peer| *peer != machine(&world, B).id)
    );
    assert!(probed(&world, B, ProbeOutcome::Accepted) >= 2);
    world.inflict(Fault::Upgrade(A));
    reboot(&mut world, A);
    reboot(&mut world, B);
    assert_eq!(machine(&world, B).conns.len(), 1, "they are of one version");
}

#[test]
fn a_slow_process_gets_to_all_that_happens_in_its_order_and_late() {
    let mut world = pair(11, false, |_| {});
    let before = machine(&world, B).frames().len();
    world.inflict(Fault::Slow(B, Duration::from_millis(1_500)));
    run(&mut world, Duration::from_millis(1_400));
    assert!(machine(&world, B).frames().len() <= before + 1);
    run(&mut world, seconds(10));
    let during = machine(&world, B).frames();
    assert!(
        (before + 95..=before + 102).contains(&during.len()),
        "{}",
        during.len()
    );
    world.inflict(Fault::Quick(B));
    let frames = machine(&world, B).frames();
    assert!(
        frames.len() >= during.len() + 13 && in_order(&frames),
        "{}",
        frames.len()
    );
    assert_eq!((gone(&world, A), gone(&world, B)), (0, 0));
}

#[test]
fn what_a_slow_process_had_not_got_to_when_it_was_stopped_comes_first_when_it_goes_on() {
    let mut world = pair(12, false, |_| {});
    world.inflict(Fault::Slow(B, seconds(1)));
    for _ in 0..20 {
        run(&mut world, Duration::from_millis(700));
        world.inflict(Fault::Pause(B));
        run(&mut world, Duration::from_millis(300));
        world.inflict(Fault::Resume(B));
    }
    world.inflict(Fault::Quick(B));
    run(&mut world, seconds(1));
    let frames = machine(&world, B).frames();
    assert!(frames.len() > 200 && in_order(&frames), "{}", frames.len());
}

#[test]
fn a_slewed_clock_makes_timers_come_sooner_or_later() {
    let sent_within = |ppm| {
        let mut world = pair(13, false, |_| {});
        world.inflict(Fault::Slew(A, ppm));
        let before = machine(&world, B).frames().len();
        run(&mut world, seconds(100));
        let sent = machine(&world, B).frames().len() - before;
        world.inflict(Fault::CorrectClocks);
        sent
    };
    let (slow, fast) = (sent_within(-100_000), sent_within(100_000));
    assert!((880..=905).contains(&slow), "{slow}");
    assert!((1_080..=1_105).contains(&fast), "{fast}");
}

/// What of the new troubles a plan has.
fn troubles(plan: &ordu_sim::Plan) -> [bool; 9] {
    let any = |is: fn(&Fault) -> bool| plan.faults.iter().any(|(_, fault)| is(fault));
    let idle = plan.setup.idle_timeout;
    [
        any(|fault| matches!(fault, Fault::Narrow(..))),
        any(|fault| matches!(fault, Fault::Break(..))),
        any(|fault| matches!(fault, Fault::Reject(..))),
        any(|fault| matches!(fault, Fault::Readdress(..))),
        any(|fault| matches!(fault, Fault::Misname(..) | Fault::Clone(..) | Fault::Upgrade(_))),
        any(|fault| matches!(fault, Fault::Slow(..))),
        any(|fault| matches!(fault, Fault::Slew(..))),
        idle < seconds(30),
        plan.setup.timing.forget_after <= seconds(12),
    ]
}

#[test]
fn some_seeds_have_each_trouble_and_wild_ones_most_and_chaos_none() {
    let count = |worlds: Worlds, seeds: u64| {
        let mut counts = [0; 9];
        for seed in 0..seeds {
            for (count, has) in counts.iter_mut().zip(troubles(&worlds.plan(seed))) {
                *count += u32::from(has);
            }
        }
        counts
    };
    let swarm = count(Worlds::Swarm, 1_000);
    assert!(swarm.iter().all(|count| (20..=130).contains(count)), "{swarm:?}");
    let wild = count(Worlds::Wild { hosts: 4 }, 50);
    assert!(wild.iter().all(|count| *count >= 25), "{wild:?}");
    let chaos = count(Worlds::Chaos { hosts: 4 }, 50);
    assert_eq!(chaos, [0; 9]);
}
