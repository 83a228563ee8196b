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

/// Collects the ends of processes that this one has not started and that became its children when their parents
/// ended, as they do with the first process of a container. Returns how many it were. They stay as zombies
/// otherwise, and can use up all process ids. To be called whenever a SIGCHLD has come, as `ordu agent` does.
///
/// For programs that start processes through their nodes only: the ends of any others would be collected too,
/// and whoever started them would wait in vain.
pub fn reap_orphans() -> usize {
    ordu_supervisor::process::reap_orphans()
}
