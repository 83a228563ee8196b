use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::InvalidJoin;
use super::complaints::{Complaint, Complaints};
use crate::transport::Reach;

/// How often names are looked up anew.
const PERIOD: Duration = Duration::from_secs(5);

/// How often while none of them could be looked up yet.
const RETRY: Duration = Duration::from_millis(250);

/// How long one look-up may take.
const LOOKUP_LIMIT: Duration = Duration::from_secs(3);

/// Knows the addresses to join at, and finds out when those behind a name change. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Discovery {
    more: mpsc::UnboundedSender<Vec<String>>,
    found: mpsc::UnboundedReceiver<Vec<SocketAddr>>,
    task: JoinHandle<()>,
}

impl Discovery {
    /// Watches the joins of `lookup`, which stand for `known` now. `own` is never among what it finds.
    pub(super) fn watch(lookup: Lookup, known: Vec<SocketAddr>, own: SocketAddr) -> Self {
        let (more, more_joins) = mpsc::unbounded_channel();
        let (sender, found) = mpsc::unbounded_channel();
        let watch = Watch {
            lookup,
            known,
            own,
            more: more_joins,
            found: sender,
        };
        Self {
            more,
            found,
            task: tokio::spawn(watch.run()),
        }
    }

    /// Also watches these.
    pub(crate) fn add(&self, joins: Vec<String>) {
        // The task ends only with this.
        let _ = self.more.send(joins);
    }

    /// The addresses, once they have changed. Dropping the future loses nothing.
    pub(crate) async fn changed(&mut self) -> Option<Vec<SocketAddr>> {
        self.found.recv().await
    }
}

impl Drop for Discovery {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Watch {
    lookup: Lookup,
    known: Vec<SocketAddr>,
    own: SocketAddr,
    more: mpsc::UnboundedReceiver<Vec<String>>,
    found: mpsc::UnboundedSender<Vec<SocketAddr>>,
}

impl Watch {
    async fn run(mut self) {
        loop {
            tokio::select! {
                more = self.more.recv() => match more {
                    Some(more) => self.lookup.add(more),
                    None => return,
                },
                () = sleep(PERIOD), if self.lookup.may_change() => {}
            }
            let mut found = self.lookup.resolve().await;
            found.retain(|addr| *addr != self.own);
            // A name server that is away does not make the others go away.
            if !found.is_empty() && found != self.known {
                self.known.clone_from(&found);
                if self.found.send(found).is_err() {
                    return;
                }
            }
        }
    }
}

/// Checks that every one is `host:port`.
pub(super) fn check(joins: &[String]) -> Result<(), InvalidJoin> {
    joins.iter().try_for_each(|join| InvalidJoin::check(join))
}

/// Looks up the addresses to join at, and complains of those that are of no use, each as often as
/// [`Complaints`] allows.
#[derive(Debug)]
pub(super) struct Lookup {
    joins: Vec<String>,
    reach: Reach,
    complaints: Complaints,
}

impl Lookup {
    /// For a node that can reach what `reach` says.
    pub(super) fn new(joins: Vec<String>, reach: Reach) -> Self {
        Self {
            joins,
            reach,
            complaints: Complaints::default(),
        }
    }

    fn add(&mut self, joins: Vec<String>) {
        for join in joins {
            if !self.joins.contains(&join) {
                self.joins.push(join);
            }
        }
    }

    /// Whether looking again may find something else, or find that there is still reason to complain.
    fn may_change(&self) -> bool {
        self.complaints.any() || self.joins.iter().any(|join| join.parse::<SocketAddr>().is_err())
    }

    /// Looks them up for the first time, again and again until one is found or `patience` is over: a node whose
    /// joins are not known yet must not believe it is the first of its cluster (S4.6).
    pub(super) async fn first(&mut self, patience: Duration) -> Vec<SocketAddr> {
        let end = Instant::now() + patience;
        loop {
            let found = timeout_at(end, self.resolve()).await.unwrap_or_default();
            if !found.is_empty() || self.joins.is_empty() || Instant::now() >= end {
                return found;
            }
            sleep(RETRY).await;
        }
    }

    /// What can be looked up now: in the order of the joins, each once.
    async fn resolve(&mut self) -> Vec<SocketAddr> {
        let mut found = Vec::new();
        for join in &self.joins {
            match timeout(LOOKUP_LIMIT, tokio::net::lookup_host(join)).await {
                Ok(Ok(addrs)) => {
                    // Name servers change the order from answer to answer; that is no change worth telling.
                    let mut addrs: Vec<_> = addrs.filter(|addr| !found.contains(addr)).collect();
                    addrs.sort_unstable();
                    addrs.dedup();
                    let unreachable = addrs.iter().find(|addr| !self.reach.includes(**addr));
                    let complaint = unreachable.map(|addr| Complaint::Unreachable {
                        addr: *addr,
                        reach: self.reach,
                    });
                    self.complaints.note(join, complaint);
                    found.extend(addrs);
                }
                Ok(Err(error)) => self
                    .complaints
                    .note(join, Some(Complaint::Unknown(error.to_string()))),
                Err(_) => self.complaints.note(join, Some(Complaint::Slow)),
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "127.0.0.1:7001";

    fn addr(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn lookup(joins: &[&str]) -> Lookup {
        let joins = joins.iter().map(|join| (*join).to_owned()).collect();
        Lookup::new(joins, Reach::of(addr(OWN), false))
    }

    #[test]
    fn what_is_not_a_host_and_a_port_is_refused() {
        for good in ["10.0.0.1:7000", "[::1]:7000", "node1:7000", "node1.example:7000"] {
            check(&[good.to_owned()]).unwrap();
        }
        for bad in [
            "",
            "node1",
            ":7000",
            "node1:",
            "node1:x",
            "node1:0",
            "::1:7000",
            "node1:70000",
        ] {
            let refused = check(&["good:1".to_owned(), bad.to_owned()]).unwrap_err();
            assert_eq!(refused.address, bad);
        }
    }

    #[tokio::test]
    async fn a_join_added_later_is_found_and_the_own_address_is_not() {
        let mut discovery = Discovery::watch(lookup(&[]), Vec::new(), addr(OWN));
        discovery.add(vec![OWN.to_owned(), "127.0.0.1:7002".to_owned()]);
        assert_eq!(discovery.changed().await, Some(vec![addr("127.0.0.1:7002")]));
    }

    #[tokio::test]
    async fn the_first_look_up_finds_names_and_addresses() {
        let found = lookup(&["127.0.0.1:7002", "localhost:7003"])
            .first(Duration::from_secs(5))
            .await;
        assert!(found.contains(&addr("127.0.0.1:7002")));
        assert!(found.iter().any(|found| found.port() == 7003));
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_that_cannot_be_looked_up_is_given_up_in_time() {
        assert_eq!(
            lookup(&["name.invalid:1"]).first(Duration::from_secs(2)).await,
            []
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_cannot_be_reached_stays_among_those_found_and_is_complained_of() {
        let mut lookup = lookup(&["[::1]:7002"]);
        assert_eq!(lookup.first(Duration::from_secs(1)).await, [addr("[::1]:7002")]);
        assert!(lookup.may_change(), "nobody would be told again");
    }
}
