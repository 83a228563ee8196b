use std::time::Duration;

use ordu_supervisor::{ChildSpec, Ctx, Event, ExitReason, IntoExit, Report, Shutdown, StopError, Supervisor};
use tokio::time::Instant;

use crate::support::{Stage, boom, secs, until};

/// A child that does not care whether it is asked to stop.
fn stubborn(id: &str) -> ChildSpec {
    ChildSpec::trapping(id, async |_ctx| std::future::pending::<()>().await)
}

/// A child that needs this long to stop.
fn slow(id: &str, needs: Duration) -> ChildSpec {
    ChildSpec::trapping(id, move |ctx: Ctx| async move {
        ctx.stopped().await;
        tokio::time::sleep(needs).await;
    })
}

#[tokio::test(start_paused = true)]
async fn case_089_a_child_that_takes_too_long_is_killed_and_that_is_reported() {
    let limit = Shutdown::Timeout(secs(1));
    let children = [
        stubborn("busy").shutdown(limit),
        slow("good", Duration::ZERO).shutdown(limit),
    ];
    let supervisor = Supervisor::builder().children(children).start().await.unwrap();
    let mut events = supervisor.subscribe();
    let before = Instant::now();
    supervisor.stop().await.unwrap();
    assert_eq!(before.elapsed().as_secs(), 1);
    let told = until(&mut events, |event| match event {
        Event::Report(Report::ShutdownError(offender, reason)) => {
            Some((offender.key.clone(), reason.clone()))
        }
        _ => None,
    });
    assert_eq!(told.await, ("busy".into(), ExitReason::Killed));
}

#[tokio::test(start_paused = true)]
async fn children_are_stopped_one_at_a_time_in_reverse() {
    let limit = Shutdown::Timeout(Duration::from_millis(200));
    let children = ["a", "b", "c"].map(|id| stubborn(id).shutdown(limit));
    let supervisor = Supervisor::builder().children(children).start().await.unwrap();
    let before = Instant::now();
    supervisor.stop().await.unwrap();
    let took = before.elapsed().as_millis();
    assert!((600..620).contains(&took), "{took} ms");
}

#[tokio::test(start_paused = true)]
async fn case_088_infinity_waits_as_long_as_it_takes() {
    let spec = slow("a", secs(1_000_000)).shutdown(Shutdown::Infinity);
    let supervisor = Supervisor::builder().child(spec).start().await.unwrap();
    let before = Instant::now();
    supervisor.stop().await.unwrap();
    assert_eq!(before.elapsed().as_secs(), 1_000_000);
}

#[tokio::test(start_paused = true)]
async fn case_090_brutal_kill_does_not_ask() {
    let stage = Stage::new();
    let spec = stage.actor("a").shutdown(Shutdown::BrutalKill);
    let supervisor = Supervisor::builder().child(spec).start().await.unwrap();
    supervisor.stop().await.unwrap();
    assert_eq!(stage.log(), ["+a"]);
}

#[tokio::test(start_paused = true)]
async fn case_095_the_supervisor_ends_with_the_reason_it_was_given() {
    for reason in [
        ExitReason::Normal,
        ExitReason::Shutdown,
        ExitReason::shutdown_with("q"),
        boom(),
    ] {
        let stage = Stage::new();
        let supervisor = Supervisor::builder()
            .child(stage.actor("a"))
            .start()
            .await
            .unwrap();
        supervisor.stop_with(reason.clone(), None).await.unwrap();
        assert_eq!(supervisor.exited().await, reason);
        assert_eq!(stage.log(), ["+a", "-a"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_with_a_limit_that_passes_goes_on() {
    let supervisor = Supervisor::builder()
        .child(slow("a", secs(3)))
        .start()
        .await
        .unwrap();
    let outcome = supervisor.stop_with(ExitReason::Normal, Some(secs(1))).await;
    assert_eq!(outcome, Err(StopError::Timeout));
    assert_eq!(supervisor.exited().await, ExitReason::Normal);
}

#[tokio::test(start_paused = true)]
async fn a_stop_aborts_a_start_that_never_ends() {
    use ordu_supervisor::{Child, StartChildError, StartError};
    let supervisor = Supervisor::builder().start().await.unwrap();
    let never = ChildSpec::new("never", async |_ctx| {
        std::future::pending::<Result<Child, StartError>>().await
    });
    let starting = supervisor.start_child(never);
    let queued = supervisor.count_children();
    supervisor.stop().await.unwrap();
    assert_eq!(starting.await.unwrap_err(), StartChildError::SupervisorGone);
    assert!(queued.await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_killed_supervisor_kills_all_its_children_and_ends_as_killed() {
    let children = ["a", "b"].map(|id| stubborn(id).shutdown(Shutdown::Infinity));
    let supervisor = Supervisor::builder().children(children).start().await.unwrap();
    supervisor.kill();
    assert_eq!(supervisor.exited().await, ExitReason::Killed);
}

#[tokio::test(start_paused = true)]
async fn dropping_handles_ends_nothing_and_dropping_the_owner_ends_all() {
    let supervisor = Supervisor::builder().child(stubborn("a")).start().await.unwrap();
    let owner = supervisor.kill_on_drop();
    let exited = supervisor.exited();
    drop(supervisor.clone());
    assert_eq!(supervisor.count_children().await.unwrap().active, 1);
    drop(supervisor);
    drop(owner);
    assert_eq!(exited.await, ExitReason::Killed);
}

/// Notes, when it is dropped, whether its child had been asked to stop.
struct NotesWhetherAsked(Ctx, Stage);

impl Drop for NotesWhetherAsked {
    fn drop(&mut self) {
        self.1.note(if self.0.is_stopping() {
            "asked"
        } else {
            "not asked"
        });
    }
}

#[tokio::test(start_paused = true)]
async fn a_brutal_kill_does_not_ask_first_and_a_timeout_of_zero_does() {
    for (shutdown, noted) in [
        (Shutdown::BrutalKill, "not asked"),
        (Shutdown::Timeout(Duration::ZERO), "asked"),
    ] {
        let stage = Stage::new();
        let held = stage.clone();
        let spec = ChildSpec::trapping("a", move |ctx: Ctx| {
            let notes = NotesWhetherAsked(ctx.clone(), held.clone());
            async move {
                let _notes = notes;
                ctx.stopped().await;
                std::future::pending::<()>().await;
            }
        });
        let supervisor = Supervisor::builder()
            .child(spec.shutdown(shutdown))
            .start()
            .await
            .unwrap();
        supervisor.terminate_child("a").await.unwrap();
        assert_eq!(stage.log(), [noted]);
    }
}

#[tokio::test]
async fn a_thread_that_is_killed_is_at_least_asked() {
    let spec = ChildSpec::thread("a", |_ctx, stop| while !stop.wait_timeout(secs(60)) {});
    let supervisor = Supervisor::builder()
        .child(spec.shutdown(Shutdown::BrutalKill))
        .start()
        .await
        .unwrap();
    assert_eq!(supervisor.terminate_child("a").await, Ok(()));
}

/// What is reported about a permanent child that ends like this when it is asked to stop.
async fn reported_of_a_child_that_ends_with<T: IntoExit + Clone + Send + Sync + 'static>(
    value: T,
) -> Option<ExitReason> {
    let spec = ChildSpec::trapping("a", move |ctx: Ctx| {
        let value = value.clone();
        async move {
            ctx.stopped().await;
            value
        }
    });
    let supervisor = Supervisor::builder().child(spec).start().await.unwrap();
    let mut events = supervisor.subscribe();
    supervisor.stop().await.unwrap();
    while let Some(event) = events.next().await {
        if let Event::Report(Report::ShutdownError(_, reason)) = event {
            return Some(reason);
        }
    }
    None
}

#[tokio::test(start_paused = true)]
async fn a_normal_end_that_is_spelled_out_stays_normal_in_a_stop_and_is_reported() {
    assert_eq!(
        reported_of_a_child_that_ends_with(ExitReason::Normal).await,
        Some(ExitReason::Normal)
    );
    assert_eq!(
        reported_of_a_child_that_ends_with(Ok::<_, String>(ExitReason::Normal)).await,
        Some(ExitReason::Normal)
    );
    assert_eq!(reported_of_a_child_that_ends_with(()).await, None);
    assert_eq!(
        reported_of_a_child_that_ends_with(Ok::<_, String>(())).await,
        None
    );
    assert_eq!(
        reported_of_a_child_that_ends_with(ExitReason::Shutdown).await,
        None
    );
}
