//! The replicated registers (S2): what they hold, how they are encoded, and which of several concurrent
//! values wins.

mod claim;
mod intent;
mod key;
mod member;
mod member_list;
mod removal;
mod value;

pub(crate) use claim::{Claim, ClaimState, Rank};
pub(crate) use intent::{Deleted, Desired, Intent};
pub(crate) use key::{ChildKey, Key};
pub(crate) use member::{Member, Status};
pub(crate) use member_list::MemberList;
pub(crate) use removal::{Removal, Why, Word};
pub(crate) use value::Value;
