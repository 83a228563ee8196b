//! The keeper: the small process that starts, watches and ends the operating-system processes of a node.
//!
//! A program that runs process children is its own keeper: the node starts the program's executable anew, and
//! that copy must turn into the keeper before it does anything else. So the first line of `main` is
//!
//! ```no_run
//! ordu::keeper::init(); // Returns at once, but in a keeper, where it never does.
//! ```
//!
//! Without it a node with [`processes`](crate::NodeBuilder::processes) does not start.

/// Turns this process into a keeper if it was started as one, and never returns then; otherwise notes that
/// the program can be a keeper and returns at once. To be called first in `main`, before any thread is started.
pub fn init() {
    ordu_supervisor::process::keeper::init();
}
