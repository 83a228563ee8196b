//! What a node keeps of what is over, by the allocator's count of what is freed with it.

use std::sync::Arc;
use std::time::Duration;

use counting_allocator::{Counting, blocks_since, live_bytes, note_blocks};
use ordu_core::{Answer, ChildId, ChildSpec, Command, Constraint, Node, Timing};
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

/// The memory of a node that has seen so many boots of another, all of them over and let go of.
///
/// Each has taken over a child and written that down, and was killed.
fn bytes_after(boots: usize) -> i64 {
    let mut setup = Setup::lan(3, 7);
    setup.timing = Timing {
        forget_after: FORGET_AFTER,
        sync_period: Duration::from_millis(500),
        ..Timing::default()
    };
    let mut cluster = Simulation::<Node>::new(setup, Trace::Off);
    let run = |cluster: &mut Simulation<Node>, length| {
        if let Err(violation) = cluster.run_for(length) {
            panic!("{violation}");
        }
    };
    cluster.boot_all();
    run(&mut cluster, Duration::from_secs(3));
    let theirs = ChildSpec {
        constraints: vec![Constraint::Node(RETURNS.name())],
        ..Setup::spec(0, 0)
    };
    let start = Command::StartChild {
        horde: Setup::horde(),
        id: ChildId::new("theirs").expect("valid"),
        spec: Arc::new(theirs),
    };
    let started = cluster.ask(STAYS, start, Duration::from_secs(5));
    assert!(
        matches!(started, Ok(Some(Ok(Answer::Started { .. })))),
        "{started:?}"
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

    note_blocks();
    let before = live_bytes();
    cluster.inflict(Fault::Crash(STAYS));
    run(&mut cluster, Duration::from_micros(1));
    assert_eq!(cluster.world().running(STAYS), None);
    let bytes = before - live_bytes();
    println!("{bytes} bytes after {boots} boots: {}", blocks_since());
    bytes
}

#[test]
fn a_boot_leaves_at_most_64_bytes_with_every_other_node() {
    const FEW: usize = 100;
    const MANY: usize = 1_100;
    let (few, many) = (bytes_after(FEW), bytes_after(MANY));
    let boots = i64::try_from(MANY - FEW).expect("few enough");
    println!("{few} bytes after {FEW} boots, {many} after {MANY}");
    assert!(
        many - few <= BYTES_A_BOOT * boots,
        "{boots} boots left {} bytes; expected at most {BYTES_A_BOOT} each",
        many - few,
    );
}
