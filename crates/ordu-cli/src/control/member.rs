use ordu::MemberInfo;
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
}

impl From<&MemberInfo> for MemberRow {
    fn from(member: &MemberInfo) -> Self {
        Self {
            name: member.name.to_string(),
            id: member.id.to_string(),
            addr: member.addr,
            state: member.state.to_string(),
            children: member.children,
        }
    }
}
