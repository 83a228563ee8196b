//! What a node keeps of what is over, by the allocator's count of what is freed with it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use counting_allocator::{Counting, blocks_since, live_bytes, note_blocks};
use ordu_core::{ChildId, ChildSpec, Command, Constraint, Node, Timing};
use ordu_sim::{Fault, HostId, Setup, Simulation, Trace};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The one that is looked at.
const STAYS: HostId = HostId(0);

/// The one that boots again and again.
const RETURNS: HostId = HostId(1);

const FORGET_AFTER: Duration = Duration::from_secs(5);

/// What a boot may leave with another node (S1.5).
const BYTES_A_BOOT: i64 = 64;

/// What each of some thousand children that are over may leave: nothing, but for the room of lists.
const BYTES_A_CHILD: i64 = 4;

/// The bytes are those of the whole program.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Three nodes that see each other.
fn cluster() -> Simulation<Node> {
    let mut setup = Setup::lan(3, 7);
    setup.timing = Timing {
        forget_after: FORGET_AFTER,
        sync_period: Duration::from_millis(500),
        ..Timing::default()
    };
    let mut cluster = Simulation::new(setup, Trace::Off);
    cluster.boot_all();
    run(&mut cluster, Duration::from_secs(3));
    cluster
}

fn run(cluster: &mut Simulation<Node>, length: Duration) {
    if let Err(violation) = cluster.run_for(length) {
        panic!("{violation}");
    }
}

/// Something is asked of the node that stays by one who would wait for long, and is done.
fn done(cluster: &mut Simulation<Node>, command: Command) {
    let outcome = cluster.ask(STAYS, command, Duration::from_hours(1));
    assert!(matches!(outcome, Ok(Some(Ok(_)))), "{outcome:?}");
}

fn start(id: &ChildId, constraints: Vec<Constraint>) -> Command {
    let spec = ChildSpec {
        constraints,
        ..Setup::spec(0, 0)
    };
    Command::StartChild {
        horde: Setup::horde(),
        id: id.clone(),
        spec: Arc::new(spec),
    }
}

/// What is freed with the node that stays.
fn bytes_of_it(mut cluster: Simulation<Node>) -> i64 {
    note_blocks();
    let before = live_bytes();
    cluster.inflict(Fault::Crash(STAYS));
    run(&mut cluster, Duration::from_micros(1));
    assert_eq!(cluster.world().running(STAYS), None);
    println!("{}", blocks_since());
    before - live_bytes()
}

/// The memory of a node that has seen so many boots of another, all of them over and let go of.
///
/// Each has taken over a child and written that down, and was killed.
fn bytes_after_boots(boots: usize) -> i64 {
    let mut cluster = cluster();
    let theirs = ChildId::new("theirs").expect("valid");
    done(
        &mut cluster,
        start(&theirs, vec![Constraint::Node(RETURNS.name())]),
    );
    for boot in 0..boots {
        cluster.inflict(Fault::Crash(RETURNS));
        let unnoticed = boot % 2 == 1;
        run(
            &mut cluster,
            Duration::from_millis(if unnoticed { 1 } else { 100 }),
        );
        cluster.inflict(Fault::Boot(RETURNS));
        let runs = |cluster: &Simulation<Node>| {
            let last = cluster.history().copies().iter().rev().find(|copy| copy.is_up());
            last.is_some_and(|copy| Some(copy.boot) == cluster.world().running(RETURNS))
        };
        let patience = cluster.now() + Duration::from_secs(10);
        while !runs(&cluster) {
            assert!(cluster.now() < patience, "boot {boot} does not run the child");
            run(&mut cluster, Duration::from_millis(20));
        }
    }
    // Those that were replaced by one that lives have ended; those that came before one that is down may be its successors.
    run(&mut cluster, 6 * FORGET_AFTER);
    bytes_of_it(cluster)
}

/// The memory of a node that has seen so many children start and go while another was away, which is back.
fn bytes_after_children(children: usize) -> i64 {
    let mut cluster = cluster();
    cluster.inflict(Fault::Crash(RETURNS));
    run(&mut cluster, Duration::from_secs(1));
    for child in 0..children {
        let id = ChildId::new(format!("c{child}")).expect("valid");
        done(&mut cluster, start(&id, vec![]));
        for command in [
            |horde, id| Command::TerminateChild { horde, id },
            |horde, id| Command::DeleteChild { horde, id },
        ] {
            done(&mut cluster, command(Setup::horde(), id.clone()));
        }
    }
    cluster.inflict(Fault::Boot(RETURNS));
    run(&mut cluster, 6 * FORGET_AFTER);
    bytes_of_it(cluster)
}

/// What so many more leave, that many each at the most.
fn each_leaves_at_most(bytes: i64, few: usize, more: usize, bytes_after: fn(usize) -> i64) {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let (least, most) = (bytes_after(few), bytes_after(few + more));
    println!("{least} bytes after {few}, {most} after {more} more");
    let bound = bytes * i64::try_from(more).expect("few enough");
    assert!(
        most - least <= bound,
        "{more} left {} bytes; expected at most {bytes} each",
        most - least
    );
}

#[test]
fn a_boot_leaves_at_most_64_bytes_with_every_other_node() {
    each_leaves_at_most(BYTES_A_BOOT, 100, 1_000, bytes_after_boots);
}

#[test]
fn a_child_that_came_and_went_while_a_member_was_away_leaves_nothing() {
    each_leaves_at_most(BYTES_A_CHILD, 200, 2_000, bytes_after_children);
}
