use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::InvalidJoin;

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
    /// Watches `joins`, which stand for `known` now. `own` is never among what it finds.
    pub(super) fn watch(joins: Vec<String>, known: Vec<SocketAddr>, own: SocketAddr) -> Self {
        let (more, more_joins) = mpsc::unbounded_channel();
        let (sender, found) = mpsc::unbounded_channel();
        let watch = Watch {
            joins,
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
    joins: Vec<String>,
    known: Vec<SocketAddr>,
    own: SocketAddr,
    more: mpsc::UnboundedReceiver<Vec<String>>,
    found: mpsc::UnboundedSender<Vec<SocketAddr>>,
}

impl Watch {
    async fn run(mut self) {
        loop {
            let names = self.joins.iter().any(|join| join.parse::<SocketAddr>().is_err());
            tokio::select! {
                more = self.more.recv() => match more {
                    Some(more) => more.into_iter().for_each(|join| {
                        if !self.joins.contains(&join) {
                            self.joins.push(join);
                        }
                    }),
                    None => return,
                },
                () = sleep(PERIOD), if names => {}
            }
            let mut found = resolve(&self.joins).await;
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
    let good = |join: &str| {
        join.parse::<SocketAddr>().is_ok()
            || join.rsplit_once(':').is_some_and(|(host, port)| {
                !host.is_empty() && !host.contains(':') && port.parse::<u16>().is_ok_and(|port| port != 0)
            })
    };
    match joins.iter().find(|join| !good(join)) {
        Some(join) => Err(InvalidJoin {
            address: join.clone(),
        }),
        None => Ok(()),
    }
}

/// Looks them up for the first time, again and again until one is found or `patience` is over: a node whose
/// joins are not known yet must not believe it is the first of its cluster (S4.6).
pub(super) async fn first(joins: &[String], patience: Duration) -> Vec<SocketAddr> {
    let end = Instant::now() + patience;
    loop {
        let found = timeout_at(end, resolve(joins)).await.unwrap_or_default();
        if !found.is_empty() || joins.is_empty() || Instant::now() >= end {
            return found;
        }
        sleep(RETRY).await;
    }
}

/// What can be looked up now: in the order of `joins`, each once.
async fn resolve(joins: &[String]) -> Vec<SocketAddr> {
    let mut found = Vec::new();
    for join in joins {
        match timeout(LOOKUP_LIMIT, tokio::net::lookup_host(join)).await {
            Ok(Ok(addrs)) => {
                // Name servers change the order from answer to answer; that is no change worth telling.
                let mut addrs: Vec<_> = addrs.filter(|addr| !found.contains(addr)).collect();
                addrs.sort_unstable();
                addrs.dedup();
                found.extend(addrs);
            }
            Ok(Err(error)) => tracing::warn!(join, %error, "cannot look up the address to join at"),
            Err(_) => tracing::warn!(join, "looking up the address to join at takes too long"),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "127.0.0.1:7001";

    fn addr(text: &str) -> SocketAddr {
        text.parse().unwrap()
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
        let mut discovery = Discovery::watch(Vec::new(), Vec::new(), addr(OWN));
        discovery.add(vec![OWN.to_owned(), "127.0.0.1:7002".to_owned()]);
        assert_eq!(discovery.changed().await, Some(vec![addr("127.0.0.1:7002")]));
    }

    #[tokio::test]
    async fn the_first_look_up_finds_names_and_addresses() {
        let joins = ["127.0.0.1:7002".to_owned(), "localhost:7003".to_owned()];
        let found = first(&joins, Duration::from_secs(5)).await;
        assert!(found.contains(&addr("127.0.0.1:7002")));
        assert!(found.iter().any(|found| found.port() == 7003));
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_that_cannot_be_looked_up_is_given_up_in_time() {
        let joins = ["name.invalid:1".to_owned()];
        assert_eq!(first(&joins, Duration::from_secs(2)).await, []);
    }
}
