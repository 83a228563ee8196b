use std::sync::Arc;
use std::time::Duration;

use ordu_supervisor::{ChildSpec, DynamicSupervisor, ExitReason, Restart, Supervisor, SupervisorExit};
use rustix::time::{ClockId, clock_gettime};

/// What this thread has computed, whatever else the machine does.
fn cpu_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap()
}

fn idle(id: String) -> ChildSpec {
    ChildSpec::task(id, async |_ctx| std::future::pending::<()>().await)
}

async fn static_start_stop(children: usize) -> Duration {
    let before = cpu_time();
    let specs = (0..children).map(|number| idle(number.to_string()));
    let supervisor = Supervisor::builder().children(specs).start().await.unwrap();
    supervisor.stop().await.unwrap();
    cpu_time().saturating_sub(before)
}

async fn dynamic_start_stop(children: usize) -> Duration {
    let before = cpu_time();
    let supervisor = DynamicSupervisor::builder().start().unwrap();
    let calls: Vec<_> = (0..children)
        .map(|_| supervisor.start_child(idle("x".to_owned()).restart(Restart::Temporary)))
        .collect();
    for call in calls {
        call.await.unwrap();
    }
    supervisor.stop().await.unwrap();
    cpu_time().saturating_sub(before)
}

/// Ten times the children may take at most forty times as long, which leaves room for caches that do not
/// hold them all and is far from the hundred times of a quadratic cost.
fn assert_near_linear(few: Duration, many: Duration) {
    println!("{few:?} for n, {many:?} for 10 n");
    assert!(many < 40 * few, "{few:?} for n, {many:?} for 10 n");
}

#[tokio::test]
async fn case_108_starting_and_stopping_is_near_linear() {
    static_start_stop(1_000).await;
    let few = static_start_stop(10_000).await;
    assert_near_linear(few, static_start_stop(100_000).await);
    let few = dynamic_start_stop(5_000).await;
    assert_near_linear(few, dynamic_start_stop(50_000).await);
}

/// A hundred thousand children that panic as soon as they run, restarted until all of the budget is used up.
async fn crash_loop(children: usize, restarts: u32) -> SupervisorExit {
    let supervisor = DynamicSupervisor::builder()
        .intensity(restarts, Duration::from_hours(1))
        .start()
        .unwrap();
    let alive = Arc::new(());
    let calls: Vec<_> = (0..children)
        .map(|_| {
            let alive = Arc::clone(&alive);
            supervisor.start_child(ChildSpec::task("doomed", move |_ctx| {
                let alive = Arc::clone(&alive);
                async move {
                    tokio::task::yield_now().await;
                    drop(alive);
                    // As a panic, without the hook that prints.
                    std::panic::resume_unwind(Box::new("crash loop".to_owned()));
                }
            }))
        })
        .collect();
    let exit = supervisor.exited().await;
    drop(calls);
    drop(supervisor);
    // What the loop held is gone with it; nothing of the children is left.
    while Arc::strong_count(&alive) > 1 {
        tokio::task::yield_now().await;
    }
    exit
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_children_in_a_crash_loop_with_panics_end_cleanly() {
    let exit = crash_loop(100_000, 300_000).await;
    assert!(exit.gave_up, "{exit:?}");
    assert_eq!((exit.reason, exit.zombies), (ExitReason::Shutdown, vec![]));
}
