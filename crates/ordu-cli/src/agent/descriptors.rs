use rustix::process::{Resource, getrlimit};

/// How many callers each door of the agent serves at once, so that all of them together take no more than a quarter
/// of the files that the agent may have open: the rest is for its keeper, for the output of its children and for the
/// other nodes, whatever callers do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Descriptors {
    /// Of commands.
    pub(super) callers: usize,
    /// Of those that read the output of children, which stay for as long as they like.
    pub(super) readers: usize,
    /// Of HTTP.
    pub(super) http: usize,
}

impl Descriptors {
    /// By the limit of this process. The soft one does not count: a node raises it as far as it may go.
    pub(super) fn of_this_process() -> Self {
        Self::within(getrlimit(Resource::Nofile).maximum)
    }

    fn within(limit: Option<u64>) -> Self {
        let limit = limit
            .and_then(|limit| usize::try_from(limit).ok())
            .unwrap_or(usize::MAX);
        let share = |part: usize, most: usize| (limit / part).clamp(2, most);
        Self {
            callers: share(8, 256),
            readers: share(16, 256),
            http: share(16, 64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Descriptors;

    #[test]
    fn all_doors_together_leave_three_quarters_of_the_files_to_the_rest_of_the_agent() {
        for limit in [64, 256, 1_024, 4_096, 1 << 20] {
            let Descriptors {
                callers,
                readers,
                http,
            } = Descriptors::within(Some(limit));
            assert!((callers + readers + http) as u64 <= limit / 4, "{limit}");
            assert!(callers >= 2 && readers >= 2 && http >= 2, "{limit}");
        }
        let unlimited = Descriptors::within(None);
        assert_eq!(
            (unlimited.callers, unlimited.readers, unlimited.http),
            (256, 256, 64)
        );
    }
}
