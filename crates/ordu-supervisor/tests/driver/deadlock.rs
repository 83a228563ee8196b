use std::sync::{Arc, OnceLock};

use ordu_supervisor::{
    Child, ChildSpec, Ctx, ExitReason, QueryError, StartError, StopError, Supervisor, SupervisorHandle,
    TerminateChildError,
};
use tokio::sync::oneshot;

use crate::support::Stage;

type Cell<T> = Arc<OnceLock<T>>;

/// A child that runs `f` once its supervisor is known, and gives what came of it to the test.
fn asking<T, F, Fut>(id: &str, handle: &Cell<SupervisorHandle>, f: F) -> (ChildSpec, oneshot::Receiver<T>)
where
    T: Send + 'static,
    F: Fn(SupervisorHandle) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = T> + Send + 'static,
{
    let (sender, receiver) = oneshot::channel();
    let sender = Arc::new(std::sync::Mutex::new(Some(sender)));
    let handle = Arc::clone(handle);
    let spec = ChildSpec::trapping(id, move |ctx: Ctx| {
        let (handle, sender, f) = (Arc::clone(&handle), Arc::clone(&sender), f.clone());
        async move {
            let supervisor = loop {
                match handle.get() {
                    Some(supervisor) => break supervisor.clone(),
                    None => tokio::task::yield_now().await,
                }
            };
            let outcome = f(supervisor).await;
            if let Some(sender) = sender.lock().unwrap().take() {
                drop(sender.send(outcome));
            }
            ctx.stopped().await;
        }
    });
    (spec, receiver)
}

#[tokio::test(start_paused = true)]
async fn a_child_that_would_terminate_itself_or_stop_its_tree_is_told_so() {
    let handle = Cell::default();
    let (spec, told) = asking("a", &handle, |supervisor| async move {
        (supervisor.terminate_child("a").await, supervisor.stop().await)
    });
    let inner = move || Supervisor::builder().child(spec.clone());
    let supervisor = Supervisor::builder()
        .child(ChildSpec::supervisor("a", inner))
        .start()
        .await
        .unwrap();
    handle.set(supervisor.clone()).unwrap();
    let (terminated, stopped) = told.await.unwrap();
    assert_eq!(terminated, Err(TerminateChildError::WouldDeadlock));
    assert_eq!(stopped, Err(StopError::WouldDeadlock));
    supervisor.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_running_child_may_ask_its_supervisor_and_start_siblings() {
    let handle = Cell::default();
    let stage = Stage::new();
    let sibling = stage.actor("sibling");
    let (spec, told) = asking("a", &handle, move |supervisor| {
        let sibling = sibling.clone();
        async move {
            supervisor.start_child(sibling).await.unwrap();
            supervisor.count_children().await.unwrap().active
        }
    });
    let supervisor = Supervisor::builder().child(spec).start().await.unwrap();
    handle.set(supervisor.clone()).unwrap();
    assert_eq!(told.await.unwrap(), 2);
    supervisor.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_start_that_asks_the_supervisor_which_waits_for_it_is_told_so() {
    let supervisor = Supervisor::builder().start().await.unwrap();
    let asked = supervisor.clone();
    let spec = ChildSpec::new("a", move |_ctx| {
        let supervisor = asked.clone();
        async move {
            tokio::task::yield_now().await;
            assert_eq!(supervisor.count_children().await, Err(QueryError::WouldDeadlock));
            Ok::<_, StartError>(Child::task(std::future::pending::<()>()))
        }
    });
    assert!(supervisor.start_child(spec).await.unwrap().child().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_child_that_asks_while_it_is_being_stopped_is_told_so() {
    let handle = Cell::<SupervisorHandle>::default();
    let (sender, told) = oneshot::channel();
    let sender = Arc::new(std::sync::Mutex::new(Some(sender)));
    let asked = Arc::clone(&handle);
    let spec = ChildSpec::trapping("a", move |ctx: Ctx| {
        let (handle, sender) = (Arc::clone(&asked), Arc::clone(&sender));
        async move {
            ctx.stopped().await;
            let outcome = handle.get().unwrap().count_children().await;
            drop(sender.lock().unwrap().take().unwrap().send(outcome));
        }
    });
    let supervisor = Supervisor::builder().child(spec).start().await.unwrap();
    handle.set(supervisor.clone()).unwrap();
    supervisor.terminate_child("a").await.unwrap();
    assert_eq!(told.await.unwrap(), Err(QueryError::WouldDeadlock));
}

#[tokio::test(start_paused = true)]
async fn a_child_may_ask_for_the_end_of_its_tree_without_waiting_for_it() {
    let handle = Cell::default();
    let (spec, _) = asking("a", &handle, |supervisor| async move {
        supervisor.request_stop(ExitReason::shutdown_with("done"));
    });
    let supervisor = Supervisor::builder().child(spec).start().await.unwrap();
    handle.set(supervisor.clone()).unwrap();
    assert_eq!(supervisor.exited().await, ExitReason::shutdown_with("done"));
}

#[tokio::test(start_paused = true)]
async fn what_a_child_left_behind_may_ask_once_that_child_has_ended() {
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    let starter = ChildSpec::new("starter", move |ctx: Ctx| {
        let tell = tell.clone();
        async move {
            // Belongs to nobody, and outlives the child that starts it.
            if ctx.restarts() == 0 {
                tell.send(Supervisor::builder().start().await?).unwrap();
                return Child::task(async { Err::<(), _>("boom") }).up();
            }
            Child::task(std::future::pending::<()>()).up()
        }
    });
    let handle = Cell::default();
    let (asks, answered) = asking("asker", &handle, |supervisor| async move {
        (
            supervisor.count_children().await,
            supervisor.terminate_child("starter").await,
        )
    });
    let supervisor = Supervisor::builder().child(starter).start().await.unwrap();
    let independent = told.recv().await.unwrap();
    while supervisor.which_children().await.unwrap()[0].restarts == 0 {
        tokio::task::yield_now().await;
    }
    independent.start_child(asks).await.unwrap();
    handle.set(supervisor.clone()).unwrap();
    let (counted, terminated) = answered.await.unwrap();
    assert_eq!(counted.map(|counts| counts.specs), Ok(1));
    assert_eq!(terminated, Ok(()));
    independent.stop().await.unwrap();
}
