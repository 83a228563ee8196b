//! The cluster: agents, and the node in this program.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use counting_allocator::live_bytes;
use ordu::{ChildSpec, Constraint, Horde, MemberInfo, MemberState, Node, NodeId, ProcessSpec, Timing};

use crate::harness::Cluster;

/// How long anything may take that must happen.
const LIMIT: Duration = Duration::from_mins(1);

/// Between two looks at the same thing.
const PAUSE: Duration = Duration::from_millis(10);

/// Agents, and a node in this program that is a member like them.
pub(crate) struct Scene {
    pub(crate) here: Node,
    pub(crate) agents: Cluster,
    forget_after: Duration,
}

impl Scene {
    /// So many agents, `n1`, `n2`, …, and `here`, all ready.
    pub(crate) async fn of(agents: usize, forget_after: Duration) -> Self {
        let timing = Timing {
            forget_after,
            // What is over is found and let go of by rounds; more of them in the time there is.
            sync_period: Duration::from_millis(500),
            ..Timing::default()
        };
        let mut cluster = Cluster::empty();
        let settings = cluster.folder.path().join("agent.toml");
        let text = format!(
            "log_retention = \"1s\"\n[timing]\nforget_after = \"{}ms\"\nsync_period = \"{}ms\"\n",
            timing.forget_after.as_millis(),
            timing.sync_period.as_millis(),
        );
        std::fs::write(&settings, text).unwrap();
        for _ in 0..agents {
            let node = cluster
                .add_node()
                .with_arg(&format!("--config={}", settings.display()));
            node.start();
            node.await_ready();
        }
        let addrs: Vec<SocketAddr> = cluster.nodes.iter().map(|node| node.addr).collect();
        let data: PathBuf = cluster.folder.path().join("here");
        let builder = Node::builder("here")
            .key_file(cluster.folder.path().join("cluster.key"))
            .listen("127.0.0.1:0".parse().unwrap())
            .data_dir(data)
            .log_retention(Duration::from_secs(1))
            .timing(timing)
            .processes();
        let join = |builder: ordu::NodeBuilder, addr: &SocketAddr| builder.join(addr.to_string());
        let here = addrs.iter().fold(builder, join).start().await.unwrap();
        here.ready().await;
        let scene = Self {
            here,
            agents: cluster,
            forget_after,
        };
        scene
            .until("all see each other", || scene.alive() == agents + 1)
            .await;
        scene
    }

    pub(crate) fn horde(&self) -> Horde {
        self.here.horde("default").unwrap()
    }

    /// A program that only waits, on the node of this name if one is named.
    pub(crate) fn sleeper(&self, on: Option<&str>) -> ChildSpec {
        let spec = ProcessSpec::new(["sleep", "86400"]).env("TEST_MARK", self.agents.mark());
        ChildSpec {
            constraints: on
                .map(|name| Constraint::Node(name.parse().unwrap()))
                .into_iter()
                .collect(),
            ..spec.child_spec()
        }
    }

    /// The member of this name, as the node here sees it.
    pub(crate) fn member(&self, name: &str) -> Option<(NodeId, MemberState)> {
        let members = self.here.members();
        let about = |member: &MemberInfo| (member.id, member.state);
        { members.iter() }
            .find(|member| member.name.as_str() == name)
            .map(|member| about(member))
    }

    fn alive(&self) -> usize {
        let members = self.here.members();
        { members.iter() }
            .filter(|member| member.state == MemberState::Alive)
            .count()
    }

    /// Waits for something that the node here knows.
    pub(crate) async fn until(&self, what: &str, mut condition: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !condition() {
            assert!(
                begun.elapsed() < LIMIT,
                "not within {LIMIT:?}: {what}; members: {:#?}",
                self.here.members()
            );
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// The least that is live in this program from now until all that is over by now has been let go of, as far as time
    /// alone does that: the time in which an ended member is forgotten, and some rounds.
    pub(crate) async fn settled_bytes(&self) -> i64 {
        let end = Instant::now() + self.forget_after + Duration::from_secs(2);
        let mut least = i64::MAX;
        while Instant::now() < end {
            least = least.min(live_bytes());
            tokio::time::sleep(PAUSE).await;
        }
        least
    }

    /// The resident memory of each agent that runs, for people to read.
    pub(crate) fn resident(&self) -> String {
        let running = self.agents.nodes.iter().filter(|node| node.is_started());
        let said = running.map(|node| format!("{} {} KiB", node.name, resident_kib(node.pid())));
        said.collect::<Vec<_>>().join(", ")
    }
}

fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.trim().trim_end_matches("kB").trim().parse().unwrap()
}

/// A number from the environment, or another.
pub(crate) fn number(variable: &str, otherwise: usize) -> usize {
    std::env::var(variable).map_or(otherwise, |text| text.parse().expect("a number"))
}
