use alloc::collections::BTreeMap;
use core::net::SocketAddr;
use core::time::Duration;

use crate::{ConnId, DialId, NodeId, Time};

/// A connection that gives way to another stays open for this long, so that what was sent on it arrives: the
/// peer may change over a little later, and the two connections are not ordered to each other.
pub(crate) const RETIRE: Duration = Duration::from_secs(2);

/// The connections of this node, and for each peer the one that is used.
///
/// Two nodes may dial each other at the same moment. Of the two connections the one dialled by the smaller
/// `NodeId` is used by both sides; only the dialler of the other closes it, and only after a while, so nothing
/// sent on it is lost to a closing that comes too early. Of several dialled by one side the one that was dialled last is
/// used: the dialler had reason to believe that the older is dead. So both sides use the same one, whichever of them they
/// have left and in whatever order they greeted each other on them.
#[derive(Debug, Default)]
pub(crate) struct Links {
    conns: BTreeMap<ConnId, Link>,
    used: BTreeMap<NodeId, ConnId>,
}

/// One connection.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) peer: NodeId,
    pub(crate) addr: SocketAddr,
    pub(crate) dialled_here: bool,
    /// By its dialler's count; of one that was dialled there it is known once the peer has greeted.
    pub(crate) dial: Option<DialId>,
    pub(crate) rtt: Duration,
    pub(crate) handshake: Handshake,
    /// The kernel of the peer's host closed the lifeline (S6.3).
    pub(crate) lifeline_closed: bool,
    /// Since when another connection is used instead.
    pub(crate) retired: Option<Time>,
    /// The number of the last thing sent on it since then, a question: until that is answered, what was sent before may not
    /// have arrived.
    pub(crate) unanswered: Option<u64>,
    /// Since when the peer is known to use it all the same.
    pub(crate) goes_on: Option<Time>,
    /// The peer has ended and was told so (S2.4).
    pub(crate) is_told: bool,
    /// The highest (seniority, generation) of another boot of the peer's name that it was told of.
    pub(crate) rank_told: Option<(NodeId, u32)>,
}

/// What became of the peer's handshake on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handshake {
    /// It has not come.
    Awaited,
    Accepted,
    /// The peer was refused: whatever comes on the connection is not taken any more, be it the handshake (S2.4).
    Refused,
}

impl Link {
    /// Whether what the peer says on it counts.
    pub(crate) fn is_refused(&self) -> bool {
        self.handshake == Handshake::Refused
    }

    pub(crate) fn greeted(&self) -> bool {
        self.handshake == Handshake::Accepted
    }
}

/// What a change of links did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkChange {
    /// There was none to this peer.
    Up,
    /// There is another connection, which may be used instead; this node is to `close` the one that retires, and `was_used`
    /// if that was in use.
    Switched {
        retired: ConnId,
        was_used: bool,
        close: bool,
    },
    /// The connection in use broke, and another took its place: what was under way may be lost.
    Broke,
    /// The last one is gone.
    Down,
    None,
}

impl Links {
    pub(crate) fn insert(&mut self, conn: ConnId, link: Link) {
        self.conns.insert(conn, link);
    }

    pub(crate) fn link(&self, conn: ConnId) -> Option<&Link> {
        self.conns.get(&conn)
    }

    pub(crate) fn link_mut(&mut self, conn: ConnId) -> Option<&mut Link> {
        self.conns.get_mut(&conn)
    }

    /// The connection to use for a peer.
    pub(crate) fn used(&self, peer: NodeId) -> Option<ConnId> {
        self.used.get(&peer).copied()
    }

    pub(crate) fn used_link(&self, peer: NodeId) -> Option<&Link> {
        self.used(peer).and_then(|conn| self.conns.get(&conn))
    }

    /// The peers that can be talked to.
    pub(crate) fn peers(&self) -> impl ExactSizeIterator<Item = NodeId> + '_ {
        self.used.keys().copied()
    }

    pub(crate) fn conns_of(&self, peer: NodeId) -> impl Iterator<Item = ConnId> + '_ {
        self.conns
            .iter()
            .filter(move |(_, link)| link.peer == peer)
            .map(|(conn, _)| *conn)
    }

    /// The peer's handshake on this connection was accepted; it says what dial of its the connection came of, if any.
    pub(crate) fn greet(&mut self, conn: ConnId, me: NodeId, dial: Option<DialId>) -> LinkChange {
        let Some(link) = self.conns.get_mut(&conn) else {
            return LinkChange::None;
        };
        link.handshake = Handshake::Accepted;
        if !link.dialled_here {
            link.dial = dial;
        }
        let peer = link.peer;
        let old = self.used.get(&peer).copied();
        let Some(best) = self.best_of(peer, me) else {
            return LinkChange::None;
        };
        self.used.insert(peer, best);
        let Some(old) = old else {
            return LinkChange::Up;
        };
        if old == conn {
            return LinkChange::None;
        }
        let retired = if best == conn { old } else { conn };
        let close = self.conns.get(&retired).is_some_and(|link| link.dialled_here);
        let was_used = retired == old;
        LinkChange::Switched {
            retired,
            was_used,
            close,
        }
    }

    /// A peer answers a question: if it was the last thing sent on a connection that gave way, all that was sent on that has
    /// arrived.
    pub(crate) fn answered(&mut self, peer: NodeId, nonce: u64) {
        let links = self.conns.values_mut().filter(|link| link.peer == peer);
        for link in links.filter(|link| link.unanswered == Some(nonce)) {
            link.unanswered = None;
        }
    }

    /// The peer says something on a connection. Gives the one in use where the peer does not know that one: it would have
    /// changed to it long ago, and goes on with one that gave way here.
    pub(crate) fn unknown_to_peer(&mut self, conn: ConnId, now: Time) -> Option<ConnId> {
        let link = self.conns.get_mut(&conn).filter(|link| link.greeted())?;
        link.retired.filter(|at| now.since(*at) >= RETIRE * 2)?;
        // All that came while this node stood still is read at one moment.
        let goes_on = *link.goes_on.get_or_insert(now);
        if now.since(goes_on) < RETIRE {
            return None;
        }
        link.goes_on = None;
        let peer = link.peer;
        self.used(peer).filter(|used| *used != conn)
    }

    /// The one of the connections to a peer that both sides choose.
    fn best_of(&self, peer: NodeId, me: NodeId) -> Option<ConnId> {
        let all = self.conns.iter();
        let greeted = all.filter(|(_, link)| link.peer == peer && link.greeted());
        let rank = |link: &Link| (link.dialled_here == (me < peer), link.dial);
        let best = greeted.max_by_key(|(conn, link)| (rank(link), **conn));
        best.map(|(conn, _)| *conn)
    }

    pub(crate) fn remove(&mut self, conn: ConnId, me: NodeId) -> Option<(Link, LinkChange)> {
        let link = self.conns.remove(&conn)?;
        if self.used.get(&link.peer) != Some(&conn) {
            return Some((link, LinkChange::None));
        }
        let change = if let Some(next) = self.best_of(link.peer, me) {
            self.used.insert(link.peer, next);
            if let Some(next) = self.conns.get_mut(&next) {
                (next.retired, next.unanswered, next.goes_on) = (None, None, None);
            }
            LinkChange::Broke
        } else {
            self.used.remove(&link.peer);
            LinkChange::Down
        };
        Some((link, change))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(peer: u128, dialled_here: bool) -> Link {
        Link {
            peer: NodeId(peer),
            addr: "127.0.0.1:1".parse().unwrap(),
            dialled_here,
            dial: None,
            rtt: Duration::ZERO,
            handshake: Handshake::Awaited,
            lifeline_closed: false,
            retired: None,
            unanswered: None,
            goes_on: None,
            is_told: false,
            rank_told: None,
        }
    }

    #[test]
    fn of_two_simultaneous_connections_both_sides_keep_the_one_the_smaller_id_dialled() {
        let (small, large) = (NodeId(1), NodeId(2));
        // Connection 10 was dialled by the smaller, 11 by the larger; each side may greet them in any order.
        for order in [[10, 11], [11, 10]] {
            for (me, peer) in [(small, large), (large, small)] {
                let mut links = Links::default();
                links.insert(ConnId(10), link(peer.0, me == small));
                links.insert(ConnId(11), link(peer.0, me == large));
                assert_eq!(links.greet(ConnId(order[0]), me, None), LinkChange::Up);
                let change = links.greet(ConnId(order[1]), me, None);
                assert_eq!(links.used(peer), Some(ConnId(10)));
                let expected = LinkChange::Switched {
                    retired: ConnId(11),
                    was_used: order[0] == 11,
                    close: me == large,
                };
                assert_eq!(change, expected, "only its dialler closes it");
            }
        }
    }

    #[test]
    fn a_broken_connection_gives_way_to_the_other_one() {
        let mut links = Links::default();
        links.insert(ConnId(1), link(2, false));
        links.insert(ConnId(2), link(2, false));
        links.greet(ConnId(1), NodeId(1), Some(DialId(1)));
        links.greet(ConnId(2), NodeId(1), Some(DialId(2)));
        assert_eq!(links.used(NodeId(2)), Some(ConnId(2)));
        assert_eq!(links.remove(ConnId(2), NodeId(1)).unwrap().1, LinkChange::Broke);
        assert_eq!(links.used(NodeId(2)), Some(ConnId(1)));
        assert_eq!(links.remove(ConnId(1), NodeId(1)).unwrap().1, LinkChange::Down);
        assert_eq!(links.used(NodeId(2)), None);
    }
    /// Each side greets on the connections in an order of its own, and loses one that it used.
    #[test]
    fn both_sides_use_the_same_connection_in_whatever_order_they_met_on_several_and_lost_one() {
        let (small, large) = (NodeId(1), NodeId(2));
        // Who dialled them, and the number of the dial there. The last one breaks in the end.
        let all = [(small, 1), (large, 7), (large, 8), (small, 2), (small, 3)];
        let last_used = |me: NodeId, peer: NodeId, order: [usize; 5]| {
            let mut links = Links::default();
            for (nth, at) in order.into_iter().enumerate() {
                let (dialler, number) = all[at];
                let conn = ConnId(100 + nth as u64);
                let mut link = link(peer.0, dialler == me);
                link.addr.set_port(u16::try_from(at).unwrap());
                link.dial = (dialler == me).then_some(DialId(number));
                links.insert(conn, link);
                let told = (dialler == peer).then_some(DialId(number));
                links.greet(conn, me, told);
            }
            let of = |links: &Links, at: u16| {
                let mut conns = links.conns.iter();
                conns
                    .find(|(_, link)| link.addr.port() == at)
                    .map(|(conn, _)| *conn)
                    .unwrap()
            };
            assert_eq!(links.used(peer), Some(of(&links, 4)));
            links.remove(of(&links, 4), me);
            links.used_link(peer).unwrap().addr.port()
        };
        for order in [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [3, 4, 0, 2, 1], [4, 0, 3, 2, 1]] {
            assert_eq!(last_used(small, large, order), 3);
            assert_eq!(last_used(large, small, order), 3);
        }
    }
}
