use std::convert::Infallible;

use ordu_supervisor::{
    Child, ChildSpec, ChildState, DeleteChildError, ExitReason, QueryError, Restart, RestartChildError,
    SpecError, StartChildError, StartError, StartSupervisorError, Started, Supervisor, TerminateChildError,
};

use crate::support::{Stage, boom, counts, running, state};

#[tokio::test(start_paused = true)]
async fn case_034_to_038_the_life_cycle_of_a_child_by_calls() {
    let stage = Stage::new();
    let supervisor = Supervisor::builder()
        .child(stage.actor("a"))
        .start()
        .await
        .unwrap();
    let first = running(&supervisor, "a").await.unwrap();
    assert_eq!(
        supervisor.start_child(stage.actor("a")).await.unwrap_err(),
        StartChildError::AlreadyStarted(first.clone())
    );
    assert_eq!(
        supervisor.delete_child("a").await,
        Err(DeleteChildError::Running(first.clone()))
    );
    assert_eq!(
        supervisor.restart_child("a").await.unwrap_err(),
        RestartChildError::Running(first.clone())
    );

    assert_eq!(supervisor.terminate_child("a").await, Ok(()));
    assert_eq!(supervisor.terminate_child("a").await, Ok(()));
    assert_eq!(state(&supervisor, "a").await, Some(ChildState::Undefined));
    assert_eq!(counts(&supervisor).await, [1, 0, 0, 1]);
    assert_eq!(
        supervisor.start_child(stage.actor("a")).await.unwrap_err(),
        StartChildError::AlreadyPresent
    );

    let started = supervisor.restart_child("a").await.unwrap();
    assert!(started.child().unwrap().incarnation() > first.incarnation());
    supervisor.terminate_child("a").await.unwrap();
    assert_eq!(supervisor.delete_child("a").await, Ok(()));
    assert_eq!(
        supervisor.restart_child("a").await.unwrap_err(),
        RestartChildError::NotFound
    );
    assert_eq!(
        supervisor.terminate_child("a").await,
        Err(TerminateChildError::NotFound)
    );
    assert_eq!(
        supervisor.delete_child("a").await,
        Err(DeleteChildError::NotFound)
    );
    assert_eq!(supervisor.child_spec("a").await, Err(QueryError::NotFound));
    assert_eq!(counts(&supervisor).await, [0, 0, 0, 0]);
}

#[tokio::test(start_paused = true)]
async fn case_040_calls_to_a_supervisor_that_is_gone_say_so() {
    let stage = Stage::new();
    let supervisor = Supervisor::builder().start().await.unwrap();
    supervisor.stop().await.unwrap();
    assert_eq!(supervisor.exited().await, ExitReason::Normal);
    assert_eq!(
        supervisor.start_child(stage.actor("a")).await.unwrap_err(),
        StartChildError::SupervisorGone
    );
    assert_eq!(
        supervisor.terminate_child("a").await,
        Err(TerminateChildError::SupervisorGone)
    );
    assert_eq!(
        supervisor.restart_child("a").await.unwrap_err(),
        RestartChildError::SupervisorGone
    );
    assert_eq!(
        supervisor.delete_child("a").await,
        Err(DeleteChildError::SupervisorGone)
    );
    assert_eq!(supervisor.count_children().await, Err(QueryError::SupervisorGone));
    assert_eq!(supervisor.stop().await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn case_041_what_a_start_tells_reaches_the_caller() {
    let supervisor = Supervisor::builder().start().await.unwrap();
    let spec = ChildSpec::new("a", async |_ctx| {
        let child = Child::task(std::future::pending::<Infallible>());
        Ok::<_, StartError>(Started::Running(child, Some(Box::new(4711_u16))))
    });
    let started = supervisor.start_child(spec).await.unwrap();
    assert_eq!(started.info::<u16>(), Some(4711));
    supervisor.terminate_child("a").await.unwrap();
    assert_eq!(
        supervisor.restart_child("a").await.unwrap().info::<u16>(),
        Some(4711)
    );
}

#[tokio::test(start_paused = true)]
async fn case_005_and_010_starts_that_ignore_or_fail() {
    let supervisor = Supervisor::builder().start().await.unwrap();
    let ignoring = ChildSpec::new("shy", async |_ctx| Ok::<_, StartError>(Started::Ignore));
    assert!(supervisor.start_child(ignoring).await.unwrap().child().is_none());
    assert_eq!(state(&supervisor, "shy").await, Some(ChildState::Undefined));

    let failing = ChildSpec::new("bad", async |_ctx| Err::<Child, _>(StartError::failed("no luck")));
    let error = supervisor.start_child(failing).await.unwrap_err();
    assert_eq!(error, StartChildError::Failed(ExitReason::error("no luck")));
    assert_eq!(state(&supervisor, "bad").await, None);
}

#[tokio::test(start_paused = true)]
async fn a_start_that_panics_at_once_or_later_is_a_failed_start_with_the_message() {
    async fn never_returns(later: bool) -> Result<Child, StartError> {
        if later {
            tokio::task::yield_now().await;
        }
        panic!("no {}", if later { "later" } else { "now" });
    }
    let supervisor = Supervisor::builder().start().await.unwrap();
    for (later, message) in [(false, "no now"), (true, "no later")] {
        let spec = ChildSpec::new("a", move |_ctx| never_returns(later));
        let error = supervisor.start_child(spec).await.unwrap_err();
        assert_eq!(
            error,
            StartChildError::Failed(ExitReason::Panic(message.to_owned()))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_start_that_finds_its_child_running_already_says_which() {
    let stage = Stage::new();
    let supervisor = Supervisor::builder()
        .child(stage.actor("a"))
        .start()
        .await
        .unwrap();
    let other = running(&supervisor, "a").await.unwrap();
    let found = other.clone();
    let spec = ChildSpec::new("b", move |_ctx| {
        let found = found.clone();
        async move { Err::<Child, _>(StartError::AlreadyStarted(found)) }
    });
    assert_eq!(
        supervisor.start_child(spec).await.unwrap_err(),
        StartChildError::AlreadyStarted(other)
    );
}

#[tokio::test(start_paused = true)]
async fn case_018_and_112_invalid_specs_are_refused_with_the_error_that_otp_has_for_them() {
    let stage = Stage::new();
    let supervisor = Supervisor::builder().start().await.unwrap();
    let significant = stage.actor("a").significant(true);
    let invalid = |spec| {
        let call = supervisor.start_child(spec);
        async { call.await.unwrap_err() }
    };
    let expected = StartChildError::InvalidSpec(SpecError::SignificantPermanent);
    assert_eq!(invalid(significant.clone()).await, expected);
    let expected = StartChildError::InvalidSpec(SpecError::SignificantWithoutAutoShutdown);
    assert_eq!(invalid(significant.restart(Restart::Transient)).await, expected);
    assert_eq!(
        invalid(stage.actor("")).await,
        StartChildError::InvalidSpec(SpecError::MissingId)
    );

    let twins = Supervisor::builder()
        .children([stage.actor("a"), stage.actor("a")])
        .start()
        .await;
    let expected = SpecError::DuplicateChildName("a".to_owned());
    assert_eq!(twins.unwrap_err(), StartSupervisorError::InvalidSpec(expected));
    assert!(matches!(
        Supervisor::builder()
            .intensity(1, std::time::Duration::ZERO)
            .start()
            .await,
        Err(StartSupervisorError::InvalidFlags(_))
    ));
    assert_eq!(stage.log(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn case_014_a_child_that_does_not_start_rolls_the_supervisor_back() {
    let stage = Stage::new();
    let bad = ChildSpec::new("bad", async |_ctx| Err::<Child, _>(StartError::Failed(boom())));
    let children = [stage.actor("a"), stage.actor("b"), bad, stage.actor("c")];
    let error = Supervisor::builder()
        .children(children)
        .start()
        .await
        .unwrap_err();
    assert_eq!(
        error,
        StartSupervisorError::FailedToStartChild {
            id: "bad".to_owned(),
            reason: boom()
        }
    );
    assert_eq!(stage.log(), ["+a", "+b", "-b", "-a"]);
}

#[tokio::test(start_paused = true)]
async fn dropping_a_call_loses_nothing() {
    let stage = Stage::new();
    let supervisor = Supervisor::builder().start().await.unwrap();
    drop(supervisor.start_child(stage.actor("a")));
    drop(supervisor.start_child(stage.actor("b")));
    drop(supervisor.terminate_child("a"));
    assert_eq!(state(&supervisor, "a").await, Some(ChildState::Undefined));
    assert!(running(&supervisor, "b").await.is_some());
}

#[tokio::test(start_paused = true)]
async fn dropping_the_start_of_a_supervisor_ends_what_was_started() {
    let (sender, mut gone) = tokio::sync::mpsc::unbounded_channel::<()>();
    let up = ChildSpec::task("up", move |_ctx| {
        let held = sender.clone();
        async move {
            std::future::pending::<()>().await;
            drop(held);
        }
    });
    let never = ChildSpec::new("never", async |_ctx| {
        std::future::pending::<Result<Child, StartError>>().await
    });
    let start = Supervisor::builder().child(up).child(never).start();
    assert!(
        tokio::time::timeout(std::time::Duration::from_millis(10), start)
            .await
            .is_err()
    );
    // Closed once nobody holds a sender: the child, its spec and the supervisor are gone.
    assert_eq!(gone.recv().await, None);
}
