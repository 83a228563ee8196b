use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ordu_supervisor::{
    AutoShutdown, Child, ChildSpec, Ctx, DynamicSupervisor, ExitReason, Restart, ShutdownInfo, StartError,
    StartSupervisorError, Supervisor,
};

use crate::support::{Stage, boom, counts, restarted, running, secs, state};

#[tokio::test(start_paused = true)]
async fn case_066_and_067_a_tree_of_supervisors() {
    let stage = Stage::new();
    let branch = |name: &'static str| {
        let stage = stage.clone();
        ChildSpec::supervisor(name, move || {
            Supervisor::builder()
                .intensity(10, secs(5))
                .child(stage.actor(&format!("{name}-worker")))
        })
    };
    let supervisor = Supervisor::builder()
        .children(["x", "y", "z"].map(branch))
        .start()
        .await
        .unwrap();
    let before = [running(&supervisor, "x").await, running(&supervisor, "y").await];
    stage.end("x-worker", boom());
    while stage.log().iter().filter(|line| *line == "+x-worker").count() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        [running(&supervisor, "x").await, running(&supervisor, "y").await],
        before
    );
    supervisor.terminate_child("z").await.unwrap();
    assert_eq!(counts(&supervisor).await, [3, 2, 3, 0]);
    stage.take_log();
    supervisor.stop().await.unwrap();
    assert_eq!(stage.log(), ["-y-worker", "-x-worker"]);
}

#[tokio::test(start_paused = true)]
async fn case_013_a_start_that_fails_deep_in_the_tree_reaches_the_top() {
    let inner = || {
        Supervisor::builder().child(ChildSpec::new("leaf", async |_ctx| {
            Err::<Child, _>(StartError::Failed(boom()))
        }))
    };
    let error = Supervisor::builder()
        .child(ChildSpec::supervisor("branch", inner))
        .start()
        .await
        .unwrap_err();
    let StartSupervisorError::FailedToStartChild { id, reason } = error else {
        panic!("{error}")
    };
    assert_eq!(id, "branch");
    let info = ShutdownInfo::FailedToStartChild {
        id: "leaf".to_owned(),
        reason: Box::new(boom()),
    };
    assert_eq!(reason, ExitReason::ShutdownWith(info));
}

#[tokio::test(start_paused = true)]
async fn a_child_supervisor_that_gives_up_is_restarted_if_permanent_and_not_if_transient() {
    let stage = Stage::new();
    let branch = |name: &'static str, restart| {
        let stage = stage.clone();
        let build = move || {
            Supervisor::builder()
                .intensity(0, secs(5))
                .child(stage.actor(name))
        };
        ChildSpec::supervisor(name, build).restart(restart)
    };
    let children = [
        branch("permanent", Restart::Permanent),
        branch("transient", Restart::Transient),
    ];
    let supervisor = Supervisor::builder().children(children).start().await.unwrap();
    let permanent = running(&supervisor, "permanent").await.unwrap();
    stage.end("permanent", boom());
    restarted(&supervisor, &permanent).await;
    stage.end("transient", boom());
    while running(&supervisor, "transient").await.is_some() {
        tokio::task::yield_now().await;
    }
    assert_eq!(counts(&supervisor).await, [2, 1, 2, 0]);
}

#[tokio::test(start_paused = true)]
async fn auto_shutdown_chains_up_the_tree() {
    let stage = Stage::new();
    let actors = stage.clone();
    let inner = move || {
        Supervisor::builder()
            .auto_shutdown(AutoShutdown::AllSignificant)
            .child(actors.actor("leaf").restart(Restart::Transient).significant(true))
    };
    let branch = ChildSpec::supervisor("branch", inner)
        .restart(Restart::Transient)
        .significant(true);
    let supervisor = Supervisor::builder()
        .auto_shutdown(AutoShutdown::AnySignificant)
        .child(branch)
        .start()
        .await
        .unwrap();
    stage.end("leaf", ExitReason::Normal);
    assert_eq!(supervisor.exited().await, ExitReason::Shutdown);
}

#[tokio::test(start_paused = true)]
async fn a_kill_reaches_the_leaves_through_every_level() {
    struct Gone(Arc<AtomicBool>);
    impl Drop for Gone {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let gone = Arc::new(AtomicBool::new(false));
    let held = Arc::clone(&gone);
    let leaf = ChildSpec::trapping("leaf", move |_ctx: Ctx| {
        let gone = Gone(Arc::clone(&held));
        async move {
            let _gone = gone;
            std::future::pending::<()>().await;
        }
    });
    let inner = move || Supervisor::builder().child(leaf.clone());
    let outer = move || Supervisor::builder().child(ChildSpec::supervisor("inner", inner.clone()));
    let supervisor = Supervisor::builder()
        .child(ChildSpec::supervisor("outer", outer))
        .start()
        .await
        .unwrap();
    supervisor.kill();
    assert_eq!(supervisor.exited().await, ExitReason::Killed);
    assert!(gone.load(Ordering::SeqCst));
}

#[tokio::test(start_paused = true)]
async fn a_dynamic_supervisor_can_be_a_child() {
    let spec = ChildSpec::new("pool", async |_ctx| {
        let pool = DynamicSupervisor::builder().start().map_err(StartError::failed)?;
        Ok::<_, StartError>(Child::supervisor(pool))
    });
    let supervisor = Supervisor::builder().child(spec).start().await.unwrap();
    supervisor.terminate_child("pool").await.unwrap();
    assert_eq!(
        state(&supervisor, "pool").await,
        Some(ordu_supervisor::ChildState::Undefined)
    );
}

#[tokio::test(start_paused = true)]
async fn a_linked_supervisor_dies_with_the_child_that_started_it() {
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let spec = ChildSpec::new("owner", move |ctx: Ctx| {
        let sender = sender.clone();
        async move {
            let private = Supervisor::builder().start_link(&ctx).await?;
            sender.send(private).unwrap();
            Ok::<_, StartError>(Child::task(std::future::pending::<()>()))
        }
    });
    let supervisor = Supervisor::builder().child(spec).start().await.unwrap();
    let private = receiver.recv().await.unwrap();
    assert!(private.count_children().await.is_ok());
    supervisor.terminate_child("owner").await.unwrap();
    assert_eq!(private.exited().await, ExitReason::Killed);
}
