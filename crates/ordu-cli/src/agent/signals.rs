use std::fs::File;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::failure::Failure;

/// What a signal tells an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Leave the cluster.
    Leave,
    /// Read the settings and the key again.
    Reread,
}

/// The signals an agent listens to.
#[derive(Debug)]
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    /// What a SIGHUP means.
    hung_up: Told,
}

impl Signals {
    /// From now on they do not end the process.
    pub(super) fn listen() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind).map_err(|error| Failure::failed(format!("cannot listen to signals: {error}")))
        };
        // Looked at before a handler stands in the place of what was inherited.
        let hung_up = if has_terminal() && !is_hang_up_ignored() {
            Told::Leave
        } else {
            Told::Reread
        };
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hang_up: listen(SignalKind::hangup())?,
            hung_up,
        })
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.terminate.recv() => Told::Leave,
            _ = self.interrupt.recv() => Told::Leave,
            _ = self.hang_up.recv() => self.hung_up,
        }
    }

    /// Waits for the next one that tells to leave.
    pub(super) async fn leave(&mut self) {
        while self.next().await != Told::Leave {}
    }
}

/// Whether a terminal controls this process: when it is closed, that is what SIGHUP tells of.
fn has_terminal() -> bool {
    File::open("/dev/tty").is_ok()
}

/// Whether whoever started this process has it outlive its terminal, as `nohup` does.
fn is_hang_up_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    ignores_hang_up(&status)
}

/// SIGHUP is signal 1: the lowest bit of the mask in the process's status.
fn ignores_hang_up(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & 1 != 0)
}

#[cfg(test)]
mod tests {
    use super::ignores_hang_up;

    #[test]
    fn that_a_hang_up_is_ignored_is_read_from_the_status_of_the_process() {
        let status = |mask: &str| format!("Name:\tordu\nSigBlk:\t0000000000000001\nSigIgn:\t{mask}\n");
        assert!(ignores_hang_up(&status("0000000000001001")));
        assert!(!ignores_hang_up(&status("0000000000001000")));
        assert!(!ignores_hang_up(""));
    }
}
