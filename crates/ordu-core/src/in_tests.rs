//! Nodes as the unit tests of this crate want them.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use ordu_crdt::{Dot, Replica, ReplicaId, Stamp, SyncConfig};

use crate::membership::{Handshake, Identity, Link, Liveness};
use crate::node::Node;
use crate::registers::{
    ChildKey, Claim, ClaimState, Deleted, Desired, Intent, Key, Member, Removal, Status, Value, Why, Word,
};
use crate::wire::Message;
use crate::{ChildSpec, Config, ConnId, Input, Kind, NodeId, NodeName, Now, Output, Time, Token, WallTime};

pub(crate) const ME: NodeId = NodeId(1);
const HORDE: &str = "main";

fn kind() -> Kind {
    Kind::new("k").unwrap()
}

/// A node that is ready, and alone.
pub(crate) fn ready_node() -> Node {
    let config = Config {
        hordes: [HORDE.parse().unwrap()].into(),
        kinds: [(kind(), 1)].into(),
        ..Config::plain()
    };
    let mut node = Node::new(config, ME, 1);
    let now = Now {
        mono: Time(1),
        wall: WallTime(1_000_000),
    };
    node.handle(now, Input::Timer);
    while node.poll_output().is_some() {}
    node
}

/// Another ready node appears, with a connection of the same number.
pub(crate) fn meet(node: &mut Node, peer: NodeId) {
    let name = alloc::format!("n{}", peer.0);
    let addr = alloc::format!("127.0.0.1:{}", peer.0);
    let identity = Identity {
        id: peer,
        seniority: peer,
        generation: 0,
        name: name.parse().unwrap(),
        addr: addr.parse().unwrap(),
    };
    let member = Member {
        name: identity.name.clone(),
        addr: identity.addr,
        ..Member::of(&node.config, Status::Ready)
    };
    connect(node, peer, conn_of(peer));
    node.roster.hear(identity, node.now.mono);
    node.roster.set_liveness(peer, Liveness::Alive, node.now.mono);
    node.roster.set_member(peer, Some(member), node.now.mono);
}

pub(crate) fn conn_of(peer: NodeId) -> ConnId {
    ConnId(u64::try_from(peer.0).unwrap())
}

/// Another connection with a node, which is used from now on.
pub(crate) fn connect(node: &mut Node, peer: NodeId, conn: ConnId) {
    let link = Link {
        peer,
        addr: "127.0.0.1:2".parse().unwrap(),
        dialled_here: true,
        dial: None,
        rtt: Duration::ZERO,
        handshake: Handshake::Awaited,
        lifeline_closed: false,
        retired: None,
        unanswered: None,
        goes_on: None,
        is_told: false,
        rank_told: None,
    };
    node.links.insert(conn, link);
    node.links.greet(conn, ME, None);
}

/// The map of another node, which holds nothing yet.
pub(crate) fn replica_of(peer: NodeId) -> Replica<Key, Value> {
    let mut replica = Replica::new(peer.replica(), SyncConfig::default());
    replica.add_peer(ME.replica());
    replica
}

/// The node and another exchange all that they hold, and nothing is lost between them.
pub(crate) fn exchange(node: &mut Node, peer: &mut Replica<Key, Value>) {
    let id = NodeId(peer.id().0);
    node.replicating.insert(id);
    node.replica.add_peer(peer.id());
    node.replica.sync_with(peer.id());
    peer.sync_with(ME.replica());
    pass_messages(node, peer);
}

/// All arrives that the node and another have to say to each other by themselves.
pub(crate) fn pass_messages(node: &mut Node, peer: &mut Replica<Key, Value>) {
    let id = NodeId(peer.id().0);
    loop {
        let mut is_quiet = true;
        while let Some((_, message)) = peer.poll_message() {
            node.sync_received(id, message).unwrap();
            is_quiet = false;
        }
        while let Some((to, message)) = node.replica.poll_message() {
            if to == peer.id() {
                peer.handle(ME.replica(), message).unwrap();
                is_quiet = false;
            }
        }
        if is_quiet {
            break;
        }
    }
    node.take_changes();
}

/// All that are known as ready make up the settled view.
pub(crate) fn settle(node: &mut Node) {
    let others = node.roster.ready();
    let others = others.map(|(peer, known)| (peer, known.identity.name.clone()));
    let ready = others.chain([(ME, node.config.name.clone())]).collect();
    let now = node.now.mono;
    node.settled.update(ready, &BTreeSet::new(), now);
    node.now.mono = now + Duration::from_secs(1);
    node.settled.settle(node.now.mono, &node.config.timing);
    assert!(node.settled.view().is_some());
}

/// A child whose decider is that node.
pub(crate) fn child_decided_by(node: &Node, decider: NodeId) -> ChildKey {
    (0..1_000)
        .map(|n| ChildKey::new(HORDE.parse().unwrap(), alloc::format!("c{n}").parse().unwrap()))
        .find(|key| node.decider(key) == Some(decider))
        .unwrap()
}

/// The birth of a life of which nobody ever knows that it is over.
pub(crate) const UNBORN: Dot = Dot {
    origin: ReplicaId(u128::MAX),
    seq: u64::MAX,
};

/// The first intent of a life.
pub(crate) fn life(birth: Stamp) -> Intent {
    Intent {
        birth,
        born: UNBORN,
        retried: false,
        run: birth,
        runner: None,
        desired: Desired::Running,
        deleted: Deleted::No,
        changed: None,
        spec: spec(),
    }
}

/// The claim of the first run of a life, by whom the token names, which runs it.
pub(crate) fn claimed(birth: Stamp, token: Token) -> Claim {
    Claim {
        birth,
        born: UNBORN,
        run: birth,
        token,
        previous: None,
        state: ClaimState::Running,
        restarts: 0,
        relocations: 0,
        os_pid: None,
        reason: None,
    }
}

pub(crate) fn spec() -> Arc<ChildSpec> {
    Arc::new(ChildSpec::new(kind(), 1, Vec::new()))
}

/// What was sent to a node since this was last asked, and what was sent to others, thrown away.
pub(crate) fn sent_to(node: &mut Node, peer: NodeId) -> Vec<Message> {
    let conns: BTreeSet<ConnId> = node.links.conns_of(peer).collect();
    core::iter::from_fn(|| node.poll_output())
        .filter_map(|output| match output {
            Output::Send { conn, bytes, .. } if conns.contains(&conn) => Message::decode(&bytes).ok(),
            _ => None,
        })
        .collect()
}

/// The map says that a node was removed by another, by hand.
pub(crate) fn remove(node: &mut Node, ended: NodeId, by: NodeId) {
    let why = Why::ByHand;
    write_removal(node, ended, by, why, None);
}

/// The map has a node's word that another has ended.
pub(crate) fn write_removal(
    node: &mut Node,
    ended: NodeId,
    by: NodeId,
    why: Why,
    who: Option<(NodeName, SocketAddr)>,
) {
    let at = node.stamp().hlc;
    let removal = Value::encode(&Removal::new(Word { at, by, why }, who));
    node.write([(Key::Removed(ended), Some(removal))]);
}
