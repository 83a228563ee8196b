use std::time::Duration;

use ordu_supervisor::{
    Backoff, Child, ChildSpec, ChildState, Ctx, DynamicSupervisor, ExitReason, Intensity, Restart, Shutdown,
    SpecError, StartChildError, StartError, Started, TerminateChildError,
};
use tokio::time::Instant;

use crate::support::{Stage, boom, dynamic_counts, secs};

fn slow(needs: Duration, limit: Shutdown) -> ChildSpec {
    ChildSpec::trapping("slow", move |ctx: Ctx| async move {
        ctx.stopped().await;
        tokio::time::sleep(needs).await;
    })
    .shutdown(limit)
}

#[tokio::test(start_paused = true)]
async fn case_043_and_044_ids_may_repeat_and_each_child_is_terminated_by_its_reference() {
    let stage = Stage::new();
    let supervisor = DynamicSupervisor::builder().start().unwrap();
    let mut children = Vec::new();
    for _ in 0..3 {
        children.push(
            supervisor
                .start_child(stage.actor("same"))
                .await
                .unwrap()
                .child()
                .unwrap()
                .clone(),
        );
    }
    assert_eq!(dynamic_counts(&supervisor).await, [3, 3, 0, 3]);
    assert_eq!(supervisor.terminate_child(&children[1]).await, Ok(()));
    assert_eq!(
        supervisor.terminate_child(&children[1]).await,
        Err(TerminateChildError::NotFound)
    );
    let left: Vec<_> = supervisor
        .which_children()
        .await
        .unwrap()
        .into_iter()
        .map(|child| child.state)
        .collect();
    assert_eq!(
        left,
        [
            ChildState::Running(children[0].clone()),
            ChildState::Running(children[2].clone())
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn case_115_and_118_specs_and_numbers_it_does_not_accept() {
    let stage = Stage::new();
    let supervisor = DynamicSupervisor::builder().max_children(1).start().unwrap();
    let significant = stage.actor("a").restart(Restart::Transient).significant(true);
    let error = supervisor.start_child(significant).await.unwrap_err();
    assert_eq!(
        error,
        StartChildError::InvalidSpec(SpecError::SignificantWithoutAutoShutdown)
    );
    supervisor.start_child(stage.actor("a")).await.unwrap();
    assert_eq!(
        supervisor.start_child(stage.actor("b")).await.unwrap_err(),
        StartChildError::MaxChildren
    );
}

#[tokio::test(start_paused = true)]
async fn case_116_and_117_what_starts_may_come_to() {
    let supervisor = DynamicSupervisor::builder().start().unwrap();
    let ignoring = ChildSpec::new("a", async |_ctx| Ok::<_, StartError>(Started::Ignore));
    assert!(supervisor.start_child(ignoring).await.unwrap().child().is_none());
    let failing = ChildSpec::new("a", async |_ctx| Err::<Child, _>(StartError::Failed(boom())));
    assert_eq!(
        supervisor.start_child(failing).await.unwrap_err(),
        StartChildError::Failed(boom())
    );
    let telling = ChildSpec::new("a", async |_ctx| {
        let child = Child::task(std::future::pending::<()>());
        Ok::<_, StartError>(Started::Running(child, Some(Box::new("extra"))))
    });
    assert_eq!(
        supervisor.start_child(telling).await.unwrap().info::<&str>(),
        Some("extra")
    );
    let panicking = ChildSpec::task("a", |_ctx| -> std::future::Ready<()> { panic!("oops") });
    let error = supervisor.start_child(panicking).await.unwrap_err();
    assert_eq!(
        error,
        StartChildError::Failed(ExitReason::Panic("oops".to_owned()))
    );
    assert_eq!(dynamic_counts(&supervisor).await, [1, 1, 0, 1]);
}

#[tokio::test(start_paused = true)]
async fn case_093_children_are_stopped_side_by_side() {
    let supervisor = DynamicSupervisor::builder().start().unwrap();
    for needs in [1, 1, 5] {
        supervisor
            .start_child(slow(secs(needs), Shutdown::Timeout(secs(2))))
            .await
            .unwrap();
    }
    let before = Instant::now();
    supervisor.stop().await.unwrap();
    assert_eq!(before.elapsed().as_secs(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_slow_start_or_stop_holds_up_nobody_else() {
    let stage = Stage::new();
    let supervisor = DynamicSupervisor::builder().start().unwrap();
    let stopping = supervisor
        .start_child(slow(secs(4), Shutdown::Infinity))
        .await
        .unwrap()
        .child()
        .unwrap()
        .clone();
    let late = ChildSpec::new("late", async |_ctx| {
        tokio::time::sleep(secs(10)).await;
        Ok::<_, StartError>(Child::task(std::future::pending::<()>()))
    });
    let before = Instant::now();
    let starting = supervisor.start_child(late);
    let terminated = supervisor.terminate_child(&stopping);
    supervisor.start_child(stage.actor("quick")).await.unwrap();
    assert_eq!(before.elapsed(), Duration::ZERO);
    terminated.await.unwrap();
    assert_eq!(before.elapsed().as_secs(), 4);
    assert!(starting.await.unwrap().child().is_some());
    assert_eq!(before.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn case_120_to_122_restart_types() {
    let stage = Stage::new();
    let supervisor = DynamicSupervisor::builder()
        .intensity(9, secs(5))
        .start()
        .unwrap();
    supervisor
        .start_child(stage.actor("temporary").restart(Restart::Temporary))
        .await
        .unwrap();
    supervisor
        .start_child(stage.actor("transient").restart(Restart::Transient))
        .await
        .unwrap();
    supervisor.start_child(stage.actor("permanent")).await.unwrap();
    assert_eq!(dynamic_counts(&supervisor).await, [3, 3, 0, 3]);
    for (id, reason, specs) in [
        ("temporary", boom(), 2),
        ("transient", boom(), 2),
        ("transient", ExitReason::shutdown_with("x"), 1),
        ("permanent", ExitReason::Normal, 1),
    ] {
        stage.take_log();
        stage.end(id, reason);
        while !stage.log().contains(&format!("-{id}")) {
            tokio::task::yield_now().await;
        }
        while dynamic_counts(&supervisor).await != [specs, specs, 0, specs] {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn case_126_restarts_that_always_fail_end_the_supervisor() {
    for intensity in [1, 10] {
        let supervisor = DynamicSupervisor::builder()
            .intensity(intensity, secs(60))
            .start()
            .unwrap();
        let spec = ChildSpec::new("a", |ctx: Ctx| async move {
            if ctx.restarts() > 0 {
                return Err(StartError::failed("no"));
            }
            Ok(Child::task(async { Err::<(), _>("boom") }))
        });
        supervisor.start_child(spec).await.unwrap();
        assert_eq!(supervisor.exited().await, ExitReason::Shutdown);
    }
}

/// Comes up once; all its restarts fail.
fn once(id: &str) -> ChildSpec {
    ChildSpec::new(id, |ctx: Ctx| async move {
        if ctx.restarts() > 0 {
            return Err(StartError::failed("no"));
        }
        Ok(Child::task(async { Err::<(), _>("boom") }))
    })
}

#[tokio::test(start_paused = true)]
async fn a_child_whose_restarts_fail_is_shown_and_terminated_by_its_last_run() {
    let supervisor = DynamicSupervisor::builder().start().unwrap();
    let backoff = Backoff::new(secs(1), secs(1)).jitter_percent(0);
    let spec = once("a").backoff(backoff).budget(Intensity::new(100, secs(1)));
    let child = supervisor
        .start_child(spec)
        .await
        .unwrap()
        .child()
        .unwrap()
        .clone();
    tokio::time::sleep(Duration::from_millis(3_500)).await;
    let shown = supervisor.which_children().await.unwrap().remove(0);
    assert!(shown.restarts >= 3, "{shown:?}");
    assert_eq!(shown.state, ChildState::Restarting(Some(child.clone())));
    assert_eq!(dynamic_counts(&supervisor).await, [1, 0, 0, 1]);
    assert_eq!(supervisor.terminate_child(&child).await, Ok(()));
    assert_eq!(dynamic_counts(&supervisor).await, [0; 4]);
}

#[tokio::test(start_paused = true)]
async fn a_restart_under_way_is_shown_as_restarting_and_is_terminated_by_the_last_run() {
    let supervisor = DynamicSupervisor::builder().start().unwrap();
    let spec = ChildSpec::new("a", |ctx: Ctx| async move {
        if ctx.restarts() > 0 {
            std::future::pending::<()>().await;
        }
        Ok::<_, StartError>(Child::task(async { Err::<(), _>("boom") }))
    });
    let child = supervisor
        .start_child(spec)
        .await
        .unwrap()
        .child()
        .unwrap()
        .clone();
    tokio::time::sleep(secs(1)).await;
    let shown = supervisor.which_children().await.unwrap().remove(0);
    assert_eq!(shown.state, ChildState::Restarting(Some(child.clone())));
    assert_eq!(dynamic_counts(&supervisor).await, [1, 0, 0, 1]);
    assert_eq!(supervisor.terminate_child(&child).await, Ok(()));
    assert_eq!(dynamic_counts(&supervisor).await, [0; 4]);
}

#[tokio::test(start_paused = true)]
async fn a_stopping_child_is_shown_as_such_and_its_place_may_be_taken() {
    let supervisor = DynamicSupervisor::builder().max_children(1).start().unwrap();
    let first = supervisor.start_child(slow(secs(3), Shutdown::Infinity));
    let first = first.await.unwrap().child().unwrap().clone();
    let terminated = supervisor.terminate_child(&first);
    let shown = supervisor.which_children().await.unwrap().remove(0);
    assert_eq!(shown.state, ChildState::Stopping(first));
    let second = supervisor.start_child(slow(secs(0), Shutdown::Infinity)).await;
    assert!(second.unwrap().child().is_some());
    terminated.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_start_that_fails_at_once_keeps_no_place_from_the_next() {
    let stage = Stage::new();
    let supervisor = DynamicSupervisor::builder().max_children(1).start().unwrap();
    let failing = ChildSpec::new("bad", async |_ctx| Err::<Child, _>(StartError::Failed(boom())));
    let failed = supervisor.start_child(failing);
    let started = supervisor.start_child(stage.actor("good"));
    let refused = supervisor.start_child(stage.actor("one too many"));
    assert_eq!(failed.await.unwrap_err(), StartChildError::Failed(boom()));
    assert!(started.await.unwrap().child().is_some());
    assert_eq!(refused.await.unwrap_err(), StartChildError::MaxChildren);
}
