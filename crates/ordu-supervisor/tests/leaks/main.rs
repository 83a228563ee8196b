//! What a child leaves behind when it is over: nothing, whichever way it ended.
//!
//! Each case is played many times. Afterwards as many tasks live as before, and the bytes allocated have not
//! grown with the number of rounds.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_types
)]

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use counting_allocator::{Counting, live_bytes};
use ordu_supervisor::{
    Child, ChildRef, ChildSpec, Ctx, DynamicSupervisor, DynamicSupervisorHandle, ExitReason, Restart,
    Shutdown, StartError, Started, Supervisor,
};
use tokio::runtime::{Builder, Handle, Runtime};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const WARM_UP: usize = 20;
const ROUNDS: usize = 300;

/// What a round may leave on average: less than the smallest task, more than the noise of the harness.
const BYTES_A_ROUND: i64 = 64;

/// The bytes are those of the whole program: one case at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

type Round = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Plays one round many times on each kind of runtime.
fn leaves_nothing(round: impl Fn() -> Round) {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    for runtime in [
        Builder::new_current_thread().enable_all().build().unwrap(),
        Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap(),
    ] {
        play(&runtime, &round, WARM_UP);
        let (tasks, bytes) = (runtime.metrics().num_alive_tasks(), live_bytes());
        play(&runtime, &round, ROUNDS);
        let grown = || live_bytes() - bytes;
        runtime.block_on(until(
            || format!("{} tasks live, {tasks} lived before", alive()),
            || alive() <= tasks,
        ));
        runtime.block_on(until(
            || format!("{} bytes more after {ROUNDS} rounds", grown()),
            || grown() < BYTES_A_ROUND * i64::try_from(ROUNDS).unwrap(),
        ));
    }
}

fn play(runtime: &Runtime, round: &impl Fn() -> Round, rounds: usize) {
    for _ in 0..rounds {
        runtime.block_on(round());
    }
}

fn alive() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

/// Waits for a condition that must come true soon.
async fn until(found: impl Fn() -> String, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(5);
    while !holds() {
        assert!(Instant::now() < deadline, "{}", found());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn for_ever(ctx: &Ctx) {
    drop(ctx.spawn(std::future::pending()));
}

/// Starts the child under a supervisor of its own, lets `then` happen, and stops the supervisor.
async fn with(spec: ChildSpec, then: impl AsyncFnOnce(&DynamicSupervisorHandle)) {
    let supervisor = DynamicSupervisor::builder().start().unwrap();
    drop(supervisor.start_child(spec.restart(Restart::Temporary)).await);
    then(&supervisor).await;
    supervisor.stop().await.unwrap();
}

async fn gone(supervisor: &DynamicSupervisorHandle) {
    while supervisor.count_children().await.unwrap().specs > 0 {
        tokio::task::yield_now().await;
    }
}

#[test]
fn a_start_that_fails_at_once_leaves_no_helper() {
    leaves_nothing(|| {
        Box::pin(with(
            ChildSpec::new("a", async |ctx: Ctx| {
                for_ever(&ctx);
                Err::<Child, _>(StartError::failed("no"))
            }),
            async |_| {},
        ))
    });
}

#[test]
fn a_start_that_panics_leaves_no_helper() {
    std::panic::set_hook(Box::new(|info| {
        if info.payload().downcast_ref::<&str>() != Some(&"on purpose") {
            eprintln!("{info}");
        }
    }));
    leaves_nothing(|| {
        Box::pin(with(
            ChildSpec::new("a", |ctx: Ctx| -> std::future::Ready<Result<Child, StartError>> {
                for_ever(&ctx);
                panic!("on purpose")
            }),
            async |_| {},
        ))
    });
}

#[test]
fn a_start_that_fails_later_leaves_no_helper() {
    leaves_nothing(|| {
        Box::pin(with(
            ChildSpec::new("a", async |ctx: Ctx| {
                for_ever(&ctx);
                tokio::task::yield_now().await;
                Err::<Child, _>(StartError::failed("no"))
            }),
            async |_| {},
        ))
    });
}

#[test]
fn a_start_that_ignores_leaves_no_helper() {
    leaves_nothing(|| {
        Box::pin(async {
            for at_once in [true, false] {
                let spec = ChildSpec::new("a", move |ctx: Ctx| async move {
                    for_ever(&ctx);
                    if !at_once {
                        tokio::task::yield_now().await;
                    }
                    Ok::<_, StartError>(Started::Ignore)
                });
                with(spec, async |_| {}).await;
            }
        })
    });
}

/// Spawns a helper and then never comes up.
fn hanging() -> ChildSpec {
    ChildSpec::new("a", async |ctx: Ctx| {
        for_ever(&ctx);
        std::future::pending::<Result<Child, StartError>>().await
    })
}

#[test]
fn a_start_that_takes_too_long_leaves_no_helper() {
    leaves_nothing(|| {
        Box::pin(with(
            hanging().start_timeout(Duration::from_micros(1)),
            async |_| {},
        ))
    });
}

#[test]
fn a_supervisor_that_is_killed_while_a_child_starts_leaves_no_helper() {
    leaves_nothing(|| {
        Box::pin(async {
            let supervisor = DynamicSupervisor::builder().start().unwrap();
            let starting = supervisor.start_child(hanging());
            tokio::task::yield_now().await;
            supervisor.kill();
            assert!(starting.await.is_err());
            supervisor.exited().await;
        })
    });
}

#[test]
fn a_linked_supervisor_ends_when_the_start_that_made_it_fails() {
    leaves_nothing(|| {
        Box::pin(with(
            ChildSpec::new("a", async |ctx: Ctx| {
                let idle = ChildSpec::task("idle", async |_| std::future::pending::<()>().await);
                Supervisor::builder().child(idle).start_link(&ctx).await?;
                Err::<Child, _>(StartError::failed("no"))
            }),
            async |_| {},
        ))
    });
}

#[test]
fn a_thread_that_ends_leaves_no_helper() {
    leaves_nothing(|| {
        Box::pin(with(
            ChildSpec::new("a", async |ctx: Ctx| {
                for_ever(&ctx);
                Ok::<_, StartError>(Child::thread(|_| ()))
            }),
            gone,
        ))
    });
}

#[test]
fn a_thread_spawns_helpers_which_end_with_it() {
    leaves_nothing(|| Box::pin(with(ChildSpec::thread("a", |ctx: Ctx, _| for_ever(&ctx)), gone)));
}

#[test]
fn a_supervisor_that_is_a_child_leaves_no_helper() {
    leaves_nothing(|| {
        Box::pin(with(
            ChildSpec::new("a", async |ctx: Ctx| {
                for_ever(&ctx);
                let inner = Supervisor::builder().start().await?;
                inner.request_stop(ExitReason::Shutdown);
                Ok::<_, StartError>(Child::supervisor(inner))
            }),
            gone,
        ))
    });
}

/// Spawns one more helper when it is dropped.
struct SpawnsAgain(Ctx);

impl Drop for SpawnsAgain {
    fn drop(&mut self) {
        for_ever(&self.0);
    }
}

#[test]
fn a_helper_that_spawns_while_the_body_ends_leaves_none() {
    leaves_nothing(|| {
        Box::pin(with(
            ChildSpec::task("a", async |ctx: Ctx| {
                let again = SpawnsAgain(ctx.clone());
                drop(ctx.spawn(async move {
                    let _again = again;
                    std::future::pending::<()>().await;
                }));
                let again = SpawnsAgain(ctx);
                tokio::task::yield_now().await;
                drop(again);
            }),
            gone,
        ))
    });
}

#[test]
fn a_child_that_is_aborted_leaves_no_helper() {
    leaves_nothing(|| {
        Box::pin(with(
            ChildSpec::task("a", async |ctx: Ctx| {
                let _again = SpawnsAgain(ctx.clone());
                for_ever(&ctx);
                std::future::pending::<()>().await;
            }),
            async |_| tokio::task::yield_now().await,
        ))
    });
}

#[test]
fn what_is_spawned_through_a_ctx_that_outlives_its_child_is_dropped() {
    leaves_nothing(|| {
        Box::pin(async {
            let kept = Arc::new(Mutex::new(None));
            let keep = Arc::clone(&kept);
            let spec = ChildSpec::task("a", move |ctx: Ctx| {
                *keep.lock().unwrap() = Some(ctx);
                std::future::ready(())
            });
            with(spec, gone).await;
            let ctx = kept.lock().unwrap().take().unwrap();
            let held = Arc::new(Mutex::new(()));
            let witness = Arc::downgrade(&held);
            let helper = ctx.spawn(async move {
                std::future::pending::<()>().await;
                drop(held);
            });
            assert!(witness.upgrade().is_none(), "it was dropped at once");
            assert!(helper.is_finished());
        })
    });
}

/// What many calls leave that are dropped before they are answered, while the child lives that they are about.
fn left_by_calls_that_are_dropped(call: fn(&DynamicSupervisorHandle, &ChildRef), stopping: bool) -> i64 {
    const MANY: u32 = 20_000;
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let supervisor = DynamicSupervisor::builder().start().unwrap();
        let deaf = ChildSpec::trapping("deaf", async |_: Ctx| std::future::pending::<()>().await);
        let started = supervisor.start_child(deaf.shutdown(Shutdown::Infinity)).await;
        let child = started.unwrap().child().unwrap().clone();
        if stopping {
            drop(supervisor.terminate_child(&child));
        }
        let many = async |calls| {
            for _ in 0..calls {
                call(&supervisor, &child);
                supervisor.count_children().await.unwrap();
            }
            live_bytes()
        };
        let before = many(MANY / 10).await;
        let left = many(MANY).await - before;
        supervisor.kill();
        supervisor.exited().await;
        left
    })
}

/// A word for each call would be more.
const ALLOWED: i64 = 100_000;

#[test]
fn a_monitor_that_is_dropped_leaves_nothing_while_the_child_lives() {
    let left = left_by_calls_that_are_dropped(|supervisor, child| drop(supervisor.monitor(child)), false);
    assert!(left < ALLOWED, "{left} bytes");
}

#[test]
fn an_order_to_terminate_that_is_dropped_leaves_nothing_while_the_child_stops() {
    let terminate = |supervisor: &DynamicSupervisorHandle, child: &ChildRef| {
        drop(supervisor.terminate_child(child));
    };
    let left = left_by_calls_that_are_dropped(terminate, true);
    assert!(left < ALLOWED, "{left} bytes");
}

#[cfg(feature = "tokio-util")]
#[test]
fn a_cancellation_token_that_is_dropped_leaves_nothing_while_the_child_lives() {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (tell, told) = tokio::sync::oneshot::channel();
        let spec = ChildSpec::task_once("a", async move |ctx: Ctx| {
            tell.send(ctx.stop_signal()).unwrap();
            std::future::pending::<()>().await;
        });
        let supervisor = DynamicSupervisor::builder().start().unwrap();
        supervisor.start_child(spec).await.unwrap();
        let stop = told.await.unwrap();
        let ask = || (0..ROUNDS).for_each(|_| drop(stop.cancellation_token()));
        ask();
        let (tasks, bytes) = (alive(), live_bytes());
        ask();
        assert_eq!(alive(), tasks);
        assert!(live_bytes() - bytes < BYTES_A_ROUND);
        supervisor.stop().await.unwrap();
    });
}
