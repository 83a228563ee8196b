//! What supervision costs: starts, restarts, memory and stops, on one thread and on several.
//!
//! Prints a table, and one JSON object a line for whoever collects figures.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_types
)]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ordu_supervisor::{ChildSpec, Ctx, DynamicSupervisor, DynamicSupervisorHandle, Restart, Supervisor};
use tokio::runtime::{Builder, Runtime};

const MANY: u32 = 100_000;
const RESTARTS: usize = 20_000;

fn main() {
    println!("{:<44} {:>14} {:>14}", "", "measured", "goal");
    // First, while the allocator has nothing to give back.
    let one = Builder::new_current_thread().enable_all().build().unwrap();
    report(
        "supervisor.bytes_per_child",
        one.block_on(bytes_per_child()),
        Goal::AtMost(1_000.0),
    );
    for (prefix, runtime) in [
        ("", one),
        (
            "multi_thread.",
            Builder::new_multi_thread().enable_all().build().unwrap(),
        ),
    ] {
        // The goals are for one thread; the other figures stand beside them.
        let goal = |goal| if prefix.is_empty() { goal } else { Goal::None };
        measure(&runtime, prefix, goal);
    }
}

fn measure(runtime: &Runtime, prefix: &str, goal: impl Fn(Goal) -> Goal) {
    let key = |name: &str| format!("supervisor.{prefix}{name}");
    let best = |measure: &dyn Fn() -> f64| (0..3).map(|_| measure()).fold(f64::NAN, f64::max);
    let pipelined = best(&|| per_second(runtime, start_pipelined()));
    report(&key("start_per_s"), pipelined, goal(Goal::AtLeast(300_000.0)));
    report(
        &key("start_awaited_per_s"),
        best(&|| per_second(runtime, start_awaited())),
        Goal::None,
    );

    let mut took = on(runtime, restarts());
    took.sort_unstable();
    let micros = |part: usize| took[(took.len() - 1) * part / 100].as_secs_f64() * 1e6;
    report(&key("restart_us.p50"), micros(50), goal(Goal::AtMost(10.0)));
    report(&key("restart_us.p99"), micros(99), goal(Goal::AtMost(50.0)));

    let least = |measure: &dyn Fn() -> f64| (0..3).map(|_| measure()).fold(f64::NAN, f64::min);
    let ordered = least(&|| millis(on(runtime, start_and_stop_ordered(10_000)).1));
    report(&key("stop_10k_ms.ordered"), ordered, goal(Goal::AtMost(50.0)));
    report(
        &key("stop_10k_ms.parallel"),
        least(&|| millis(on(runtime, stop_parallel()))),
        goal(Goal::AtMost(100.0)),
    );
    let (start, stop) = on(runtime, start_and_stop_ordered(MANY));
    report(&key("start_100k_ordered_ms"), millis(start), Goal::None);
    report(&key("stop_100k_ordered_ms"), millis(stop), Goal::None);
}

#[derive(Clone, Copy)]
enum Goal {
    AtLeast(f64),
    AtMost(f64),
    None,
}

fn report(key: &str, value: f64, goal: Goal) {
    let (shown, number) = match goal {
        Goal::AtLeast(goal) => (format!(">= {goal}"), goal.to_string()),
        Goal::AtMost(goal) => (format!("<= {goal}"), goal.to_string()),
        Goal::None => (String::new(), "null".to_owned()),
    };
    println!("{key:<44} {value:>14.1} {shown:>14}");
    println!("{{\"key\":\"{key}\",\"value\":{value:.1},\"goal\":{number}}}");
}

/// Runs it where children run too, not on the thread that only waits.
fn on<T: Send + 'static>(runtime: &Runtime, work: impl Future<Output = T> + Send + 'static) -> T {
    runtime.block_on(async { tokio::spawn(work).await.unwrap() })
}

fn per_second(runtime: &Runtime, work: impl Future<Output = Duration> + Send + 'static) -> f64 {
    f64::from(MANY) / on(runtime, work).as_secs_f64()
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn idle(id: &str) -> ChildSpec {
    ChildSpec::task(id, async |_ctx| std::future::pending::<()>().await).restart(Restart::Temporary)
}

fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: f64 = status.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096.0
}

async fn bytes_per_child() -> f64 {
    let supervisor = DynamicSupervisor::builder().start().unwrap();
    let before = resident();
    for _ in 0..MANY {
        supervisor
            .start_child(idle("idle").restart(Restart::Permanent))
            .await
            .unwrap();
    }
    let bytes = (resident() - before) / f64::from(MANY);
    supervisor.stop().await.unwrap();
    bytes
}

async fn start_pipelined() -> Duration {
    let supervisor = DynamicSupervisor::builder().start().unwrap();
    let before = Instant::now();
    let calls: Vec<_> = (0..MANY).map(|_| supervisor.start_child(idle("idle"))).collect();
    for call in calls {
        call.await.unwrap();
    }
    let took = before.elapsed();
    supervisor.stop().await.unwrap();
    took
}

async fn start_awaited() -> Duration {
    let supervisor: DynamicSupervisorHandle = DynamicSupervisor::builder().start().unwrap();
    let before = Instant::now();
    for _ in 0..MANY {
        supervisor.start_child(idle("idle")).await.unwrap();
    }
    let took = before.elapsed();
    supervisor.stop().await.unwrap();
    took
}

/// From the moment a child fails to the first step of its next incarnation.
async fn restarts() -> Vec<Duration> {
    let failed_at = Arc::new(Mutex::new(None::<Instant>));
    let (sender, mut up) = tokio::sync::mpsc::unbounded_channel();
    let spec = ChildSpec::task("a", move |_ctx: Ctx| {
        let (failed_at, sender) = (Arc::clone(&failed_at), sender.clone());
        async move {
            let since = failed_at.lock().unwrap().map(|failed| failed.elapsed());
            let (fail, failing) = tokio::sync::oneshot::channel::<()>();
            sender.send((since, fail)).unwrap();
            failing.await.unwrap();
            *failed_at.lock().unwrap() = Some(Instant::now());
            Err::<(), _>("boom")
        }
    });
    let builder = Supervisor::builder().intensity(u32::MAX, Duration::from_secs(1));
    let supervisor = builder.child(spec).start().await.unwrap();
    let mut took = Vec::new();
    while took.len() < RESTARTS {
        let (since, fail) = up.recv().await.unwrap();
        took.extend(since);
        fail.send(()).unwrap();
    }
    supervisor.kill();
    took
}

async fn start_and_stop_ordered(children: u32) -> (Duration, Duration) {
    let specs: Vec<_> = (0..children)
        .map(|number| ChildSpec::trapping(number.to_string(), async |ctx: Ctx| ctx.stopped().await))
        .collect();
    let before = Instant::now();
    let supervisor = Supervisor::builder().children(specs).start().await.unwrap();
    let start = before.elapsed();
    let before = Instant::now();
    supervisor.stop().await.unwrap();
    (start, before.elapsed())
}

async fn stop_parallel() -> Duration {
    let supervisor = DynamicSupervisor::builder().start().unwrap();
    for _ in 0..10_000 {
        let spec = ChildSpec::trapping("idle", async |ctx: Ctx| ctx.stopped().await);
        supervisor.start_child(spec).await.unwrap();
    }
    let before = Instant::now();
    supervisor.stop().await.unwrap();
    before.elapsed()
}
