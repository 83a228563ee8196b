//! An agent that stands still for longer than the others wait.

use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{Cluster, holds_for, measured};

#[test]
fn after_a_pause_of_15_s_each_child_runs_exactly_once() {
    let (cluster, ids) = Cluster::with_children(3, 30);
    let paused = &cluster.nodes[1];

    paused.signal(Signal::STOP);
    std::thread::sleep(Duration::from_secs(15)); // The pause is the subject.
    println!("copies during the pause: {:?}", cluster.copies().per_node());
    paused.signal(Signal::CONT);

    let time = cluster.await_one_each(&ids, Duration::from_secs(10));
    measured("one of each after SIGCONT", time);
    cluster.await_members(Duration::from_secs(10));
    cluster.await_ps_agrees(&ids, Duration::from_secs(5));
    holds_for(Duration::from_secs(2), "one of each", || {
        cluster.copies().one_each(&ids).map(drop)
    });
}
