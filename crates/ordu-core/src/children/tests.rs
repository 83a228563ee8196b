use alloc::vec::Vec;

use crate::Time;
use crate::in_tests::ready_node;
use crate::registers::ChildKey;

#[test]
fn children_that_came_and_went_leave_no_room_behind() {
    let mut node = ready_node();
    let key = |n| ChildKey::new("main".parse().unwrap(), alloc::format!("c{n}").parse().unwrap());
    // As many as fill a table to the brim: what a removal leaves in a full one counts against its capacity.
    let keys: Vec<ChildKey> = (0..14_336).map(key).collect();
    for key in &keys {
        node.child_mut(key);
    }
    assert!(node.children.slots() >= keys.len());
    for key in &keys {
        node.forget_if_empty(key);
    }
    assert!(node.children.all.is_empty());
    assert!(node.children.slots() < 500, "{} are left", node.children.slots());
}

#[test]
fn a_child_that_is_forgotten_and_a_call_that_is_over_are_waited_for_no_more() {
    let mut node = ready_node();
    let key = ChildKey::new("main".parse().unwrap(), "c".parse().unwrap());
    node.child_mut(&key);
    for at in [7, 5, 5, 6] {
        node.children.wake_at(Time(at), &key);
    }
    node.children.call_waits(Time(4), &key);
    assert_eq!(node.children.next_deadline(), Some(Time(4)));
    node.children.call_is_over(Time(4), &key);
    assert_eq!(node.children.next_deadline(), Some(Time(5)));
    node.children.run_timers(Time(5));
    assert_eq!(node.children.take_touched(), core::slice::from_ref(&key));
    assert_eq!(node.children.get(&key).unwrap().wakes, [Time(7), Time(6)]);
    node.forget_if_empty(&key);
    assert_eq!(node.children.next_deadline(), None);
}
