use alloc::vec;
use core::time::Duration;

use crate::membership::Link;
use crate::node::Node;
use crate::{Config, ConnId, Input, NodeId, Now, Output, Time, WallTime};

#[test]
fn a_dead_connection_with_a_node_that_is_forgotten_keeps_nobody_from_being_dialled() {
    let addr = "127.0.0.1:2".parse().unwrap();
    let config = Config {
        seeds: vec![addr],
        ..Config::plain()
    };
    let mut node = Node::new(config, NodeId(1), 1);
    let forgotten = Link {
        peer: NodeId(9),
        addr,
        dialled_here: true,
        rtt: Duration::ZERO,
        greeted: false,
        lifeline_closed: false,
        retired: None,
    };
    node.links.insert(ConnId(1), forgotten);
    node.links.greet(ConnId(1), NodeId(1));
    let now = Now {
        mono: Time(1),
        wall: WallTime(1_000_000),
    };
    node.handle(now, Input::Timer);
    let mut outputs = core::iter::from_fn(|| node.poll_output());
    assert!(outputs.any(|output| matches!(output, Output::Dial { addr: dialled, .. } if dialled == addr)));
}
