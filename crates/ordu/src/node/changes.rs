use tokio::sync::watch;

use super::Exited;

/// Wakes its holder when what a node knows has changed: several changes may wake it once.
///
/// To wait for a condition, look, then wait, then look again:
///
/// ```no_run
/// # async fn example(node: ordu::Node) {
/// let mut changes = node.changes();
/// while node.members().len() < 3 && changes.next().await {}
/// # }
/// ```
#[derive(Debug)]
pub struct Changes {
    version: watch::Receiver<u64>,
    exited: watch::Receiver<Option<Exited>>,
}

impl Changes {
    pub(super) fn new(version: watch::Receiver<u64>, exited: watch::Receiver<Option<Exited>>) -> Self {
        Self { version, exited }
    }

    /// Waits for the next change since the last call, or since this was made; `false` once the node has ended.
    pub async fn next(&mut self) -> bool {
        tokio::select! {
            changed = self.version.changed() => changed.is_ok(),
            _ = self.exited.wait_for(Option::is_some) => false,
        }
    }
}
