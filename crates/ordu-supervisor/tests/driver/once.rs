use std::convert::Infallible;

use ordu_supervisor::{
    Child, ChildSpec, Ctx, DynamicSupervisor, ExitReason, JobError, Restart, Shutdown, SpecError,
    StartChildError, StartError, Supervisor,
};
use tokio::sync::oneshot;

use crate::support::{Stage, Tell, boom};

/// Of what can be used once.
fn specs(stage: &Stage) -> [ChildSpec; 4] {
    let tell = |what| Tell(stage.clone(), what);
    let (start, task, trapping, thread) = (tell("start"), tell("task"), tell("trapping"), tell("thread"));
    [
        ChildSpec::once("start", async move |_ctx| {
            let moved = start;
            Child::task(async move { drop(moved) }).up()
        }),
        ChildSpec::task_once("task", async move |_ctx| drop(task)),
        ChildSpec::trapping_once("trapping", async move |ctx: Ctx| {
            ctx.stopped().await;
            drop(trapping);
        }),
        ChildSpec::thread_once("thread", move |_ctx, stop| {
            stop.wait();
            drop(thread);
        }),
    ]
}

#[tokio::test]
async fn a_child_can_be_made_of_what_can_be_used_once() {
    let stage = Stage::new();
    let supervisor = DynamicSupervisor::builder().start().unwrap();
    for spec in specs(&stage) {
        supervisor.start_child(spec).await.unwrap();
    }
    while stage.log().len() < 2 {
        tokio::task::yield_now().await;
    }
    supervisor.stop().await.unwrap();
    let mut log = stage.log();
    log.sort();
    assert_eq!(log, ["start", "task", "thread", "trapping"]);
}

#[tokio::test(start_paused = true)]
async fn a_spec_that_starts_once_is_temporary_and_its_clone_says_why_it_does_not_start() {
    let supervisor = Supervisor::builder().start().await.unwrap();
    for spec in specs(&Stage::new()) {
        assert_eq!(spec.policy().restart, Restart::Temporary);
        let error = supervisor
            .start_child(spec.restart(Restart::Permanent))
            .await
            .unwrap_err();
        assert_eq!(error, StartChildError::InvalidSpec(SpecError::StartsOnce));
    }
    let spec = ChildSpec::task_once("a", |_ctx| std::future::pending::<()>());
    supervisor.start_child(spec.clone()).await.unwrap();
    supervisor.terminate_child("a").await.unwrap();
    let error = supervisor.start_child(spec).await.unwrap_err();
    assert!(
        error.to_string().contains("make a new spec for each start"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_job_gives_its_value_or_its_own_error() {
    let supervisor = DynamicSupervisor::builder().start().unwrap();
    let (spec, answer) = ChildSpec::job("a", async |_ctx| Ok::<_, ExitReason>(vec![1, 2, 3]));
    supervisor.start_child(spec).await.unwrap();
    assert_eq!(answer.await, Ok(vec![1, 2, 3]));

    let (spec, answer) = ChildSpec::job("b", async |_ctx| Err::<(), _>(boom()));
    supervisor.start_child(spec).await.unwrap();
    assert_eq!(answer.await, Err(JobError::Failed(boom())));
}

#[tokio::test(start_paused = true)]
async fn a_job_that_ends_before_it_is_done_says_how() {
    let supervisor = Supervisor::builder().start().await.unwrap();
    let (spec, answer) = ChildSpec::job("a", async |_ctx| -> Result<(), ExitReason> { panic!("oops") });
    supervisor.start_child(spec).await.unwrap();
    assert_eq!(
        answer.await,
        Err(JobError::Ended(ExitReason::Panic("oops".to_owned())))
    );

    for (shutdown, reason) in [
        (Shutdown::Infinity, ExitReason::Shutdown),
        (Shutdown::BrutalKill, ExitReason::Killed),
    ] {
        let (spec, answer) = ChildSpec::job("b", |_ctx| std::future::pending::<Result<(), Infallible>>());
        supervisor.start_child(spec.shutdown(shutdown)).await.unwrap();
        supervisor.terminate_child("b").await.unwrap();
        assert_eq!(answer.await, Err(JobError::Ended(reason)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_never_started_is_not_waited_for() {
    let (spec, answer) = ChildSpec::job("a", |_ctx| std::future::ready(Ok::<_, Infallible>(1)));
    drop(spec);
    assert_eq!(answer.await, Err(JobError::Gone));
}

#[tokio::test(start_paused = true)]
async fn the_value_of_a_job_is_told_only_when_its_helpers_are_gone() {
    let stage = Stage::new();
    let tell = Tell(stage.clone(), "helper gone");
    let supervisor = DynamicSupervisor::builder().start().unwrap();
    let (up, is_up) = oneshot::channel();
    let (spec, answer) = ChildSpec::job("a", async move |ctx: Ctx| {
        ctx.spawn(async move {
            let _tell = tell;
            up.send(()).unwrap();
            std::future::pending::<()>().await;
        });
        is_up.await
    });
    // In a task of its own, which runs as soon as it is told; this one would after all others.
    let told = tokio::spawn(async move { (answer.await, stage.log()) });
    supervisor.start_child(spec).await.unwrap();
    assert_eq!(told.await.unwrap(), (Ok(()), vec!["helper gone".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn a_body_may_be_a_loop_without_an_end() {
    let specs = [
        ChildSpec::task("task", |_| async {
            loop {
                tokio::task::yield_now().await;
            }
        }),
        ChildSpec::trapping("trapping", |ctx: Ctx| async move {
            loop {
                ctx.stopped().await;
                if ctx.is_stopping() {
                    std::future::pending::<()>().await;
                }
            }
        })
        .shutdown(Shutdown::BrutalKill),
        ChildSpec::new("start", async |_ctx| {
            Child::task(async {
                loop {
                    tokio::task::yield_now().await;
                }
            })
            .up()
        }),
        ChildSpec::task("with a result", |_| async {
            Err::<Infallible, _>(std::future::pending::<String>().await)
        }),
    ];
    let supervisor = Supervisor::builder().children(specs).start().await.unwrap();
    assert_eq!(supervisor.count_children().await.unwrap().active, 4);
    supervisor.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn up_tells_what_a_question_mark_turns_errors_into() {
    let supervisor = DynamicSupervisor::builder().start().unwrap();
    let spec = ChildSpec::new("a", async |_ctx| {
        let number: u32 = "forty-two".parse()?;
        Child::task(async move { assert!(number > 0) }).up()
    });
    let error = supervisor.start_child(spec).await.unwrap_err();
    assert_eq!(
        error,
        StartChildError::Failed(ExitReason::error("invalid digit found in string"))
    );
    let _: Result<Child, StartError> = Child::task(async {}).up();
}
