use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use ordu_crdt::SyncConfig;
use serde::{Deserialize, Serialize};

use crate::registers::{Member, Status, Value};
use crate::{HordeName, InvalidName, Kind, NodeName, label};

/// What a node is told about itself when it boots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    /// The node's stable name, unique among the live members.
    pub name: NodeName,
    /// The address its peers dial: UDP for QUIC, TCP for the lifeline.
    #[serde(with = "crate::recording::address")]
    pub addr: SocketAddr,
    /// What constraints are matched against.
    pub labels: BTreeMap<String, String>,
    /// How many children it runs at the most; `None`: no limit.
    pub capacity: Option<u32>,
    /// The worker types it can start, with the versions of args it understands.
    pub kinds: Vec<(Kind, u16)>,
    /// The hordes it takes part in.
    pub hordes: Vec<HordeName>,
    /// Whom to dial first. Empty: the node may be the first of its cluster and is ready at once.
    #[serde(with = "crate::recording::address::several")]
    pub seeds: Vec<SocketAddr>,
    /// The times that govern its decisions.
    pub timing: Timing,
    /// How much it does in one go. No recording tells of it: real nodes have the default.
    #[serde(skip)]
    pub limits: Limits,
}

/// Why a node cannot be what it is told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidConfig {
    /// A label is not valid.
    #[error(transparent)]
    Label(#[from] InvalidName),
    /// What it has to tell the others of itself is too long.
    #[error(
        "the labels, kinds and hordes of the node take {got} bytes; expected at most {max}, since every node of the \
         cluster keeps them"
    )]
    TooLong {
        /// How much it is, in bytes.
        got: usize,
        /// The most allowed.
        max: usize,
    },
}

impl Config {
    /// The most that a node tells the others of itself, in bytes.
    pub const MAX_RECORD: usize = 16 * 1024;

    /// Checks what the types of the fields do not say. A [`Node`](crate::Node) with a configuration that fails this
    /// would panic when it boots.
    pub fn check(&self) -> Result<(), InvalidConfig> {
        label::check(&self.labels)?;
        let (got, max) = (
            Value::encode(&Member::of(self, Status::Joining)).len(),
            Self::MAX_RECORD,
        );
        if got > max {
            return Err(InvalidConfig::TooLong { got, max });
        }
        Ok(())
    }
}

/// How much a node does in one go. It tells nobody of its limits, and nodes with different ones get along.
///
/// They are no settings: only large clusters ever come near the default, so a simulator draws them small.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many claims of take-overs one message shows to a witness (S4.7): 1 to 128, which fit into a frame with the
    /// longest ids. Default 128.
    pub claims_per_message: usize,
    /// How many children a node that sees less than half of the cluster takes over, however few it runs (S4.7): any number.
    /// Default 100.
    pub taken_over_at_least: u32,
    /// How many values of a removed node are written anew in one go (S2.4), at least 1. Default 256.
    pub adopted_at_once: usize,
    /// How many removes and contexts of the map that may be over are looked at in one go (S1.4), at least 1. Default
    /// 1,024.
    pub collected_at_once: usize,
    /// How many chunks of the map may be on their way to one peer without its receipt (S1.3), at least 1. Default 16.
    pub window: u32,
}

impl Default for Limits {
    fn default() -> Self {
        let sync = SyncConfig::default();
        Self {
            claims_per_message: 128,
            taken_over_at_least: 100,
            adopted_at_once: 256,
            collected_at_once: sync.collected_at_once,
            window: sync.window,
        }
    }
}

/// The times that govern a node's decisions. All nodes of a cluster should have the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// One member is probed every so often (SWIM's protocol period).
    pub probe_period: Duration,
    /// How long a probe waits for its answer before others are asked to probe.
    pub probe_rtt: Duration,
    /// How long a suspected member has to refute before it is down.
    pub suspicion: Duration,
    /// The set of ready members must not have changed for this long before it is acted on (S4.3), plus
    /// `settle_per_member` for each member.
    pub settle: Duration,
    /// See `settle`.
    pub settle_per_member: Duration,
    /// After this long without a settled view the members that were stable are acted on (S4.3).
    pub settle_max: Duration,
    /// A longer pause between two inputs than this voids the view and all suspicions (S4.5).
    pub gap: Duration,
    /// A node with seeds that none of them answers decides alone after this long (S4.6).
    pub boot_grace: Duration,
    /// The head start of each rank over the one after it, counted from the settled view (S4.4).
    pub t_own: Duration,
    /// How long a loser waits for a winner that is still starting (S7.1).
    pub conflict_wait: Duration,
    /// A member that has been down for this long is written off until it is heard of again: nothing waits for it (S2.4).
    pub forget_after: Duration,
    /// How often a member that is not connected is dialled during the first minute (S6.2).
    pub redial: Duration,
    /// How often at the slowest, afterwards.
    pub redial_max: Duration,
    /// How long one dial may take.
    pub dial_timeout: Duration,
    /// Anti-entropy with one peer runs this often.
    pub sync_period: Duration,
    /// The difference between two wall clocks above which a handshake is refused (S1.7).
    pub clock_bound: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            probe_period: Duration::from_millis(400),
            probe_rtt: Duration::from_millis(120),
            suspicion: Duration::from_secs(1),
            settle: Duration::from_millis(100),
            settle_per_member: Duration::from_millis(5),
            settle_max: Duration::from_secs(5),
            gap: Duration::from_secs(1),
            boot_grace: Duration::from_secs(10),
            t_own: Duration::from_millis(200),
            conflict_wait: Duration::from_secs(5),
            forget_after: Duration::from_hours(1),
            redial: Duration::from_millis(250),
            redial_max: Duration::from_secs(5),
            dial_timeout: Duration::from_millis(1_500),
            sync_period: Duration::from_secs(5),
            clock_bound: Duration::from_mins(5),
        }
    }
}

#[cfg(test)]
impl Config {
    /// A node that knows of nobody and can start nothing.
    pub(crate) fn plain() -> Self {
        Self {
            name: "alpha".parse().unwrap(),
            addr: "127.0.0.1:1".parse().unwrap(),
            labels: BTreeMap::new(),
            capacity: None,
            kinds: Vec::new(),
            hordes: Vec::new(),
            seeds: Vec::new(),
            timing: Timing::default(),
            limits: Limits::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;
    use crate::{Input, Node, NodeId, Now};

    #[test]
    fn what_all_nodes_would_have_to_keep_of_one_is_bounded() {
        let labelled = |labels: usize| Config {
            labels: (0..labels).map(|n| (format!("l{n}"), "v".repeat(255))).collect(),
            ..Config::plain()
        };
        let most = (1..100)
            .take_while(|labels| labelled(*labels).check().is_ok())
            .last()
            .unwrap();
        let error = labelled(most + 1).check().unwrap_err();
        assert!(
            matches!(
                error,
                InvalidConfig::TooLong {
                    max: Config::MAX_RECORD,
                    ..
                }
            ),
            "{error}"
        );
        let mut node = Node::new(labelled(most), NodeId(1), 1);
        node.handle(Now::default(), Input::Timer);
    }

    #[test]
    fn many_kinds_and_hordes_count_as_labels_do() {
        let kinds = (0..600)
            .map(|n| (Kind::new(format!("kind-{n:050}")).unwrap(), 1))
            .collect();
        let error = Config {
            kinds,
            ..Config::plain()
        }
        .check()
        .unwrap_err();
        assert!(matches!(error, InvalidConfig::TooLong { .. }), "{error}");
    }
}
