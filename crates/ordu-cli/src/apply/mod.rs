//! Files of children.

mod excerpt;
mod file;
mod problem;
mod source;
mod value;

pub(crate) use file::{ChildFile, FileChild};
