//! Files of children.

mod file;
mod problem;
mod value;

pub(crate) use file::{ChildFile, FileChild};
