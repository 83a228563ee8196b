use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use ordu_supervisor::{
    ChildSpec, ChildState, Ctx, Event, ExitReason, Report, Restart, Shutdown, Supervisor, TerminateChildError,
};

use crate::support::{Stage, Tell, restarted, running, secs, state, until};

fn ended(event: &Event) -> Option<ExitReason> {
    match event {
        Event::Report(Report::ChildTerminated(_, reason)) => Some(reason.clone()),
        _ => None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_plain_future_is_dropped_where_it_stands_and_counts_as_shut_down() {
    let stage = Stage::new();
    let held = stage.clone();
    let spec = ChildSpec::task("a", move |_ctx| {
        let tell = Tell(held.clone(), "dropped");
        async move {
            let _tell = tell;
            std::future::pending::<()>().await;
        }
    });
    let supervisor = Supervisor::builder().child(spec).start().await.unwrap();
    let mut events = supervisor.subscribe();
    supervisor.terminate_child("a").await.unwrap();
    assert_eq!(stage.log(), ["dropped"]);
    supervisor.stop().await.unwrap();
    while let Some(event) = events.next().await {
        assert!(
            !matches!(event, Event::Report(Report::ShutdownError(..))),
            "{event:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_caught_reported_with_its_message_and_the_child_restarted() {
    let stage = Stage::new();
    let spec = ChildSpec::task("a", async |ctx: Ctx| {
        if ctx.restarts() == 0 {
            tokio::time::sleep(secs(1)).await;
            panic!("no more {}", "coffee");
        }
        std::future::pending::<()>().await;
    });
    let supervisor = Supervisor::builder()
        .child(spec)
        .child(stage.actor("b"))
        .start()
        .await
        .unwrap();
    let mut events = supervisor.subscribe();
    let first = running(&supervisor, "a").await.unwrap();
    assert_eq!(
        until(&mut events, ended).await,
        ExitReason::Panic("no more coffee".to_owned())
    );
    restarted(&supervisor, &first).await;
    assert_eq!(stage.log(), ["+b"]);
}

#[tokio::test(start_paused = true)]
async fn a_panic_while_a_future_is_dropped_is_reported() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in drop");
        }
    }
    let spec = ChildSpec::task("a", |_ctx| {
        let bomb = Bomb;
        async move {
            let _bomb = bomb;
            std::future::pending::<()>().await;
        }
    });
    let supervisor = Supervisor::builder().child(spec).start().await.unwrap();
    let mut events = supervisor.subscribe();
    supervisor.terminate_child("a").await.unwrap();
    let reason = until(&mut events, |event| match event {
        Event::Report(Report::ShutdownError(_, reason)) => Some(reason.clone()),
        _ => None,
    });
    assert_eq!(reason.await, ExitReason::Panic("in drop".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn helpers_spawned_by_a_child_are_gone_before_it_counts_as_ended() {
    let stage = Stage::new();
    let held = stage.clone();
    let spec = ChildSpec::task("a", move |ctx: Ctx| {
        let tell = Tell(held.clone(), "helper gone");
        async move {
            ctx.spawn(async move {
                let _tell = tell;
                std::future::pending::<()>().await;
            });
            std::future::pending::<()>().await;
        }
    });
    let supervisor = Supervisor::builder().child(spec).start().await.unwrap();
    tokio::time::sleep(secs(1)).await;
    supervisor.terminate_child("a").await.unwrap();
    assert_eq!(stage.take_log(), ["helper gone"]);
}

#[tokio::test(start_paused = true)]
async fn helpers_end_with_a_child_that_ends_by_itself() {
    let stage = Stage::new();
    let held = stage.clone();
    let spec = ChildSpec::task("a", move |ctx: Ctx| {
        let tell = Tell(held.clone(), "helper gone");
        async move {
            ctx.spawn(async move {
                let _tell = tell;
                std::future::pending::<()>().await;
            });
            tokio::time::sleep(secs(1)).await;
        }
    });
    let supervisor = Supervisor::builder()
        .child(spec.restart(Restart::Temporary))
        .start()
        .await
        .unwrap();
    while state(&supervisor, "a").await.is_some() {
        tokio::time::sleep(secs(1)).await;
    }
    assert_eq!(stage.log(), ["helper gone"]);
}

#[tokio::test]
async fn a_thread_stops_when_its_signal_says_so() {
    let stage = Stage::new();
    let held = stage.clone();
    let spec = ChildSpec::thread("blocking", move |_ctx, stop| {
        held.note("+blocking");
        while !stop.wait_timeout(secs(60)) {}
        held.note("-blocking");
    });
    let supervisor = Supervisor::builder().child(spec).start().await.unwrap();
    supervisor.stop().await.unwrap();
    assert_eq!(stage.log(), ["+blocking", "-blocking"]);
}

#[tokio::test]
async fn a_thread_that_panics_is_restarted() {
    let runs = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&runs);
    let spec = ChildSpec::thread("blocking", move |_ctx, stop| {
        assert!(counted.fetch_add(1, Ordering::SeqCst) > 0, "the first run fails");
        while !stop.wait_timeout(secs(60)) {}
    });
    let supervisor = Supervisor::builder().child(spec).start().await.unwrap();
    while runs.load(Ordering::SeqCst) < 2 {
        tokio::task::yield_now().await;
    }
    supervisor.stop().await.unwrap();
}

/// Holds its thread until it is released, deaf to everything.
fn deaf(released: &Arc<AtomicBool>) -> ChildSpec {
    let released = Arc::clone(released);
    ChildSpec::thread("deaf", move |_ctx, _stop| {
        while !released.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
    })
    .shutdown(Shutdown::Timeout(Duration::from_millis(10)))
    .kill_grace(Duration::from_millis(10))
}

#[tokio::test]
async fn what_cannot_be_killed_becomes_a_zombie_that_holds_its_id_until_it_ends() {
    let released = Arc::new(AtomicBool::new(false));
    let supervisor = Supervisor::builder()
        .child(deaf(&released))
        .start()
        .await
        .unwrap();
    let mut events = supervisor.subscribe();
    let child = running(&supervisor, "deaf").await.unwrap();
    let error = supervisor.terminate_child("deaf").await.unwrap_err();
    assert_eq!(error, TerminateChildError::Zombie(child.clone()));
    let zombie = until(&mut events, |event| match event {
        Event::Zombie(child) => Some(child.clone()),
        _ => None,
    });
    assert_eq!(zombie.await, child);
    assert_eq!(state(&supervisor, "deaf").await, Some(ChildState::Zombie(child)));
    let counts = supervisor.count_children().await.unwrap();
    assert_eq!((counts.active, counts.zombies), (0, 1));
    assert!(supervisor.restart_child("deaf").await.is_err());

    released.store(true, Ordering::SeqCst);
    while state(&supervisor, "deaf").await != Some(ChildState::Undefined) {
        tokio::task::yield_now().await;
    }
    supervisor.delete_child("deaf").await.unwrap();
}

#[tokio::test]
async fn a_supervisor_that_ends_lists_the_zombies_it_leaves() {
    let released = Arc::new(AtomicBool::new(false));
    let supervisor = Supervisor::builder()
        .child(deaf(&released))
        .start()
        .await
        .unwrap();
    let mut events = supervisor.subscribe();
    supervisor.stop().await.unwrap();
    let zombies = until(&mut events, |event| match event {
        Event::Exited { zombies, .. } => Some(zombies.clone()),
        _ => None,
    });
    assert_eq!(zombies.await.len(), 1);
    released.store(true, Ordering::SeqCst);
}

#[tokio::test(start_paused = true)]
async fn a_start_that_takes_too_long_is_aborted_and_fails() {
    use ordu_supervisor::{Child, StartChildError, StartError};
    let stage = Stage::new();
    let held = stage.clone();
    let spec = ChildSpec::new("slow", move |_ctx| {
        let tell = Tell(held.clone(), "start dropped");
        async move {
            let _tell = tell;
            std::future::pending::<Result<Child, StartError>>().await
        }
    })
    .start_timeout(secs(3));
    let supervisor = Supervisor::builder().start().await.unwrap();
    let before = tokio::time::Instant::now();
    let error = supervisor.start_child(spec).await.unwrap_err();
    assert_eq!(error, StartChildError::Failed(ExitReason::StartTimeout));
    assert_eq!(before.elapsed().as_secs(), 3);
    assert_eq!(stage.log(), ["start dropped"]);
}

#[tokio::test(start_paused = true)]
async fn a_panic_while_a_spec_is_dropped_does_not_end_the_supervisor() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in drop");
        }
    }
    let bomb = Arc::new(Bomb);
    let spec = ChildSpec::task("a", move |_ctx| {
        let _held = &bomb;
        std::future::pending::<()>()
    });
    let supervisor = Supervisor::builder().child(spec).start().await.unwrap();
    supervisor.terminate_child("a").await.unwrap();
    supervisor.delete_child("a").await.unwrap();
    assert_eq!(supervisor.count_children().await.unwrap().specs, 0);
    supervisor.stop().await.unwrap();
}
