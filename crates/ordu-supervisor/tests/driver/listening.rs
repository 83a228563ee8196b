use std::pin::Pin;
use std::sync::{Arc, Mutex};

use futures_core::Stream;
use ordu_supervisor::{
    Child, ChildSpec, ChildState, Ctx, DynamicSupervisor, Event, ExitReason, QueryError, Report, Restart,
    StartError, Strategy, Supervisor,
};
use tokio::sync::oneshot;

use crate::support::{Stage, boom, running, secs};

fn failing() -> ChildSpec {
    ChildSpec::task("failing", async |_ctx| Err::<(), _>("boom"))
}

#[tokio::test(start_paused = true)]
async fn giving_up_and_a_shutdown_have_one_reason_and_are_told_apart() {
    let supervisor = Supervisor::builder().child(failing()).start().await.unwrap();
    let gave_up = supervisor.exited().await;
    assert_eq!((&gave_up.reason, gave_up.gave_up), (&ExitReason::Shutdown, true));
    assert!(!gave_up.is_orderly());
    let error: Box<dyn std::error::Error> = gave_up.into_result().unwrap_err().into();
    assert_eq!(error.to_string(), "the supervisor gave up: too many restarts");

    let supervisor = DynamicSupervisor::builder().start().unwrap();
    supervisor.start_child(failing()).await.unwrap();
    assert!(supervisor.exited().await.gave_up);

    let supervisor = Supervisor::builder().start().await.unwrap();
    supervisor.stop_with(ExitReason::Shutdown, None).await.unwrap();
    let stopped = supervisor.exited().await;
    assert_eq!((&stopped.reason, stopped.gave_up), (&ExitReason::Shutdown, false));
    assert_eq!(stopped.into_result(), Ok(()));

    let supervisor = Supervisor::builder().start().await.unwrap();
    supervisor.kill();
    assert!(!supervisor.exited().await.is_orderly());
}

#[tokio::test(start_paused = true)]
async fn events_can_be_had_before_the_first_child_starts_also_when_the_start_fails() {
    let stage = Stage::new();
    let mut builder = Supervisor::builder()
        .child(stage.actor("a"))
        .child(ChildSpec::new("b", async |_ctx| {
            Err::<Child, _>(StartError::Failed(boom()))
        }));
    let mut events = builder.subscribe(64);
    builder.start().await.unwrap_err();
    let mut told = Vec::new();
    while let Some(event) = events.next().await {
        told.push(match event {
            Event::Report(Report::Progress(child)) => format!("{} up", child.key),
            Event::Report(Report::StartError(child, reason)) => format!("{} failed: {reason}", child.key),
            Event::Exited { gave_up, .. } => format!("ended, gave up: {gave_up}"),
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(told, ["a up", "b failed: error: boom", "ended, gave up: false"]);
}

#[tokio::test(start_paused = true)]
async fn a_clone_of_a_builder_does_not_tell_the_listeners_of_the_first() {
    let mut builder = Supervisor::builder().child(Stage::new().actor("a"));
    let mut events = builder.subscribe(64);
    let other = builder.clone().start().await.unwrap();
    drop(builder);
    assert_eq!(events.next().await, None);
    other.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_is_slower_than_its_bound_misses_the_oldest_and_is_told_how_many() {
    let stage = Stage::new();
    let supervisor = DynamicSupervisor::builder().start().unwrap();
    let mut bounded = supervisor.subscribe_with(2);
    let mut all = supervisor.subscribe();
    for id in ["a", "b", "c", "d", "e"] {
        supervisor.start_child(stage.actor(id)).await.unwrap();
    }
    let id = |event: Option<Event>| match event {
        Some(Event::Report(Report::Progress(child))) => child.key.to_string(),
        other => format!("{other:?}"),
    };
    assert_eq!(bounded.next().await, Some(Event::Missed(3)));
    assert_eq!([id(bounded.next().await), id(bounded.next().await)], ["d", "e"]);
    assert_eq!(id(all.next().await), "a");
    supervisor.stop().await.unwrap();
    assert!(matches!(bounded.next().await, Some(Event::Exited { .. })));
    assert_eq!(bounded.next().await, None);
    assert_eq!(supervisor.subscribe().next().await, None);
}

#[tokio::test(start_paused = true)]
async fn an_event_stream_is_a_stream() {
    let supervisor = Supervisor::builder().start().await.unwrap();
    let mut events = supervisor.subscribe();
    let waiting = tokio::spawn(async move {
        let next = std::future::poll_fn(|cx| Pin::new(&mut events).poll_next(cx)).await;
        matches!(next, Some(Event::Report(Report::Progress(_))))
    });
    tokio::task::yield_now().await;
    supervisor.start_child(Stage::new().actor("a")).await.unwrap();
    assert!(waiting.await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn one_run_of_a_child_can_be_awaited_and_what_follows_is_seen_after_it() {
    let stage = Stage::new();
    let supervisor = Supervisor::builder()
        .strategy(Strategy::OneForAll)
        .child(stage.actor("a"))
        .child(stage.actor("b"))
        .start()
        .await
        .unwrap();
    let first = [
        running(&supervisor, "a").await.unwrap(),
        running(&supervisor, "b").await.unwrap(),
    ];
    let ended = first.each_ref().map(|child| supervisor.monitor(child));
    stage.end("a", boom());
    let [a, b] = ended;
    assert_eq!(a.await, Ok(boom()));
    assert_eq!(b.await, Ok(ExitReason::Shutdown));
    let next = running(&supervisor, "a").await.unwrap();
    assert!(next.incarnation() > first[0].incarnation());
    assert_eq!(supervisor.monitor(&first[0]).await, Err(QueryError::NotFound));

    let ended = supervisor.monitor(&next);
    supervisor.stop().await.unwrap();
    assert_eq!(ended.await, Ok(ExitReason::Shutdown));
    assert_eq!(supervisor.monitor(&next).await, Err(QueryError::SupervisorGone));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_does_not_come_up_ends_for_those_who_wait_for_it() {
    let supervisor = DynamicSupervisor::builder().start().unwrap();
    let (sender, mut refs) = tokio::sync::mpsc::unbounded_channel();
    let (fail, failing) = oneshot::channel::<()>();
    let spec = ChildSpec::once("a", async move |ctx: Ctx| {
        sender.send(ctx.child()).unwrap();
        failing.await?;
        Child::task(async {}).up()
    });
    let starting = supervisor.start_child(spec);
    let child = refs.recv().await.unwrap();
    assert!(matches!(
        &supervisor.which_children().await.unwrap()[0].state,
        ChildState::Starting(starting) if *starting == child
    ));
    let ended = supervisor.monitor(&child);
    drop(fail);
    let reason = ended.await.unwrap();
    assert_eq!(
        starting.await.unwrap_err(),
        ordu_supervisor::StartChildError::Failed(reason)
    );
}

#[tokio::test(start_paused = true)]
async fn a_child_that_would_wait_for_its_own_end_is_told_so() {
    let supervisor = DynamicSupervisor::builder().start().unwrap();
    let asked = supervisor.clone();
    let (spec, answer) = ChildSpec::job("a", async move |ctx: Ctx| {
        match asked.monitor(&ctx.child()).await {
            Err(error) => Ok(error),
            Ok(reason) => Err(reason),
        }
    });
    supervisor.start_child(spec).await.unwrap();
    assert_eq!(answer.await, Ok(QueryError::WouldDeadlock));
}

#[tokio::test(start_paused = true)]
async fn a_nested_supervisor_is_reached_through_its_handle_also_after_a_restart() {
    let stage = Stage::new();
    let (spec, sessions) = ChildSpec::supervisor_with_handle("sessions", || {
        DynamicSupervisor::builder().max_children(2).intensity(0, secs(5))
    });
    assert!(sessions.current().is_none());
    let root = Supervisor::builder().child(spec).start().await.unwrap();
    let first = sessions.current().unwrap();
    first.start_child(stage.actor("a")).await.unwrap();
    let ended = root.monitor(&running(&root, "sessions").await.unwrap());
    stage.end("a", boom());
    assert!(first.exited().await.gave_up);
    assert_eq!(ended.await, Ok(ExitReason::Shutdown));
    let second = sessions.running().await.unwrap();
    assert_eq!(second.count_children().await.unwrap().specs, 0);
    let starts = [
        second.start_child(stage.actor("b")),
        second.start_child(stage.actor("c")),
    ];
    for start in starts {
        start.await.unwrap();
    }
    assert!(second.start_child(stage.actor("d")).await.is_err());
    root.stop().await.unwrap();
    assert!(sessions.current().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_nested_supervisor_that_will_not_come_again_is_not_waited_for() {
    let (spec, nested) = ChildSpec::supervisor_with_handle("nested", Supervisor::builder);
    let waiting = tokio::spawn({
        let nested = nested.clone();
        async move { nested.running().await.is_none() }
    });
    tokio::task::yield_now().await;
    drop(spec);
    assert!(waiting.await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_is_linked_ends_with_the_start_that_made_it() {
    let pools = Arc::new(Mutex::new(None));
    let kept = Arc::clone(&pools);
    let spec = ChildSpec::new("pool", move |ctx: Ctx| {
        let kept = Arc::clone(&kept);
        async move {
            let pool = DynamicSupervisor::builder().start_link(&ctx)?;
            *kept.lock().unwrap() = Some(pool.clone());
            pool.start_child(Stage::new().actor("worker")).await?;
            let failing = ChildSpec::new("second", async |_ctx| Err::<Child, _>(StartError::Failed(boom())));
            pool.start_child(failing).await?;
            Child::supervisor(pool).up()
        }
    });
    let supervisor = Supervisor::builder().start().await.unwrap();
    supervisor.start_child(spec).await.unwrap_err();
    let pool = pools.lock().unwrap().take().unwrap();
    assert!(pool.has_exited(), "it ended before the start counted as failed");
}

#[tokio::test(start_paused = true)]
async fn a_linked_pool_that_is_the_body_stops_in_order() {
    let stage = Stage::new();
    let worker = stage.actor("worker");
    let spec = ChildSpec::new("pool", move |ctx: Ctx| {
        let worker = worker.clone();
        async move {
            let pool = DynamicSupervisor::builder().start_link(&ctx)?;
            pool.start_child(worker.restart(Restart::Temporary)).await?;
            Child::supervisor(pool).up()
        }
    });
    let supervisor = Supervisor::builder().child(spec).start().await.unwrap();
    supervisor.stop().await.unwrap();
    assert_eq!(stage.log(), ["+worker", "-worker"], "it was asked, not killed");
}
