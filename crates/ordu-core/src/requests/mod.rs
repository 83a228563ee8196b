//! Calls: on the node that was asked (`asked`), on the decider of the id (`decide`, S4.1), and on the node
//! that was chosen to run the child (`place`). What is asked about a member is done by the node that was asked (`removing`).

mod asked;
mod closed;
mod decide;
mod place;
mod removing;
#[cfg(test)]
mod tests;

pub(crate) use asked::{Asked, Parked};
pub(crate) use closed::Closed;
pub(crate) use decide::{Answered, Decision};
pub(crate) use removing::Removing;
