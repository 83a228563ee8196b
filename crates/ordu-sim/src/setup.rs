use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use ordu_core::{ChildSpec, Config, HordeName, Kind, Limits, NodeName, Timing};

use crate::random::Random;
use crate::{Behaviour, HostId, Path};

/// A world before anything happens in it.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Decides everything that is left to chance.
    pub seed: u64,
    /// The machines, each with one node.
    pub hosts: Vec<HostSetup>,
    /// The times every node goes by that has none of its own; each is the longest of any node.
    pub timing: Timing,
    /// How much every node does in one go.
    pub limits: Limits,
    /// The ways within a region.
    pub near: Path,
    /// The ways between regions.
    pub far: Path,
    /// How long a connection that hears nothing lives.
    pub idle_timeout: Duration,
    /// How much of what is sent waits where.
    pub queues: Queues,
    /// Whether a dial of an address where nobody listens is refused; otherwise it times out.
    pub refuses: bool,
    /// How long the keeper of a dead node's OS processes takes to end them: at least, at the most.
    pub keeper: (Duration, Duration),
    /// How late a process gets to what is due at the most.
    pub scheduling: Duration,
    /// Whether each boot of a node has a higher id than the one before even if its clock was set back.
    pub boots_in_order: bool,
    /// The kinds of workers there are; a child's args name one by its index.
    pub behaviours: Vec<Behaviour>,
    /// What is wrong with every node, or with the shell of every node.
    #[cfg(feature = "planted-bugs")]
    pub planted: Option<crate::planted::Bug>,
}

/// How much waits to be sent on a connection, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queues {
    /// What is sent while no acknowledgement comes back.
    pub window: usize,
    /// What QUIC takes of the shell and keeps until it has arrived.
    pub under_way: usize,
    /// What may wait in the shell beyond that before it closes the connection.
    pub limit: usize,
}

impl Default for Queues {
    /// Those of the real shell.
    fn default() -> Self {
        Self {
            window: 32 * 1024,
            under_way: 2 * 1024 * 1024,
            limit: 8 * 1024 * 1024,
        }
    }
}

/// One machine.
#[derive(Clone, Debug)]
pub struct HostSetup {
    /// Which region it is in.
    pub region: usize,
    /// How fast its clocks run, in millionths too fast.
    pub drift_ppm: i64,
    /// How far its wall clock is off.
    pub offset_ms: i64,
    /// Whom its node dials first.
    pub seeds: Vec<HostId>,
    /// How many children its node runs at the most.
    pub capacity: Option<u32>,
    /// What constraints of children are matched against.
    pub labels: BTreeMap<String, String>,
    /// The kinds its node can start besides the one that all can, with their versions.
    pub kinds: Vec<(Kind, u16)>,
    /// The hordes its node is in besides the one that all are in.
    pub hordes: Vec<HordeName>,
    /// The times its node goes by, if they are others than those of the rest.
    pub timing: Option<Timing>,
}

impl HostSetup {
    /// A machine with right clocks that dials `seeds`.
    pub fn plain(seeds: Vec<HostId>) -> Self {
        Self {
            region: 0,
            drift_ppm: 0,
            offset_ms: 0,
            seeds,
            capacity: None,
            labels: BTreeMap::new(),
            kinds: Vec::new(),
            hordes: Vec::new(),
            timing: None,
        }
    }
}

impl Setup {
    /// `hosts` plain machines on one LAN, each knowing the addresses of all, with steady workers only.
    pub fn lan(hosts: usize, seed: u64) -> Self {
        let all: Vec<HostId> = (0..hosts).map(HostId).collect();
        Self {
            seed,
            hosts: (0..hosts).map(|_| HostSetup::plain(all.clone())).collect(),
            timing: Timing::default(),
            limits: Limits::default(),
            near: Path::lan(),
            far: Path::wan(Duration::from_millis(40)),
            idle_timeout: Duration::from_mins(10),
            queues: Queues::default(),
            refuses: true,
            keeper: (Duration::from_millis(1), Duration::from_millis(60)),
            scheduling: Duration::from_millis(1),
            boots_in_order: true,
            behaviours: vec![Behaviour::steady()],
            #[cfg(feature = "planted-bugs")]
            planted: None,
        }
    }

    /// Whether all nodes find each other by whom they are told to dial when they boot.
    pub fn all_will_meet(&self) -> bool {
        let mut met = BTreeSet::from([0]);
        loop {
            let before = met.len();
            for (index, host) in self.hosts.iter().enumerate() {
                let others = host.seeds.iter().map(|seed| seed.0);
                if met.contains(&index) {
                    met.extend(others);
                } else if others.into_iter().any(|other| met.contains(&other)) {
                    met.insert(index);
                }
            }
            if met.len() == before {
                return met.len() >= self.hosts.len();
            }
        }
    }

    /// The horde that every node is in, and all children belong to unless a seed has more of them.
    pub fn horde() -> HordeName {
        name(HordeName::new("main"))
    }

    /// The spec of a child that behaves like the worker of this index; `padding` bytes of args beyond that.
    pub fn spec(behaviour: usize, padding: usize) -> ChildSpec {
        let pad = "x".repeat(padding);
        let args = format!("{{\"behaviour\":{behaviour},\"pad\":\"{pad}\"}}");
        ChildSpec::new(name(Kind::new("worker")), 1, args.into_bytes())
    }

    /// The index of the worker that a child of this spec behaves like.
    pub(crate) fn behaviour_of(spec: &ChildSpec) -> usize {
        let digits: String = String::from_utf8_lossy(&spec.args)
            .chars()
            .skip_while(|c| !c.is_ascii_digit())
            .take_while(char::is_ascii_digit)
            .collect();
        digits.parse().unwrap_or(0)
    }

    pub(crate) fn behaviour(&self, spec: &ChildSpec) -> Behaviour {
        self.behaviours
            .get(Self::behaviour_of(spec))
            .cloned()
            .unwrap_or_else(Behaviour::steady)
    }

    pub(crate) fn config(&self, host: HostId) -> Config {
        let setup = &self.hosts[host.0];
        Config {
            name: host.name(),
            addr: host.addr(),
            labels: setup.labels.clone(),
            capacity: setup.capacity,
            kinds: [vec![(name(Kind::new("worker")), 1)], setup.kinds.clone()].concat(),
            hordes: [vec![Self::horde()], setup.hordes.clone()].concat(),
            seeds: setup.seeds.iter().map(|seed| seed.addr()).collect(),
            timing: self.timing_of(host).clone(),
            limits: self.limits.clone(),
        }
    }

    /// The times that the node of a host goes by.
    pub(crate) fn timing_of(&self, host: HostId) -> &Timing {
        self.hosts[host.0].timing.as_ref().unwrap_or(&self.timing)
    }

    /// The shortest that one of the times is for any node.
    pub(crate) fn shortest(&self, time: fn(&Timing) -> Duration) -> Duration {
        let hosts = (0..self.hosts.len()).map(|host| time(self.timing_of(HostId(host))));
        hosts.min().unwrap_or_else(|| time(&self.timing))
    }

    pub(crate) fn path(&self, from: HostId, to: HostId) -> Path {
        if from == to {
            Path::loopback()
        } else if self.hosts[from.0].region == self.hosts[to.0].region {
            self.near
        } else {
            self.far
        }
    }

    pub(crate) fn random(&self, stream: &str) -> Random {
        Random::new(self.seed, stream)
    }
}

impl HostId {
    /// The name of the node on this host.
    pub fn name(self) -> NodeName {
        name(NodeName::new(format!("n{}", self.0)))
    }

    /// The address its node listens on.
    pub fn addr(self) -> SocketAddr {
        let [.., high, low] = self.0.to_be_bytes();
        (Ipv4Addr::new(10, 0, high, low), 7_000).into()
    }

    pub(crate) fn at(addr: SocketAddr) -> Option<Self> {
        match addr {
            SocketAddr::V4(v4) if v4.port() == 7_000 => match v4.ip().octets() {
                [10, 0, high, low] => Some(Self(usize::from(high) << 8 | usize::from(low))),
                _ => None,
            },
            _ => None,
        }
    }
}

fn name<T, E: std::fmt::Debug>(checked: Result<T, E>) -> T {
    checked.expect("a short name of letters and digits is a valid name")
}
