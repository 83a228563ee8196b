use std::path::{Path, PathBuf};
use std::time::Duration;

use super::agents::Agents;
use crate::control::{ChildRow, Client, MemberRow, Request};
use crate::failure::Failure;

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

impl Snapshot {
    /// As the first node sees it that answers.
    pub(super) async fn take(agents: &Agents) -> Option<Self> {
        for agent in agents.living() {
            let socket = agent.socket().to_owned();
            // On another thread: a node that was stopped answers nothing, and Ctrl-C must still be heard.
            let asked = tokio::task::spawn_blocking(move || ask(&socket));
            if let Ok(Ok((members, children))) = asked.await {
                return Some(Self {
                    nodes: nodes(agents, &members),
                    children,
                });
            }
        }
        None
    }
}

fn ask(socket: &Path) -> Result<(Vec<MemberRow>, Vec<ChildRow>), Failure> {
    let connect = || Client::connect(socket);
    let members = connect()?.ask(&Request::Members, Duration::ZERO)?;
    Ok((members, connect()?.ask(&Request::Children, Duration::ZERO)?))
}

fn nodes(agents: &Agents, members: &[MemberRow]) -> Vec<NodeRow> {
    let row = |agent: &super::agents::Agent| {
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
