use std::time::Duration;

use ordu_supervisor::{
    Child, ChildSpec, ChildState, Ctx, DynamicSupervisor, ExitReason, Restart, Shutdown, SpecError,
    StartChildError, StartError, Started, TerminateChildError,
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
