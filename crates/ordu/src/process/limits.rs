use std::sync::OnceLock;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises this process's soft limit of open files as far as it may go: a node needs descriptors for its
/// children's output and for its peers. Returns the limit the process was started with, for children to get it
/// back: some programs slow down, or fail (`select`), with a large one.
pub(super) fn raise_open_files() -> Option<u64> {
    // A second node of the same process must not take the raised limit for the one of before.
    static BEFORE: OnceLock<Option<u64>> = OnceLock::new();
    *BEFORE.get_or_init(|| {
        let limit = getrlimit(Resource::Nofile);
        let before = limit.current?;
        if limit.maximum.is_none_or(|maximum| before < maximum) {
            let raised = Rlimit {
                current: limit.maximum,
                maximum: limit.maximum,
            };
            if let Err(error) = setrlimit(Resource::Nofile, raised) {
                tracing::warn!(%error, before, "cannot raise the limit of open files");
            }
        }
        Some(before)
    })
}
