use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ordu::{Event, Events};

/// How often things happened on this node since it started.
#[derive(Clone, Debug)]
pub(super) struct EventCounts {
    counters: Arc<[Counter; 8]>,
}

/// One counter, as monitoring knows it.
#[derive(Debug)]
pub(super) struct Counter {
    /// Its name, which ends in `_total`.
    pub(super) name: &'static str,
    /// What it counts.
    pub(super) help: &'static str,
    counts: fn(&Event) -> bool,
    value: AtomicU64,
}

impl Counter {
    const fn new(name: &'static str, help: &'static str, counts: fn(&Event) -> bool) -> Self {
        Self {
            name,
            help,
            counts,
            value: AtomicU64::new(0),
        }
    }

    pub(super) fn value(&self) -> u64 {
        self.value.load(Ordering::Relaxed)
    }
}

impl EventCounts {
    pub(super) fn new() -> Self {
        let counters = [
            Counter::new(
                "ordu_child_starts_total",
                "Children that came up on this node.",
                |event| matches!(event, Event::ChildStarted { .. }),
            ),
            Counter::new(
                "ordu_child_exits_total",
                "Children of this node that ended.",
                |event| matches!(event, Event::ChildExited { .. }),
            ),
            Counter::new(
                "ordu_take_overs_total",
                "Children that came up on this node after another node's death.",
                |event| {
                    matches!(
                        event,
                        Event::ChildStarted {
                            previous: Some(_),
                            ..
                        }
                    )
                },
            ),
            Counter::new(
                "ordu_conflicts_total",
                "Copies on this node that gave way to another.",
                |event| matches!(event, Event::Conflict { .. }),
            ),
            Counter::new(
                "ordu_member_changes_total",
                "Changes of a member's state seen here.",
                |event| matches!(event, Event::MemberChanged { .. }),
            ),
            Counter::new(
                "ordu_peers_refused_total",
                "Handshakes of peers refused here.",
                |event| matches!(event, Event::PeerRefused { .. }),
            ),
            Counter::new(
                "ordu_audits_failed_total",
                "Peers found to hold another state after the same operations: never, unless memory or code failed.",
                |event| matches!(event, Event::AuditFailed { .. }),
            ),
            Counter::new(
                "ordu_wall_clock_jumps_total",
                "Jumps of this machine's wall clock, as by a set clock or a sleep.",
                |event| matches!(event, Event::WallClockJumped { .. }),
            ),
        ];
        Self {
            counters: Arc::new(counters),
        }
    }

    pub(super) fn all(&self) -> &[Counter] {
        &*self.counters
    }

    /// Counts until the node has ended.
    pub(super) async fn follow(self, mut events: Events) {
        while let Some(record) = events.next().await {
            for counter in self.all() {
                let count = u64::from((counter.counts)(&record.event));
                counter.value.fetch_add(count, Ordering::Relaxed);
            }
        }
    }
}
