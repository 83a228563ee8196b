//! Calls: on the node that was asked (`asked`), on the decider of the id (`decide`, S4.1), and on the node
//! that was chosen to run the child (`place`).

mod asked;
mod closed;
mod decide;
mod place;
#[cfg(test)]
mod tests;

pub(crate) use asked::{Asked, Parked};
pub(crate) use closed::Closed;
pub(crate) use decide::{Answered, Decision};
