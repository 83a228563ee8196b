use std::time::Duration;

use ordu_supervisor::{
    Child, ChildSpec, Ctx, DynamicSupervisor, ExitReason, Restart, Shutdown, StartChildError, StartError,
    Supervisor, TerminateChildError,
};
use tokio::runtime::{Builder, Handle};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::support::{Stage, Tell, secs};

fn tells(ctx: &Ctx, stage: &Stage, what: &'static str) {
    let tell = Tell(stage.clone(), what);
    ctx.spawn(async move {
        let _tell = tell;
        std::future::pending::<()>().await;
    });
}

#[tokio::test(start_paused = true)]
async fn the_helpers_of_a_start_are_gone_before_it_counts_as_failed() {
    for at_once in [true, false] {
        let stage = Stage::new();
        let held = stage.clone();
        let spec = ChildSpec::new("a", move |ctx: Ctx| {
            let stage = held.clone();
            async move {
                tells(&ctx, &stage, "helper gone");
                // Only what has run once has something to drop late.
                if !at_once {
                    tokio::time::sleep(secs(1)).await;
                }
                Err::<Child, _>(StartError::failed("no"))
            }
        });
        let supervisor = Supervisor::builder().start().await.unwrap();
        let error = supervisor.start_child(spec).await.unwrap_err();
        assert_eq!(error, StartChildError::Failed(ExitReason::error("no")));
        assert_eq!(stage.log(), ["helper gone"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_linked_supervisor_has_ended_before_its_child_counts_as_ended() {
    let stage = Stage::new();
    let held = stage.clone();
    let spec = ChildSpec::new("a", move |ctx: Ctx| {
        let stage = held.clone();
        async move {
            let inner = ChildSpec::task("inner", move |ctx: Ctx| {
                tells(&ctx, &stage, "inner helper gone");
                let tell = Tell(stage.clone(), "inner gone");
                async move {
                    let _tell = tell;
                    std::future::pending::<()>().await;
                }
            });
            Supervisor::builder().child(inner).start_link(&ctx).await?;
            Ok::<_, StartError>(Child::task(std::future::pending::<()>()))
        }
    });
    let supervisor = Supervisor::builder().child(spec).start().await.unwrap();
    supervisor.terminate_child("a").await.unwrap();
    assert_eq!(stage.log(), ["inner gone", "inner helper gone"]);
}

#[tokio::test]
async fn a_thread_runs_inside_the_runtime_and_its_helpers_are_gone_before_it_counts_as_ended() {
    let stage = Stage::new();
    let held = stage.clone();
    let spec = ChildSpec::thread("a", move |ctx: Ctx, stop| {
        tells(&ctx, &held, "helper gone");
        Handle::current().block_on(std::future::ready(()));
        held.note("up");
        stop.wait();
        held.note("asked to stop");
    });
    let supervisor = Supervisor::builder().child(spec).start().await.unwrap();
    while stage.log().is_empty() {
        tokio::task::yield_now().await;
    }
    supervisor.terminate_child("a").await.unwrap();
    assert_eq!(stage.log(), ["up", "asked to stop", "helper gone"]);
}

#[tokio::test]
async fn a_thread_may_wait_for_its_stop_for_as_long_as_a_duration_can_say() {
    let spec = ChildSpec::thread("a", |_ctx, stop| {
        assert!(stop.wait_timeout(Duration::MAX));
        Err::<(), _>("asked")
    });
    let supervisor = Supervisor::builder().child(spec).start().await.unwrap();
    let mut events = supervisor.subscribe();
    supervisor.terminate_child("a").await.unwrap();
    supervisor.stop().await.unwrap();
    let mut reasons = Vec::new();
    while let Some(event) = events.next().await {
        if let ordu_supervisor::Event::Report(report) = event {
            reasons.extend(report.reason().cloned());
        }
    }
    assert_eq!(reasons, [ExitReason::error("asked")]);
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_above_a_child_is_refused_as_its_body_and_lives_on() {
    let supervisor = DynamicSupervisor::builder().start().unwrap();
    for at_once in [true, false] {
        let above = supervisor.clone();
        let own_parent = ChildSpec::new("a", move |_ctx| {
            let above = above.clone();
            async move {
                if !at_once {
                    tokio::task::yield_now().await;
                }
                Ok::<_, StartError>(Child::supervisor(above))
            }
        });
        let inner = own_parent.clone();
        let grandparent = ChildSpec::supervisor("b", move || Supervisor::builder().child(inner.clone()));
        for spec in [own_parent, grandparent] {
            let error = supervisor.start_child(spec).await.unwrap_err();
            assert!(error.to_string().contains("a supervisor above it"), "{error}");
        }
    }
    assert_eq!(supervisor.count_children().await.unwrap().specs, 0);
    supervisor.stop().await.unwrap();
}

/// A tree of supervisors, one in the other, with one child at the bottom, which gives its `Ctx` away.
fn nested(depth: u32, bottom: UnboundedSender<Ctx>) -> ChildSpec {
    ChildSpec::supervisor("nested", move || {
        let builder = Supervisor::builder();
        if depth > 0 {
            return builder.child(nested(depth - 1, bottom.clone()));
        }
        let bottom = bottom.clone();
        builder.child(ChildSpec::trapping("bottom", move |ctx: Ctx| {
            bottom.send(ctx.clone()).unwrap();
            async move { ctx.stopped().await }
        }))
    })
}

/// On a thread with the stack that a thread has unless told otherwise.
fn drop_over_a_deep_tree(mut builder: Builder, keep_the_bottom: bool) {
    const DEPTH: u32 = 50_000;
    let dropping = std::thread::Builder::new().stack_size(2 << 20).spawn(move || {
        let runtime = builder.enable_all().build().unwrap();
        let (root, bottom) = runtime.block_on(async {
            let (sender, mut bottom) = unbounded_channel();
            let builder = Supervisor::builder().child(nested(DEPTH, sender));
            let root = builder.start().await.unwrap();
            (root, bottom.recv().await.unwrap())
        });
        assert!(runtime.metrics().num_alive_tasks() > usize::try_from(DEPTH).unwrap());
        let bottom = keep_the_bottom.then_some(bottom);
        drop(runtime);
        drop(bottom);
        drop(root);
    });
    dropping.unwrap().join().unwrap();
}

#[test]
fn dropping_a_runtime_over_a_deep_live_tree_does_not_overflow_the_stack() {
    for keep_the_bottom in [false, true] {
        drop_over_a_deep_tree(Builder::new_current_thread(), keep_the_bottom);
        drop_over_a_deep_tree(Builder::new_multi_thread(), keep_the_bottom);
    }
}

#[tokio::test(start_paused = true)]
async fn a_child_that_spawns_for_ever_ends_with_all_that_still_runs() {
    let supervisor = DynamicSupervisor::builder().start().unwrap();
    let spec = ChildSpec::task("a", async |ctx: Ctx| {
        for _ in 0..1_000 {
            drop(ctx.spawn(async {}));
            tokio::task::yield_now().await;
        }
        std::future::pending::<()>().await;
    });
    supervisor
        .start_child(spec.restart(Restart::Temporary))
        .await
        .unwrap();
    tokio::time::sleep(secs(1)).await;
    supervisor.stop().await.unwrap();
    assert!(Handle::current().metrics().num_alive_tasks() <= 1);
}

/// Panics when it is dropped, be it as what a panic carries.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

#[tokio::test(start_paused = true)]
async fn a_helper_whose_panic_panics_when_it_is_dropped_does_not_take_the_end_of_its_child_along() {
    for spawns_on in [false, true] {
        let spec = ChildSpec::task("a", move |ctx: Ctx| async move {
            let helper = ctx.spawn(async { std::panic::panic_any(Bomb) });
            while !helper.is_finished() {
                tokio::task::yield_now().await;
            }
            if spawns_on {
                ctx.spawn(std::future::pending());
            }
            Err::<(), _>("failed")
        });
        let supervisor = Supervisor::builder()
            .intensity(2, secs(5))
            .child(spec)
            .start()
            .await
            .unwrap();
        let exit = tokio::time::timeout(secs(60), supervisor.exited()).await;
        assert!(exit.expect("the end of the child was not told").gave_up);
    }
}

/// Panics with a bomb when it is dropped.
struct PanicsWithABomb;

impl Drop for PanicsWithABomb {
    fn drop(&mut self) {
        std::panic::panic_any(Bomb);
    }
}

#[tokio::test(start_paused = true)]
async fn a_helper_that_panics_with_a_bomb_when_it_is_ended_does_not_take_the_end_of_its_child_along() {
    let spec = ChildSpec::task("a", async |ctx: Ctx| {
        ctx.spawn(async {
            let _ends = PanicsWithABomb;
            std::future::pending::<()>().await;
        });
        tokio::task::yield_now().await;
        Err::<(), _>("failed")
    });
    let supervisor = Supervisor::builder().child(spec).start().await.unwrap();
    let exit = tokio::time::timeout(secs(60), supervisor.exited()).await;
    assert!(exit.expect("the end of the child was not told").gave_up);
}

#[tokio::test(start_paused = true)]
async fn two_supervisors_that_nobody_is_above_cannot_be_each_others_children() {
    let roots = [
        Supervisor::builder().start().await.unwrap(),
        Supervisor::builder().start().await.unwrap(),
    ];
    let child = |of: usize| {
        let root = roots[of].clone();
        let spec = ChildSpec::new("root", move |_ctx| {
            std::future::ready(Child::supervisor(root.clone()).up())
        });
        spec.shutdown(Shutdown::Infinity)
    };
    roots[0].start_child(child(1)).await.unwrap();
    let error = roots[1].start_child(child(0)).await.unwrap_err();
    assert!(error.to_string().contains("a supervisor above it"), "{error}");
    let stopped = tokio::time::timeout(secs(60), roots[0].stop()).await;
    assert_eq!(stopped, Ok(Ok(())));
    assert!(roots[1].has_exited());
}

#[tokio::test(start_paused = true)]
async fn a_child_of_a_supervisor_that_was_given_to_another_is_below_both() {
    let inner = Supervisor::builder().start().await.unwrap();
    let outer = Supervisor::builder().start().await.unwrap();
    let (ask, asked) = tokio::sync::oneshot::channel();
    let above = outer.clone();
    let leaf = ChildSpec::once("leaf", async move |_ctx: Ctx| {
        Child::task(async move {
            asked.await.unwrap();
            above.terminate_child("inner").await
        })
        .up()
    });
    let leaf = inner
        .start_child(leaf.shutdown(Shutdown::Infinity))
        .await
        .unwrap();
    let leaf = leaf.child().unwrap().clone();
    let given = inner.clone();
    let spec = ChildSpec::new("inner", move |_ctx| {
        std::future::ready(Child::supervisor(given.clone()).up())
    });
    outer.start_child(spec).await.unwrap();
    let ended = inner.monitor(&leaf);
    ask.send(()).unwrap();
    let told = tokio::time::timeout(secs(60), ended)
        .await
        .expect("it waits for itself");
    let refused = TerminateChildError::WouldDeadlock.to_string();
    assert_eq!(told, Ok(ExitReason::Error(refused)));
    outer.stop().await.unwrap();
}
