//! Where a child runs and who decides about it: pure functions of the id, the names and the load (S4.1,
//! S4.2).

mod choose;
mod hash;

pub(crate) use choose::{Candidate, choose};
pub(crate) use hash::{hash, score};
