use ordu::{MemberInfo, NodeName};
use serde::{Deserialize, Serialize};

/// A member as `members --json` shows it. A contract: fields may be added, never renamed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MemberRow {
    /// Its stable name.
    pub(crate) name: String,
    /// Its id of this boot.
    pub(crate) id: String,
    /// Where it is dialled.
    pub(crate) addr: std::net::SocketAddr,
    /// Its state as the asked node sees it.
    pub(crate) state: String,
    /// How many children it owns.
    pub(crate) children: u32,
    /// Whether it is on the list of members; none if there is no list.
    #[serde(default)]
    pub(crate) listed: Option<bool>,
}

impl MemberRow {
    /// The row of a member, with the names of all that may be one if they were said.
    pub(crate) fn new(member: &MemberInfo, list: Option<&[NodeName]>) -> Self {
        Self {
            name: member.name.to_string(),
            id: member.id.to_string(),
            addr: member.addr,
            state: member.state.to_string(),
            children: member.children,
            listed: list.map(|list| list.contains(&member.name)),
        }
    }
}
