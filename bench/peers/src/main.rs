//! The operations that ordu-supervisor, ractor and kameo have in common, measured in one run on one thread:
//! starting a supervised child and waiting until it is up, the memory of one that is idle, and the time from
//! a failure to the next incarnation's first step.
//!
//! ractor leaves the restart to the supervising actor's own code; here it starts a new child at once.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

mod kameo_peer;
mod ordu;
mod ractor_peer;

const MANY: u32 = 100_000;
const RESTARTS: usize = 20_000;

/// When a child failed, and where its next incarnation says that it runs.
#[derive(Clone)]
struct Watch {
    failed_at: Arc<Mutex<Option<Instant>>>,
    up: tokio::sync::mpsc::UnboundedSender<Option<Duration>>,
}

impl Watch {
    fn came_up(&self) {
        let since = self.failed_at.lock().unwrap().map(|failed| failed.elapsed());
        self.up.send(since).unwrap();
    }

    fn fails(&self) {
        *self.failed_at.lock().unwrap() = Some(Instant::now());
    }
}

fn watch() -> (Watch, tokio::sync::mpsc::UnboundedReceiver<Option<Duration>>) {
    let (up, ups) = tokio::sync::mpsc::unbounded_channel();
    (Watch { failed_at: Arc::default(), up }, ups)
}

fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: f64 = status.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096.0
}

fn main() {
    // Failures are part of the measurement, not news.
    std::panic::set_hook(Box::new(|_| {}));
    match std::env::args().nth(1).as_deref() {
        Some("ordu") => on_one_thread(ordu::measure()),
        Some("kameo") => on_one_thread(kameo_peer::measure()),
        Some("ractor") => on_one_thread(ractor_peer::measure()),
        // Each in a process of its own: memory given back by one would be used by the next.
        _ => {
            println!("{:<10} {:>14} {:>14} {:>16} {:>16}", "", "starts/s", "bytes/child", "restart p50 us", "p99 us");
            for name in ["ordu", "ractor", "kameo"] {
                let program = std::env::current_exe().unwrap();
                assert!(std::process::Command::new(program).arg(name).status().unwrap().success());
            }
        }
    }
}

fn on_one_thread(work: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work);
}

fn report(name: &str, started_in: Duration, bytes: f64, mut restarts: Vec<Duration>) {
    restarts.sort_unstable();
    let part = |percent: usize| restarts[(restarts.len() - 1) * percent / 100].as_secs_f64() * 1e6;
    let per_second = f64::from(MANY) / started_in.as_secs_f64();
    let bytes = bytes / f64::from(MANY);
    println!("{name:<10} {per_second:>14.0} {bytes:>14.0} {:>16.2} {:>16.2}", part(50), part(99));
    for (key, value) in [
        ("start_awaited_per_s", per_second),
        ("bytes_per_child", bytes),
        ("restart_us.p50", part(50)),
        ("restart_us.p99", part(99)),
    ] {
        println!("{{\"key\":\"peers.{name}.{key}\",\"value\":{value:.2},\"goal\":null}}");
    }
}
