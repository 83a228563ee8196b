use std::path::{Path, PathBuf};
use std::time::Duration;

use super::agents::{Agent, Agents};
use crate::control::{ChildRow, Client, MemberRow, Request};
use crate::failure::Failure;

/// How long a node may take to answer before another one is asked.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is where at one moment.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) nodes: Vec<NodeRow>,
    pub(super) children: Vec<ChildRow>,
}

/// A node as its process and the others see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NodeRow {
    pub(super) name: String,
    pub(super) state: String,
    pub(super) pid: Option<u32>,
    pub(super) children: u32,
    pub(super) socket: PathBuf,
}

/// Asks the nodes, first the one that answered last: one that was stopped is waited for once.
#[derive(Debug, Default)]
pub(super) struct Observer {
    answered: Option<PathBuf>,
}

impl Observer {
    /// As the first node sees it that answers.
    pub(super) async fn look(&mut self, agents: &Agents) -> Option<Snapshot> {
        let mut sockets: Vec<&Path> = agents.living().map(Agent::socket).collect();
        // The order of the others stays.
        sockets.sort_by_key(|socket| self.answered.as_deref() != Some(*socket));
        for socket in sockets {
            let asked = socket.to_owned();
            // On another thread: Ctrl-C must still be heard.
            let answer = tokio::task::spawn_blocking(move || ask(&asked)).await;
            if let Ok(Ok((members, children))) = answer {
                self.answered = Some(socket.to_owned());
                return Some(Snapshot {
                    nodes: nodes(agents, &members),
                    children,
                });
            }
        }
        None
    }
}

fn ask(socket: &Path) -> Result<(Vec<MemberRow>, Vec<ChildRow>), Failure> {
    let connect = || Client::connect_within(socket, PATIENCE);
    let members = connect()?.ask(&Request::Members, Duration::ZERO)?;
    Ok((members, connect()?.ask(&Request::Children, Duration::ZERO)?))
}

fn nodes(agents: &Agents, members: &[MemberRow]) -> Vec<NodeRow> {
    let row = |agent: &Agent| {
        // Of several boots of a name the last is the one that counts.
        let member = members.iter().rfind(|member| member.name == agent.name());
        let seen = member.map_or("unknown", |member| member.state.as_str());
        NodeRow {
            name: agent.name().to_owned(),
            state: if agent.is_alive() { seen } else { "down" }.to_owned(),
            pid: agent.is_alive().then(|| agent.pid()),
            children: member.map_or(0, |member| member.children),
            socket: agent.socket().to_owned(),
        }
    };
    agents.iter().map(row).collect()
}
