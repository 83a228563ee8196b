use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::{Config, HordeName, Kind, NodeId, NodeName};

/// What a node says of itself (S2.4). Nobody else writes it, and nobody's being dead stands in it (S6.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Member {
    pub(crate) name: NodeName,
    pub(crate) addr: SocketAddr,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) capacity: Option<u32>,
    pub(crate) kinds: Vec<(Kind, u16)>,
    pub(crate) hordes: Vec<HordeName>,
    pub(crate) status: Status,
    /// The boots of its name that had been ready and were down when it was taken in, or began to leave, as far as it knew
    /// them: they have ended, also once it has left (S2.4).
    pub(crate) over: Vec<NodeId>,
}

/// The status a node declares of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Status {
    /// Booted, has not caught up with anybody yet: decides nothing, takes nothing (S4.6).
    Joining,
    Ready,
    /// Hands its children over.
    Draining,
    Left,
}

impl Member {
    pub(crate) fn of(config: &Config, status: Status) -> Self {
        Self {
            name: config.name.clone(),
            addr: config.addr,
            labels: config.labels.clone(),
            capacity: config.capacity,
            kinds: config.kinds.clone(),
            hordes: config.hordes.clone(),
            status,
            over: Vec::new(),
        }
    }
}
