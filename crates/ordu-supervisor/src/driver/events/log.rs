//! Events in the log.

use super::Event;
use crate::decisions::{Incarnation, Report};
use crate::driver::place::{self, Name};

/// Writes an event to the log: a child that fails must not go unnoticed because nobody listens.
pub(in crate::driver) fn log(event: &Event) {
    let report = match event {
        Event::Report(report) => report,
        Event::Zombie(child) => {
            let incarnation = child.incarnation().number();
            return tracing::error!(
                supervisor = place::supervisor(),
                child = %Name(child.id()),
                incarnation,
                "child cannot be killed"
            );
        }
        _ => return,
    };
    let offender = report.offender();
    let (child, incarnation) = (
        Name(&offender.key),
        offender.incarnation.map_or(0, Incarnation::number),
    );
    match report {
        Report::Progress(_) => {
            tracing::debug!(supervisor = place::supervisor(), %child, incarnation, "child started");
        }
        Report::StartError(_, reason) => {
            tracing::warn!(supervisor = place::supervisor(), %child, %reason, "child did not start");
        }
        Report::ChildTerminated(_, reason) if reason.is_normal() => {
            tracing::info!(supervisor = place::supervisor(), %child, incarnation, %reason, "child ended");
        }
        Report::ChildTerminated(_, reason) => {
            tracing::warn!(supervisor = place::supervisor(), %child, incarnation, %reason, "child failed");
        }
        Report::ShutdownError(_, reason) => tracing::warn!(
            supervisor = place::supervisor(),
            %child,
            incarnation,
            %reason,
            "child did not stop as it should"
        ),
        Report::ReachedMaxRestartIntensity(_) => {
            tracing::error!(supervisor = place::supervisor(), %child, "too many restarts, giving up");
        }
    }
}
