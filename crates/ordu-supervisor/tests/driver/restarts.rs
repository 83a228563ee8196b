use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ordu_supervisor::{
    AutoShutdown, Backoff, Child, ChildSpec, ChildState, Event, ExitReason, Intensity, Report, Restart,
    RestartChildError, StartChildError, StartError, Strategy, Supervisor,
};

use crate::support::{Stage, boom, counts, restarted, running, secs, state, until};

#[tokio::test(start_paused = true)]
async fn case_047_to_053_restart_types() {
    let stage = Stage::new();
    let supervisor = Supervisor::builder()
        .intensity(100, secs(5))
        .start()
        .await
        .unwrap();
    let reasons = [
        ExitReason::Normal,
        ExitReason::Shutdown,
        ExitReason::shutdown_with("x"),
        boom(),
    ];
    for restart in [Restart::Permanent, Restart::Transient, Restart::Temporary] {
        for reason in &reasons {
            let mut events = supervisor.subscribe();
            let spec = stage.actor("a").restart(restart);
            let child = supervisor
                .start_child(spec)
                .await
                .unwrap()
                .child()
                .unwrap()
                .clone();
            // Known to have an ear before it is told to end.
            while !stage.take_log().contains(&"+a".to_owned()) {}
            stage.end("a", reason.clone());
            if restart.applies_to(reason) {
                until(&mut events, |event| match event {
                    Event::Report(Report::ChildTerminated(_, told)) if told == reason => Some(()),
                    _ => None,
                })
                .await;
                restarted(&supervisor, &child).await;
            } else {
                let expected = (restart != Restart::Temporary).then_some(ChildState::Undefined);
                while state(&supervisor, "a").await != expected {
                    tokio::task::yield_now().await;
                }
            }
            supervisor.terminate_child("a").await.ok();
            supervisor.delete_child("a").await.ok();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn case_060_one_for_all_stops_in_reverse_and_starts_in_order() {
    let stage = Stage::new();
    let children = ["a", "b", "c"].map(|id| stage.actor(id));
    let builder = Supervisor::builder()
        .strategy(Strategy::OneForAll)
        .children(children);
    let supervisor = builder.start().await.unwrap();
    let c = running(&supervisor, "c").await.unwrap();
    stage.take_log();
    stage.end("b", boom());
    restarted(&supervisor, &c).await;
    assert_eq!(stage.log(), ["-b", "-c", "-a", "+a", "+b", "+c"]);
}

#[tokio::test(start_paused = true)]
async fn case_064_rest_for_one_leaves_those_before_alone() {
    let stage = Stage::new();
    let children = ["2", "1", "5", "4", "3"].map(|id| stage.actor(id));
    let builder = Supervisor::builder()
        .strategy(Strategy::RestForOne)
        .children(children);
    let supervisor = builder.start().await.unwrap();
    let last = running(&supervisor, "3").await.unwrap();
    stage.take_log();
    stage.end("5", boom());
    restarted(&supervisor, &last).await;
    assert_eq!(stage.log(), ["-5", "-3", "-4", "+5", "+4", "+3"]);
}

#[tokio::test(start_paused = true)]
async fn case_071_crashes_further_apart_than_the_period_are_forgiven_for_ever() {
    let stage = Stage::new();
    let supervisor = Supervisor::builder()
        .intensity(1, secs(1))
        .child(stage.actor("a"))
        .start()
        .await
        .unwrap();
    let mut child = running(&supervisor, "a").await.unwrap();
    for _ in 0..4 {
        stage.end("a", boom());
        child = restarted(&supervisor, &child).await;
        tokio::time::sleep(Duration::from_millis(2100)).await;
    }
    assert_eq!(counts(&supervisor).await, [1, 1, 0, 1]);
}

#[tokio::test(start_paused = true)]
async fn case_072_one_crash_too_many_ends_the_supervisor_which_says_that_it_gave_up() {
    let stage = Stage::new();
    let supervisor = Supervisor::builder()
        .intensity(2, secs(5))
        .children([stage.actor("a"), stage.actor("b")])
        .start()
        .await
        .unwrap();
    let mut events = supervisor.subscribe();
    let mut child = running(&supervisor, "a").await.unwrap();
    for _ in 0..2 {
        stage.end("a", boom());
        child = restarted(&supervisor, &child).await;
    }
    stage.take_log();
    stage.end("a", boom());
    assert_eq!(supervisor.exited().await, ExitReason::Shutdown);
    assert_eq!(stage.log(), ["-a", "-b"]);
    let gave_up = until(&mut events, |event| match event {
        Event::Exited { gave_up, .. } => Some(*gave_up),
        _ => None,
    });
    assert!(gave_up.await);
}

/// A child that starts fine the first `good` times only, and crashes after it ran this long.
fn fragile(id: &str, starts: &Arc<AtomicU32>, good: u32, runs: Duration) -> ChildSpec {
    let starts = Arc::clone(starts);
    ChildSpec::new(id, move |_ctx| {
        let fine = starts.fetch_add(1, Ordering::SeqCst) < good;
        async move {
            if fine {
                Ok(Child::task(async move {
                    tokio::time::sleep(runs).await;
                    Err::<(), _>("boom")
                }))
            } else {
                Err(StartError::failed("no"))
            }
        }
    })
}

#[tokio::test(start_paused = true)]
async fn case_083_a_restart_that_always_fails_is_tried_as_often_as_the_intensity_allows() {
    for intensity in [0, 1, 2, 4, 10] {
        let starts = Arc::new(AtomicU32::new(0));
        let builder = Supervisor::builder()
            .intensity(intensity, secs(60))
            .child(fragile("a", &starts, 1, Duration::ZERO));
        let supervisor = builder.start().await.unwrap();
        assert_eq!(supervisor.exited().await, ExitReason::Shutdown);
        assert_eq!(starts.load(Ordering::SeqCst), 1 + intensity);
    }
}

#[tokio::test(start_paused = true)]
async fn case_077_to_079_calls_are_served_between_the_attempts_of_a_restart_loop() {
    let starts = Arc::new(AtomicU32::new(0));
    let supervisor = Supervisor::builder()
        .intensity(u32::MAX, secs(60))
        .child(fragile("a", &starts, 1, Duration::ZERO))
        .start()
        .await
        .unwrap();
    while !matches!(state(&supervisor, "a").await, Some(ChildState::Restarting(_))) {
        tokio::task::yield_now().await;
    }
    let again = supervisor
        .start_child(fragile("a", &starts, 1, Duration::ZERO))
        .await;
    assert_eq!(again.unwrap_err(), StartChildError::AlreadyPresent);
    assert_eq!(
        supervisor.restart_child("a").await.unwrap_err(),
        RestartChildError::Restarting
    );
    assert!(supervisor.delete_child("a").await.is_err());
    assert_eq!(counts(&supervisor).await, [1, 0, 0, 1]);
    supervisor.terminate_child("a").await.unwrap();
    assert_eq!(state(&supervisor, "a").await, Some(ChildState::Undefined));
    starts.store(0, Ordering::SeqCst);
    supervisor.restart_child("a").await.unwrap();
    supervisor.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_backoff_waits_and_is_cut_short_by_terminate_and_stop() {
    let starts = Arc::new(AtomicU32::new(0));
    let backoff = Backoff::new(secs(10), secs(100)).jitter_percent(0);
    let spec = fragile("a", &starts, u32::MAX, secs(1))
        .backoff(backoff)
        .budget(Intensity::new(5, secs(1_000)));
    let supervisor = Supervisor::builder()
        .intensity(0, secs(1))
        .child(spec)
        .start()
        .await
        .unwrap();
    let child = running(&supervisor, "a").await.unwrap();
    let before = tokio::time::Instant::now();
    tokio::time::sleep(secs(2)).await;
    assert!(matches!(
        state(&supervisor, "a").await,
        Some(ChildState::Restarting(Some(_)))
    ));
    while starts.load(Ordering::SeqCst) < 2 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(before.elapsed().as_secs(), 11);
    restarted(&supervisor, &child).await;
    tokio::time::sleep(secs(2)).await;
    supervisor.terminate_child("a").await.unwrap();
    tokio::time::sleep(secs(1_000)).await;
    assert_eq!(state(&supervisor, "a").await, Some(ChildState::Undefined));
    supervisor.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn case_100_and_101_a_significant_child_ends_its_supervisor() {
    for (restart, reason) in [
        (Restart::Transient, ExitReason::Normal),
        (Restart::Temporary, boom()),
    ] {
        let stage = Stage::new();
        let supervisor = Supervisor::builder()
            .auto_shutdown(AutoShutdown::AnySignificant)
            .children([
                stage.actor("a"),
                stage.actor("b").restart(restart).significant(true),
            ])
            .start()
            .await
            .unwrap();
        let mut events = supervisor.subscribe();
        stage.end("b", reason);
        assert_eq!(supervisor.exited().await, ExitReason::Shutdown);
        assert_eq!(stage.log(), ["+a", "+b", "-b", "-a"]);
        let who = until(&mut events, |event| match event {
            Event::AutoShutdown(id) => Some(id.clone()),
            _ => None,
        });
        assert_eq!(who.await, "b");
    }
}
