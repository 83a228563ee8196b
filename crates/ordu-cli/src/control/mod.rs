//! What the command line and the agent say to each other: one JSON object a line over a Unix socket.
//!
//! A caller sends one [`Request`] and reads [`Reply`]s until the agent closes: one for all requests but
//! `logs`, which sends a line at a time. Whoever can open the socket can run commands on the cluster, so the
//! socket is its owner's alone (see [`socket_path`] and the agent's `endpoint`).

mod child;
mod client;
mod definition;
mod member;
mod reply;
mod request;
mod restart;
mod socket_path;

pub(crate) use child::{ChildDetail, ChildRow, ProcessDetail};
pub(crate) use client::Client;
pub(crate) use definition::{Definition, StopTimeout};
pub(crate) use member::MemberRow;
pub(crate) use reply::{
    ApplyReply, Change, Comparison, CountRow, Difference, ExportReply, LogReply, LogRow, MayBeMembers,
    MemberRemoved, MembersSet, Removed, Reply, STOPPING, Standing, StartReply, Status, StopReply,
};
pub(crate) use request::{LogRequest, Question, Request};
pub(crate) use restart::Restart;
pub(crate) use socket_path::default_socket;

/// The longest line either side reads, in bytes: more than any request or answer of use.
pub(crate) const MAX_LINE: usize = 16 * 1024 * 1024;
