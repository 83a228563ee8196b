//! What truly happened, and what must hold because of it.

mod ability;
mod bounds;
mod expectation;
mod history;
mod records;
mod sequential;

pub(crate) use ability::able;
pub use bounds::Bounds;
pub use expectation::Expectation;
pub(crate) use expectation::{may_have_ended, surely_before};
pub use history::History;
pub use records::{BootRecord, CallRecord, Child, CopyRecord};
pub(crate) use sequential::{MOST, Served, State, Told, in_some_order};
