//! Events in the log.

use super::Event;
use crate::decisions::{ExitReason, Incarnation, Report};
use crate::driver::place::{self, TARGET};
use crate::driver::text::Field;

/// Writes an event to the log: a child that fails must not go unnoticed because nobody listens.
pub(in crate::driver) fn log(event: &Event) {
    let report = match event {
        Event::Report(report) => report,
        Event::Zombie(child) => {
            let incarnation = child.incarnation().number();
            return tracing::error!(
                target: TARGET,
                supervisor = place::supervisor(),
                child = %Field::name(child.id()),
                incarnation,
                "child cannot be killed"
            );
        }
        _ => return,
    };
    let offender = report.offender();
    let (child, incarnation) = (
        Field::name(&offender.key),
        offender.incarnation.map_or(0, Incarnation::number),
    );
    let reason = Field::reason(report.reason().unwrap_or(&ExitReason::Normal));
    match report {
        Report::Progress(_) => {
            tracing::debug!(
                target: TARGET,
                supervisor = place::supervisor(),
                %child,
                incarnation,
                "child started"
            );
        }
        Report::StartError(..) => {
            tracing::warn!(
                target: TARGET,
                supervisor = place::supervisor(),
                %child,
                %reason,
                "child did not start"
            );
        }
        Report::ChildTerminated(_, ended) if ended.is_normal() => tracing::info!(
            target: TARGET,
            supervisor = place::supervisor(),
            %child,
            incarnation,
            %reason,
            "child ended"
        ),
        Report::ChildTerminated(..) => tracing::warn!(
            target: TARGET,
            supervisor = place::supervisor(),
            %child,
            incarnation,
            %reason,
            "child failed"
        ),
        Report::ShutdownError(..) => tracing::warn!(
            target: TARGET,
            supervisor = place::supervisor(),
            %child,
            incarnation,
            %reason,
            "child did not stop as it should"
        ),
        Report::ReachedMaxRestartIntensity(_) => tracing::error!(
            target: TARGET,
            supervisor = place::supervisor(),
            %child,
            "too many restarts, giving up"
        ),
    }
}
