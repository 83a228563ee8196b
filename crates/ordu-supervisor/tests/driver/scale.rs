use std::time::Duration;

use ordu_supervisor::{ChildSpec, DynamicSupervisor, Restart, Supervisor};
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
