//! The world keeps its word: what packets, connections, lifelines, clocks and processes do.

mod support;

use std::sync::Arc;
use std::time::Duration;

use ordu_core::{ChildId, Command, DialError, ExitReason, Input, ProbeOutcome};
use ordu_sim::{Behaviour, CopyEnd, Fault, HostId, Path, Rate, Setup, Trace, What, World};
use support::Talker;

const A: HostId = HostId(0);
const B: HostId = HostId(1);

/// Two talkers, of which only B dials.
fn pair(seed: u64, change: impl Fn(&mut Setup)) -> World<Talker> {
    let mut setup = Setup::lan(2, seed);
    setup.hosts[A.0].seeds.clear();
    change(&mut setup);
    let mut world = World::new(setup, Trace::Off);
    world.inflict(Fault::Boot(A));
    world.inflict(Fault::Boot(B));
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

fn is_datagram(input: &Input) -> bool {
    matches!(input, Input::Datagram { .. })
}

fn in_order(frames: &[u64]) -> bool {
    frames.windows(2).all(|pair| pair[0] + 1 == pair[1])
}

#[test]
fn a_dial_connects_both_sides_and_names_each_to_the_other() {
    let mut world = pair(1, |_| {});
    run(&mut world, seconds(1));
    let (a, b) = (machine(&world, A), machine(&world, B));
    assert_eq!(a.conns.values().collect::<Vec<_>>(), [&b.id]);
    assert_eq!(b.conns.values().collect::<Vec<_>>(), [&a.id]);
}

#[test]
fn frames_arrive_once_and_in_order_where_datagrams_get_lost_and_doubled() {
    let mut world = pair(2, |setup| {
        setup.near.loss = Rate::percent(20);
        setup.near.duplication = Rate::percent(10);
    });
    run(&mut world, seconds(60));
    let b = machine(&world, B);
    assert!(b.frames().len() > 500 && in_order(&b.frames()));
    let datagrams = b.count(is_datagram);
    assert!((400..580).contains(&datagrams), "{datagrams}");
}

#[test]
fn frames_sent_into_a_split_arrive_after_it_heals() {
    let mut world = pair(3, |_| {});
    run(&mut world, seconds(2));
    world.inflict(Fault::Split(vec![vec![A], vec![B]]));
    run(&mut world, seconds(1));
    let during = machine(&world, B).frames().len();
    run(&mut world, seconds(10));
    assert_eq!(machine(&world, B).frames().len(), during);
    world.inflict(Fault::Heal);
    run(&mut world, seconds(1));
    let frames = machine(&world, B).frames();
    assert!(frames.len() > during + 100 && in_order(&frames));
}

#[test]
fn frames_lost_on_a_bad_way_arrive_soon_after_it_is_whole_again() {
    let mut world = pair(3, |_| {});
    run(&mut world, seconds(2));
    let bad = Path {
        loss: Rate::percent(90),
        ..world.network().path(A, B)
    };
    world.inflict(Fault::Disturb(A, B, bad));
    run(&mut world, seconds(10));
    let during = machine(&world, B).frames().len();
    world.inflict(Fault::Clear);
    run(&mut world, seconds(1));
    let frames = machine(&world, B).frames();
    assert!(
        frames.len() > during + 50 && in_order(&frames),
        "{during}, then {}",
        frames.len()
    );
}

#[test]
fn a_cut_connection_breaks_after_its_idle_time_out() {
    let mut world = pair(4, |setup| setup.idle_timeout = seconds(5));
    run(&mut world, seconds(2));
    world.inflict(Fault::Split(vec![vec![A], vec![B]]));
    run(&mut world, seconds(4));
    assert_eq!(machine(&world, A).conns.len(), 1);
    run(&mut world, seconds(2));
    assert!(machine(&world, A).conns.is_empty() && machine(&world, B).conns.is_empty());
}

#[test]
fn a_killed_process_closes_its_lifeline_at_once_and_its_address_refuses() {
    let mut world = pair(5, |_| {});
    run(&mut world, seconds(2));
    world.inflict(Fault::Crash(A));
    run(&mut world, Duration::from_millis(5));
    let closed = |input: &Input| matches!(input, Input::LifelineClosed { .. });
    assert_eq!(machine(&world, B).count(closed), 1);
    run(&mut world, seconds(2));
    assert_eq!(
        machine(&world, B).count(|input| outcome(input) == Some(ProbeOutcome::Refused)),
        2
    );
    // QUIC alone notices nothing: the connection just falls silent.
    assert_eq!(machine(&world, B).conns.len(), 1);
}

#[test]
fn a_stopped_process_keeps_its_lifeline_and_its_kernel_accepts() {
    let mut world = pair(6, |_| {});
    run(&mut world, seconds(2));
    world.inflict(Fault::Pause(A));
    let heard = machine(&world, A).heard.len();
    run(&mut world, seconds(10));
    let b = machine(&world, B);
    assert_eq!(b.count(|input| matches!(input, Input::LifelineClosed { .. })), 0);
    assert_eq!(
        b.count(|input| outcome(input) == Some(ProbeOutcome::Accepted)),
        12
    );
    assert_eq!(machine(&world, A).heard.len(), heard);
    world.inflict(Fault::Resume(A));
    run(&mut world, Duration::from_millis(50));
    assert!(in_order(&machine(&world, A).frames()) && machine(&world, A).frames().len() > 100);
}

#[test]
fn a_stopped_process_is_sent_a_window_of_frames_and_the_rest_when_it_goes_on() {
    let mut world = pair(6, |setup| setup.queues.window = 100);
    run(&mut world, seconds(2));
    let before = machine(&world, A).frames().len();
    world.inflict(Fault::Pause(A));
    run(&mut world, seconds(10));
    world.inflict(Fault::Resume(A));
    let at_once = machine(&world, A).frames().len() - before;
    assert!((10..=13).contains(&at_once), "{at_once}");
    run(&mut world, seconds(1));
    let frames = machine(&world, A).frames();
    assert!(frames.len() > before + 100 && in_order(&frames));
}

#[test]
fn a_connection_on_which_too_much_waits_is_closed() {
    let (limit, under_way) = (1_000, 500);
    let mut world = pair(3, |setup| {
        (setup.queues.limit, setup.queues.under_way) = (limit, under_way);
    });
    run(&mut world, seconds(2));
    world.inflict(Fault::Split(vec![vec![A], vec![B]]));
    let gone = |world: &World<Talker>, host| {
        machine(world, host).count(|input| matches!(input, Input::Disconnected { .. }))
    };
    // Ten frames a second, each of 8 bytes and the 64 of its bookkeeping.
    run(&mut world, Duration::from_millis(1_900));
    assert_eq!((gone(&world, A), gone(&world, B)), (0, 0));
    run(&mut world, Duration::from_millis(500));
    assert_eq!((gone(&world, A), gone(&world, B)), (1, 1));
    assert!(machine(&world, A).conns.is_empty());
}

#[test]
fn a_split_is_silent() {
    let mut world = pair(7, |_| {});
    run(&mut world, seconds(2));
    world.inflict(Fault::Cut(A, B));
    run(&mut world, seconds(5));
    let b = machine(&world, B);
    assert_eq!(b.count(|input| matches!(input, Input::LifelineClosed { .. })), 0);
    assert!(b.count(|input| outcome(input) == Some(ProbeOutcome::Silent)) >= 4);
}

#[test]
fn a_dial_of_an_address_where_nobody_listens_is_refused_or_times_out() {
    for (refuses, expected) in [(true, DialError::Refused), (false, DialError::Timeout)] {
        let mut setup = Setup::lan(2, 8);
        setup.refuses = refuses;
        let mut world: World<Talker> = World::new(setup, Trace::Off);
        world.inflict(Fault::Boot(B));
        run(&mut world, seconds(2));
        let failed = |input: &Input| matches!(input, Input::DialFailed { error, .. } if *error == expected);
        assert_eq!(machine(&world, B).count(failed), 1);
    }
}

#[test]
fn a_restarted_process_has_a_new_identity_and_hears_nothing_meant_for_the_old_one() {
    let mut world = pair(9, |_| {});
    run(&mut world, seconds(2));
    let before = machine(&world, A).id;
    world.inflict(Fault::Crash(A));
    run(&mut world, Duration::from_millis(20));
    world.inflict(Fault::Boot(A));
    run(&mut world, seconds(2));
    let after = machine(&world, A);
    assert!(after.id > before);
    assert!(after.frames().is_empty() && after.count(is_datagram) == 0);
}

#[test]
fn a_host_that_is_booted_while_its_process_leaves_boots_again_once_that_has_gone() {
    for (booted, comes_back) in [(false, false), (true, true)] {
        let mut world = pair(9, |_| {});
        run(&mut world, seconds(2));
        let before = machine(&world, A).id;
        world.inflict(Fault::Leave(A));
        if booted {
            world.inflict(Fault::Boot(A));
        }
        assert_eq!(machine(&world, A).id, before);
        run(&mut world, seconds(1));
        assert_eq!(
            world.machine(A).is_some_and(|after| after.id != before),
            comes_back
        );
    }
}

#[test]
fn a_node_is_told_whom_to_dial_and_so_is_whoever_boots_there_later() {
    let mut world: World<Talker> = World::new(Setup::lan(2, 13), Trace::Off);
    world.inflict(Fault::Boot(A));
    world.inflict(Fault::Join(A, vec![B]));
    run(&mut world, seconds(1));
    let told = |input: &Input| matches!(input, Input::Seeds(seeds) if *seeds == [B.addr()]);
    assert_eq!(machine(&world, A).count(told), 1);
    world.inflict(Fault::Crash(A));
    world.inflict(Fault::Boot(A));
    run(&mut world, seconds(1));
    assert_eq!(machine(&world, A).config.seeds, [B.addr()]);
}

#[test]
fn what_was_sent_before_a_close_is_delivered() {
    let mut world = pair(10, |setup| setup.near = Path::wan(Duration::from_millis(30)));
    run(&mut world, seconds(2));
    let close = Command::DeleteChild {
        horde: Setup::horde(),
        id: ChildId::new("x").expect("valid"),
    };
    world.call(A, close, seconds(1));
    assert!(machine(&world, A).conns.len() == 1);
    run(&mut world, seconds(1));
    let b = machine(&world, B);
    let last = b
        .heard
        .iter()
        .rposition(|(_, input)| matches!(input, Input::Received { .. }));
    let gone = b
        .heard
        .iter()
        .position(|(_, input)| matches!(input, Input::Disconnected { .. }));
    assert!(last < gone && gone.is_some());
    assert!(in_order(&b.frames()));
    assert!(machine(&world, A).conns.is_empty());
}

#[test]
fn a_process_of_a_killed_node_lives_until_its_keeper_reacts() {
    let mut world = pair(11, |setup| {
        setup.keeper = (Duration::from_millis(20), Duration::from_millis(30));
    });
    start(&mut world, 0);
    run(&mut world, seconds(1));
    world.take_facts();
    world.inflict(Fault::Crash(A));
    run(&mut world, Duration::from_millis(15));
    assert!(ends(&mut world).is_empty());
    run(&mut world, Duration::from_millis(20));
    assert_eq!(ends(&mut world), [CopyEnd::DiedWithNode]);
}

#[test]
fn a_worker_that_ignores_being_stopped_must_be_killed() {
    let mut world = pair(12, |setup| {
        setup.behaviours = vec![Behaviour {
            ignores_stop: Rate::ALWAYS,
            ..Behaviour::steady()
        }];
    });
    start(&mut world, 0);
    run(&mut world, seconds(1));
    let (horde, id) = (Setup::horde(), ChildId::new("c").expect("valid"));
    let stop = Command::TerminateChild {
        horde: horde.clone(),
        id: id.clone(),
    };
    world.call(A, stop, seconds(1));
    run(&mut world, seconds(30));
    assert!(ends(&mut world).is_empty());
    world.call(A, Command::RestartChild { horde, id }, seconds(1));
    run(&mut world, seconds(1));
    assert_eq!(ends(&mut world), [CopyEnd::Exited(ExitReason::Killed)]);
}

#[test]
fn the_same_seed_writes_the_same_trace_and_another_one_another() {
    let trace = |seed| {
        let plan = ordu_sim::swarm::plan(seed);
        let mut world = World::<Talker>::new(plan.setup, Trace::Full(String::new()));
        for (at, fault) in plan.faults {
            world.inflict_at(at, fault);
        }
        for (at, call) in plan.calls {
            world.run_until(at);
            world.call(call.host, call.command, call.timeout);
        }
        world.run_until(plan.calm_at);
        world.trace().text()
    };
    for seed in 0..10 {
        let first = trace(seed);
        assert!(first.lines().count() > 100);
        assert!(first == trace(seed), "seed {seed} wrote two different traces");
    }
    assert!(trace(1) != trace(2));
}

fn start(world: &mut World<Talker>, behaviour: usize) {
    let command = Command::StartChild {
        horde: Setup::horde(),
        id: ChildId::new("c").expect("valid"),
        spec: Arc::new(Setup::spec(behaviour, 0)),
    };
    world.call(A, command, seconds(1));
}

fn ends(world: &mut World<Talker>) -> Vec<CopyEnd> {
    let facts = world.take_facts();
    let ends = facts.into_iter().filter_map(|fact| match fact.what {
        What::CopyEnded { end, .. } => Some(end),
        _ => None,
    });
    ends.collect()
}

fn outcome(input: &Input) -> Option<ProbeOutcome> {
    match input {
        Input::Probed { outcome, .. } => Some(*outcome),
        _ => None,
    }
}

#[test]
fn a_worker_that_cannot_be_killed_lives_until_it_dies_at_last_or_its_node_does() {
    let mut ends = [0, 0];
    for seed in 0..20 {
        let mut world = pair(seed, |setup| {
            setup.behaviours = vec![Behaviour {
                survives_kill: Rate::ALWAYS,
                ..Behaviour::steady()
            }];
        });
        run(&mut world, seconds(1));
        start(&mut world, 0);
        run(&mut world, seconds(1));
        let kill = Command::RestartChild {
            horde: Setup::horde(),
            id: ChildId::new("c").expect("valid"),
        };
        world.call(A, kill, seconds(1));
        run(&mut world, seconds(60));
        let facts = world.take_facts();
        let is_stuck = |what: &What| matches!(what, What::CopyStuck(_));
        assert_eq!(facts.iter().filter(|fact| is_stuck(&fact.what)).count(), 1);
        let is_ended = |what: &What| matches!(what, What::CopyEnded { .. });
        assert!(!facts.iter().any(|fact| is_ended(&fact.what)));
        world.inflict(Fault::CalmChildren);
        run(&mut world, seconds(60));
        let dies = world.take_facts().iter().any(|fact| is_ended(&fact.what));
        ends[usize::from(dies)] += 1;
        world.inflict(Fault::Crash(A));
        run(&mut world, seconds(2));
        let ended = world.take_facts().iter().any(|fact| is_ended(&fact.what));
        assert_eq!(ended, !dies, "it ends once");
    }
    assert!(ends.iter().all(|count| *count > 3), "{ends:?}");
}
