//! Who is there (S6) and which of them may be decided with (S4.3–S4.6).
//!
//! - `backlog`: what was sent while this node stood still (S4.5);
//! - `codec`: how the failure detector's packets are written;
//! - `links`: connections, which of two survives;
//! - `dialer`: whom to dial and when, for ever (S6.2);
//! - `swim`: the failure detector, foca wrapped;
//! - `evidence`: proofs that a process died (S6.3);
//! - `removals`: who has ended, and whose word for it stands (S2.4);
//! - `ended`: how one that has ended hands over what only it has (S2.4);
//! - `listed`: who may be a member, where somebody said so (S6.4);
//! - `names`, `contest`: one live holder of a name (S2.4, S6.2);
//! - `roster`: what is known of every member, from the map and from the detector;
//! - `settled`: the settled view.

mod backlog;
mod codec;
mod contest;
mod dialer;
mod ended;
mod evidence;
mod handshake;
mod identity;
mod links;
mod listed;
mod names;
mod removals;
mod roster;
mod settled;
mod standing;
mod swim;
mod unfinished;
mod watch;

pub(crate) use backlog::Backlog;
pub(crate) use dialer::Dialer;
pub(crate) use ended::Parting;
pub(crate) use evidence::Evidence;
pub(crate) use identity::Identity;
pub(crate) use links::Links;
#[cfg(test)]
pub(crate) use links::{Handshake, Link};
pub(crate) use names::{Asked, Names, Newcomer};
pub(crate) use removals::{Removals, Removed};
pub(crate) use roster::{Known, Liveness, Roster};
pub(crate) use settled::Settled;
pub(crate) use standing::Standing;
pub(crate) use swim::{Swim, SwimEvent};
pub(crate) use unfinished::Unfinished;
