//! Writing down all that goes into a node, so that the simulator can do it again: the file, and the thread that
//! writes it. What is written is `ordu_core::recording`'s.

mod backlog;
mod file;
mod recorder;

pub(crate) use file::RecordingFile;
pub(crate) use recorder::Recorder;
