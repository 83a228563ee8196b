use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use ordu_supervisor::{
    Child, ChildSpec, ChildState, Ctx, DynamicSupervisor, ExitReason, Restart, RestartChildError,
    StartChildError, StartError, Started, Strategy, Supervisor,
};

use crate::support::{Stage, boom, running, secs, state};

#[tokio::test(start_paused = true)]
async fn a_running_child_is_restarted_now_and_alone_and_against_no_budget() {
    let stage = Stage::new();
    let supervisor = Supervisor::builder()
        .strategy(Strategy::OneForAll)
        .intensity(0, secs(5))
        .children(["a", "b"].map(|id| stage.actor(id)))
        .start()
        .await
        .unwrap();
    let first = running(&supervisor, "a").await.unwrap();
    stage.take_log();
    for _ in 0..10 {
        let renewed = supervisor.restart_child_now("a").await.unwrap();
        assert_eq!(running(&supervisor, "a").await.as_ref(), renewed.child());
    }
    assert!(running(&supervisor, "a").await.unwrap().incarnation() > first.incarnation());
    assert_eq!(stage.take_log(), ["-a", "+a"].repeat(10));

    supervisor.terminate_child("a").await.unwrap();
    supervisor.restart_child_now("a").await.unwrap();
    assert_eq!(
        supervisor.restart_child_now("nobody").await.unwrap_err(),
        RestartChildError::NotFound
    );
    supervisor.stop().await.unwrap();
    assert_eq!(
        supervisor.restart_child_now("a").await.unwrap_err(),
        RestartChildError::SupervisorGone
    );
}

#[tokio::test(start_paused = true)]
async fn a_temporary_child_is_not_restarted_by_order_and_runs_on() {
    let stage = Stage::new();
    let spec = || stage.actor("a").restart(Restart::Temporary);
    let supervisor = Supervisor::builder().child(spec()).start().await.unwrap();
    let error = supervisor.restart_child_now("a").await.unwrap_err();
    assert_eq!(error, RestartChildError::Temporary);
    assert!(running(&supervisor, "a").await.is_some());

    let supervisor = DynamicSupervisor::builder().start().unwrap();
    let started = supervisor.start_child(spec()).await.unwrap();
    let error = supervisor
        .restart_child_now(started.child().unwrap())
        .await
        .unwrap_err();
    assert_eq!(error, RestartChildError::Temporary);
    assert_eq!(supervisor.count_children().await.unwrap().active, 1);
}

/// A child whose starts fail while `broken`.
fn fragile(broken: &Arc<AtomicBool>) -> ChildSpec {
    let broken = Arc::clone(broken);
    ChildSpec::new("a", move |_ctx| {
        let broken = broken.load(Ordering::SeqCst);
        async move {
            if broken {
                return Err(StartError::Failed(boom()));
            }
            Child::task(std::future::pending::<()>()).up()
        }
    })
}

#[tokio::test(start_paused = true)]
async fn a_restart_by_order_that_fails_says_so() {
    let broken = Arc::new(AtomicBool::new(false));
    let supervisor = Supervisor::builder()
        .child(fragile(&broken))
        .start()
        .await
        .unwrap();
    broken.store(true, Ordering::SeqCst);
    let error = supervisor.restart_child_now("a").await.unwrap_err();
    assert_eq!(error, RestartChildError::Failed(boom()));
    assert_eq!(state(&supervisor, "a").await, Some(ChildState::Undefined));
    broken.store(false, Ordering::SeqCst);
    supervisor.restart_child_now("a").await.unwrap();

    let supervisor = DynamicSupervisor::builder()
        .intensity(0, secs(5))
        .start()
        .unwrap();
    let started = supervisor.start_child(fragile(&broken)).await.unwrap();
    broken.store(true, Ordering::SeqCst);
    let error = supervisor
        .restart_child_now(started.child().unwrap())
        .await
        .unwrap_err();
    assert_eq!(error, RestartChildError::Failed(boom()));
    assert!(supervisor.exited().await.gave_up, "the retry counts");
}

#[tokio::test(start_paused = true)]
async fn a_dynamic_child_is_restarted_now_and_has_another_reference() {
    let stage = Stage::new();
    let supervisor = DynamicSupervisor::builder()
        .intensity(0, secs(5))
        .start()
        .unwrap();
    let started = supervisor.start_child(stage.actor("a")).await.unwrap();
    let first = started.child().unwrap();
    let calls = [
        supervisor.restart_child_now(first),
        supervisor.restart_child_now(first),
    ];
    let mut renewed = Vec::new();
    for call in calls {
        renewed.push(call.await.unwrap().child().unwrap().clone());
    }
    assert_eq!(
        renewed[0], renewed[1],
        "the second order found the first under way"
    );
    assert!(renewed[0].incarnation() > first.incarnation());
    assert_eq!(stage.log(), ["+a", "-a", "+a"]);
    assert_eq!(
        supervisor.restart_child_now(first).await.unwrap_err(),
        RestartChildError::NotFound
    );
    let terminated = supervisor.terminate_child(&renewed[0]);
    let renewal = supervisor.restart_child_now(&renewed[0]);
    terminated.await.unwrap();
    assert_eq!(renewal.await.unwrap_err(), RestartChildError::NotFound);
    assert_eq!(supervisor.count_children().await.unwrap().specs, 0);
}

#[tokio::test(start_paused = true)]
async fn a_first_start_into_which_a_restart_came_stays_the_first_for_both_callers() {
    // What becomes of the second call of the start function; the first hangs.
    let outcomes: [fn() -> Result<Started, StartError>; 3] = [
        || Err(StartError::Failed(boom())),
        || Ok(Started::Ignore),
        || Ok(Child::task(std::future::pending::<()>()).into()),
    ];
    for (left, outcome) in [0, 0, 1].into_iter().zip(outcomes) {
        let supervisor = DynamicSupervisor::builder().start().unwrap();
        let (hang, mut hangs) = tokio::sync::mpsc::unbounded_channel();
        let starts = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&starts);
        let spec = ChildSpec::new("a", move |ctx: Ctx| {
            let hang = hang.clone();
            let number = counted.fetch_add(1, Ordering::SeqCst);
            async move {
                if number == 0 {
                    hang.send(ctx.child()).unwrap();
                    std::future::pending::<()>().await;
                }
                outcome()
            }
        });
        let started = supervisor.start_child(spec);
        let child = hangs.recv().await.unwrap();
        let renewed = supervisor.restart_child_now(&child).await;
        let started = started.await;
        assert_eq!(supervisor.count_children().await.unwrap().specs, left);
        match (started, renewed) {
            (Ok(started), Ok(renewed)) => assert_eq!(started.child(), renewed.child()),
            (Err(started), Err(renewed)) => {
                assert_eq!(started, StartChildError::Failed(boom()));
                assert_eq!(renewed, RestartChildError::Failed(boom()));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(starts.load(Ordering::SeqCst), 2);
        supervisor.stop().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_child_that_would_be_renewed_by_its_own_call_is_told_so() {
    let supervisor = DynamicSupervisor::builder().start().unwrap();
    let asked = supervisor.clone();
    let (spec, answer) = ChildSpec::job("a", async move |ctx: Ctx| {
        match asked.restart_child_now(&ctx.child()).await {
            Err(error) => Ok(error),
            Ok(_) => Err(ExitReason::Normal),
        }
    });
    supervisor.start_child(spec).await.unwrap();
    assert_eq!(answer.await, Ok(RestartChildError::WouldDeadlock));
}

#[tokio::test(start_paused = true)]
async fn a_start_error_has_a_text_and_becomes_an_error_and_keeps_a_reason() {
    fn fails() -> Result<(), StartError> {
        Err(ExitReason::Killed)?
    }
    assert_eq!(fails(), Err(StartError::Failed(ExitReason::Killed)));
    let program = || -> Result<(), Box<dyn std::error::Error>> { Ok(fails()?) };
    assert_eq!(program().unwrap_err().to_string(), "killed");
    assert_eq!(StartError::failed("no").to_string(), "error: no");
}

#[cfg(feature = "tokio-util")]
#[tokio::test(start_paused = true)]
async fn a_stop_signal_as_a_token_is_cancelled_by_a_stop_and_by_the_end() {
    use tokio_util::sync::CancellationToken;

    let stage = Stage::new();
    let held = stage.clone();
    let (give, mut tokens) = tokio::sync::mpsc::unbounded_channel();
    let spec = ChildSpec::trapping("a", move |ctx: Ctx| {
        let (stage, give) = (held.clone(), give.clone());
        async move {
            let token = CancellationToken::from(ctx.stop_signal());
            assert!(!token.is_cancelled());
            give.send(token.clone()).unwrap();
            if ctx.restarts() == 0 {
                return Err("boom");
            }
            token.cancelled().await;
            stage.note("cancelled");
            Ok(())
        }
    });
    let supervisor = Supervisor::builder().child(spec).start().await.unwrap();
    tokens.recv().await.unwrap().cancelled().await;
    let second = tokens.recv().await.unwrap();
    assert!(!second.is_cancelled());
    supervisor.stop().await.unwrap();
    assert!(second.is_cancelled());
    assert_eq!(stage.log(), ["cancelled"]);
}
