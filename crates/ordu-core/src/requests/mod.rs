//! Calls: on the node that was asked (`asked`), on the decider of the id (`decide`, S4.1), and on the node
//! that was chosen to run the child (`place`); and what is answered once a take-over would find it (`found`, S5.9). What is
//! asked about a member, or about who may be one, is done by the node that was asked (`removing`, `listing`).

mod asked;
mod closed;
mod decide;
mod found;
mod listing;
mod place;
mod removing;
#[cfg(test)]
mod tests;

pub(crate) use asked::{Asked, Parked};
pub(crate) use closed::Closed;
pub(crate) use decide::{Answered, Decision};
pub(crate) use found::Withheld;
pub(crate) use listing::Listing;
pub(crate) use removing::Removing;
