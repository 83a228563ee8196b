use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::Instant;

use crate::transport::Reach;

/// How often the same is said of an address while it lasts.
const PERIOD: Duration = Duration::from_mins(1);

/// Why an address to join at is of no use now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Complaint {
    /// Its name cannot be looked up.
    Unknown(String),
    /// Looking up its name takes too long.
    Slow,
    /// No packet of this node can get there.
    Unreachable {
        /// What the name stands for.
        addr: SocketAddr,
        /// What can be reached.
        reach: Reach,
    },
}

/// What operators were told of the addresses to join at: each complaint once, and then once a minute for as long as
/// it lasts.
#[derive(Debug, Default)]
pub(super) struct Complaints {
    told: HashMap<String, (Complaint, Instant)>,
}

impl Complaints {
    /// Whether there is any now.
    pub(super) fn any(&self) -> bool {
        !self.told.is_empty()
    }

    /// What was found when `join` was looked up; says so if it is time.
    pub(super) fn note(&mut self, join: &str, complaint: Option<Complaint>) {
        match complaint {
            Some(complaint) => {
                if self.is_due(join, &complaint) {
                    tell(join, &complaint);
                }
            }
            None => {
                if self.told.remove(join).is_some() {
                    tracing::info!(join, "the address to join at is good now");
                }
            }
        }
    }

    /// Whether it is to be told; from now on it counts as told.
    fn is_due(&mut self, join: &str, complaint: &Complaint) -> bool {
        let now = Instant::now();
        match self.told.get_mut(join) {
            Some((told, at)) if told == complaint && now.duration_since(*at) < PERIOD => false,
            Some(told) => {
                *told = (complaint.clone(), now);
                true
            }
            None => {
                self.told.insert(join.to_owned(), (complaint.clone(), now));
                true
            }
        }
    }
}

fn tell(join: &str, complaint: &Complaint) {
    match complaint {
        Complaint::Unknown(error) => tracing::warn!(
            join,
            error,
            "cannot look up the address to join at; check its spelling and this machine's name server, or join by an \
             address. It is looked up again every few seconds, and this is said once a minute"
        ),
        Complaint::Slow => tracing::warn!(
            join,
            "looking up the address to join at takes too long; check this machine's name server, or join by an \
             address. It is looked up again every few seconds, and this is said once a minute"
        ),
        Complaint::Unreachable { addr, reach } => tracing::warn!(
            join,
            %addr,
            "this node cannot reach the address to join at: it listens on {}; listen on an address of the same \
             family, or on `[::]`, which reaches both. This is said once a minute",
            reach.listening()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_complaint_is_told_once_and_then_once_a_minute_and_another_one_at_once() {
        let mut complaints = Complaints::default();
        let unknown = Complaint::Unknown("no such name".to_owned());
        assert!(complaints.is_due("a:1", &unknown));
        assert!(complaints.is_due("b:1", &unknown), "each address has its own");
        for _ in 0..59 {
            tokio::time::advance(Duration::from_secs(1)).await;
            assert!(!complaints.is_due("a:1", &unknown));
        }
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(complaints.is_due("a:1", &unknown));
        assert!(complaints.is_due("a:1", &Complaint::Slow));

        complaints.note("a:1", None);
        complaints.note("b:1", None);
        assert!(!complaints.any());
        assert!(complaints.is_due("a:1", &unknown), "it was good in between");
    }
}
