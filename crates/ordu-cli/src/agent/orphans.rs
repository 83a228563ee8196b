use tokio::signal::unix::{SignalKind, signal};

use crate::failure::Failure;

/// Collects orphans for as long as the agent runs, if it is the first process of a container or of the machine:
/// whatever loses its parent there becomes its child, and stays as a zombie until it does this.
pub(super) fn collect() -> Result<(), Failure> {
    if std::process::id() != 1 {
        return Ok(());
    }
    let mut ends = signal(SignalKind::child())
        .map_err(|error| Failure::failed(format!("cannot listen for ends of processes: {error}")))?;
    tokio::spawn(async move {
        // Whatever came and ended before the first signal that is heard.
        ordu::keeper::reap_orphans();
        while ends.recv().await.is_some() {
            ordu::keeper::reap_orphans();
        }
    });
    Ok(())
}
