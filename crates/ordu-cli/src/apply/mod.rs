//! Files of children, and of an agent's settings.

mod excerpt;
mod file;
mod problem;
mod settings_file;
mod source;
mod value;
mod write;

pub(crate) use file::{ChildFile, FileChild, shown};
pub(crate) use problem::Undone;
pub(crate) use settings_file::SettingsFile;
pub(crate) use write::file_of;
