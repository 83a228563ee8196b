use alloc::vec::Vec;

use crate::in_tests::ready_node;
use crate::registers::ChildKey;

#[test]
fn children_that_came_and_went_leave_no_room_behind() {
    let mut node = ready_node();
    let key = |n| ChildKey::new("main".parse().unwrap(), alloc::format!("c{n}").parse().unwrap());
    let keys: Vec<ChildKey> = (0..10_000).map(key).collect();
    for key in &keys {
        node.child_mut(key);
    }
    assert!(node.children.all.capacity() >= keys.len());
    for key in &keys {
        node.forget_if_empty(key);
    }
    assert!(node.children.all.is_empty());
    assert!(
        node.children.all.capacity() < 500,
        "room for {} is left",
        node.children.all.capacity()
    );
}
