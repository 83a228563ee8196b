use std::sync::{Arc, OnceLock};

use ordu_supervisor::{
    Child, ChildRef, ChildSpec, Ctx, DynamicSupervisor, DynamicSupervisorHandle, ExitReason, QueryError,
    RestartChildError, Shutdown, StartChildError, StartError, StopError, Supervisor, SupervisorHandle,
    TerminateChildError,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, timeout};

use crate::support::{Stage, secs};

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
    let (tell, mut told) = unbounded_channel();
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

/// A child that asks its supervisor in the same moment in which the test has it stopped, and what it was told.
fn asks_when_told(
    handle: &Cell<SupervisorHandle>,
) -> (
    ChildSpec,
    Arc<Notify>,
    UnboundedReceiver<Result<usize, QueryError>>,
) {
    let go = Arc::new(Notify::new());
    let (tell, told) = unbounded_channel();
    let (asked, gone) = (Arc::clone(handle), Arc::clone(&go));
    let spec = ChildSpec::trapping("a", move |ctx: Ctx| {
        let (handle, go, tell) = (Arc::clone(&asked), Arc::clone(&gone), tell.clone());
        async move {
            go.notified().await;
            let counted = handle.get().unwrap().count_children().await;
            tell.send(counted.map(|counts| counts.specs)).unwrap();
            ctx.stopped().await;
        }
    });
    (spec.shutdown(Shutdown::Infinity), go, told)
}

#[tokio::test(start_paused = true)]
async fn a_child_that_asks_in_the_moment_in_which_it_is_terminated_is_told_that_it_would_deadlock() {
    for nested in [false, true] {
        let handle = Cell::<SupervisorHandle>::default();
        let (spec, go, mut told) = asks_when_told(&handle);
        let spec = if nested {
            ChildSpec::supervisor("a", move || Supervisor::builder().child(spec.clone()))
        } else {
            spec
        };
        let supervisor = Supervisor::builder().child(spec).start().await.unwrap();
        handle.set(supervisor.clone()).unwrap();
        // Woken before its supervisor is, it asks behind this, which has not been heard yet.
        go.notify_one();
        let terminated = timeout(secs(60), supervisor.terminate_child("a")).await;
        assert_eq!(terminated, Ok(Ok(())));
        assert_eq!(told.recv().await, Some(Err(QueryError::WouldDeadlock)));
        supervisor.stop().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_refuses_the_calls_that_wait_also_those_of_children() {
    let handle = Cell::<SupervisorHandle>::default();
    let (spec, go, mut told) = asks_when_told(&handle);
    // Is stopped first, and takes its time.
    let slow = ChildSpec::trapping("slow", async |ctx: Ctx| {
        ctx.stopped().await;
        tokio::time::sleep(secs(3)).await;
    });
    let children = [spec, slow];
    let supervisor = Supervisor::builder().children(children).start().await.unwrap();
    handle.set(supervisor.clone()).unwrap();
    go.notify_one();
    let before = Instant::now();
    supervisor.request_stop(ExitReason::Normal);
    let counted = supervisor.count_children();
    let refused = timeout(secs(60), async { (told.recv().await, counted.await) });
    let gone = QueryError::SupervisorGone;
    assert_eq!(refused.await, Ok((Some(Err(gone.clone())), Err(gone))));
    assert_eq!(before.elapsed(), secs(0), "nobody waited for the slow one");
    assert_eq!(timeout(secs(60), supervisor.stop()).await, Ok(Ok(())));
}

/// What a child of a ring is to have done to another one.
enum Order {
    Terminate(ChildRef),
    /// Without waiting for it.
    DropTerminate(ChildRef),
    Restart(ChildRef),
}

/// Children that, each when it is told, want another of them ended, and then wait to be stopped. What they were told.
struct Ring {
    supervisor: DynamicSupervisorHandle,
    children: Vec<ChildRef>,
    tell: Vec<UnboundedSender<Order>>,
    told: UnboundedReceiver<Result<(), String>>,
}

impl Ring {
    async fn new(size: usize) -> Self {
        let supervisor = DynamicSupervisor::builder().start().unwrap();
        let (says, told) = unbounded_channel();
        let (mut children, mut tell) = (Vec::new(), Vec::new());
        for _ in 0..size {
            let (sender, orders) = unbounded_channel();
            tell.push(sender);
            let orders = Arc::new(tokio::sync::Mutex::new(orders));
            let (asked, says) = (supervisor.clone(), says.clone());
            let spec = ChildSpec::trapping("a", move |ctx: Ctx| {
                let (orders, asked, says) = (Arc::clone(&orders), asked.clone(), says.clone());
                async move {
                    let order = tokio::select! {
                        order = async { orders.lock().await.recv().await } => order,
                        () = ctx.stopped() => None,
                    };
                    let Some(order) = order else { return };
                    let answer = match order {
                        Order::Terminate(other) => {
                            let terminated = asked.terminate_child(&other).await;
                            terminated.map_err(|error| error.to_string())
                        }
                        Order::DropTerminate(other) => {
                            drop(asked.terminate_child(&other));
                            Ok(())
                        }
                        Order::Restart(other) => {
                            let renewed = asked.restart_child_now(&other).await;
                            renewed.map(drop).map_err(|error| error.to_string())
                        }
                    };
                    says.send(answer).unwrap();
                    ctx.stopped().await;
                }
            });
            let started = supervisor.start_child(spec.shutdown(Shutdown::Infinity)).await;
            children.push(started.unwrap().child().unwrap().clone());
        }
        Self {
            supervisor,
            children,
            tell,
            told,
        }
    }

    /// This child wants that one ended so.
    fn order(&self, child: usize, order: fn(ChildRef) -> Order, other: usize) {
        self.tell[child]
            .send(order(self.children[other].clone()))
            .unwrap();
    }

    /// The answers that this many of them got.
    async fn told(&mut self, answers: usize) -> Vec<Result<(), String>> {
        let mut told = Vec::new();
        for _ in 0..answers {
            let answer = timeout(secs(60), self.told.recv()).await;
            told.push(answer.expect("they wait for each other").unwrap());
        }
        told
    }
}

#[tokio::test(start_paused = true)]
async fn dynamic_children_that_want_each_other_ended_do_not_wait_for_each_other_for_ever() {
    let refusals = [
        TerminateChildError::WouldDeadlock.to_string(),
        RestartChildError::WouldDeadlock.to_string(),
    ];
    for (order, refusal) in [Order::Terminate as fn(_) -> _, Order::Restart]
        .into_iter()
        .zip(refusals)
    {
        for size in 2..=3 {
            let mut ring = Ring::new(size).await;
            for child in 0..size {
                ring.order(child, order, (child + 1) % size);
            }
            let refused: Vec<_> = ring
                .told(size)
                .await
                .into_iter()
                .filter_map(Result::err)
                .collect();
            assert_eq!(refused, [refusal.as_str()], "of {size} children one");
            let stopped = timeout(secs(60), ring.supervisor.stop()).await;
            assert_eq!(stopped, Ok(Ok(())));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn dynamic_children_that_are_stopped_may_wait_for_others() {
    let mut ring = Ring::new(3).await;
    ring.order(0, Order::Terminate, 1);
    ring.order(1, Order::Terminate, 2);
    assert_eq!(ring.told(2).await, [Ok(()), Ok(())]);
    assert_eq!(ring.supervisor.count_children().await.unwrap().specs, 1);
    ring.supervisor.stop().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_does_not_wait_for_its_call_closes_no_circle() {
    for orders in [
        [Order::DropTerminate as fn(_) -> _, Order::Terminate],
        [Order::Terminate, Order::DropTerminate],
    ] {
        let mut ring = Ring::new(2).await;
        ring.order(0, orders[0], 1);
        ring.order(1, orders[1], 0);
        assert_eq!(ring.told(2).await, [Ok(()), Ok(())]);
        while ring.supervisor.count_children().await.unwrap().specs > 0 {
            tokio::task::yield_now().await;
        }
    }
}

/// A child whose start has a sibling started, when it is told, and says what came of that.
fn starting(
    handle: &DynamicSupervisorHandle,
    sibling: &ChildSpec,
) -> (
    ChildSpec,
    Arc<Notify>,
    UnboundedReceiver<Result<(), StartChildError>>,
) {
    let go = Arc::new(Notify::new());
    let (tell, told) = unbounded_channel();
    let (handle, sibling, gone) = (handle.clone(), sibling.clone(), Arc::clone(&go));
    let spec = ChildSpec::new("starting", move |_ctx: Ctx| {
        let (handle, sibling, go, tell) = (handle.clone(), sibling.clone(), Arc::clone(&gone), tell.clone());
        async move {
            go.notified().await;
            tell.send(handle.start_child(sibling).await.map(drop)).unwrap();
            Child::task(std::future::pending::<()>()).up()
        }
    });
    (spec, go, told)
}

fn idle(id: &str) -> ChildSpec {
    ChildSpec::task(id, async |_ctx| std::future::pending::<()>().await)
}

#[tokio::test(start_paused = true)]
async fn a_start_that_waits_for_the_place_it_holds_itself_is_told_so() {
    let supervisor = DynamicSupervisor::builder().max_children(1).start().unwrap();
    let (spec, go, mut told) = starting(&supervisor, &idle("sibling"));
    let start = supervisor.start_child(spec);
    go.notify_one();
    let answer = timeout(secs(60), told.recv()).await;
    assert_eq!(answer, Ok(Some(Err(StartChildError::WouldDeadlock))));
    start.await.unwrap();
    assert_eq!(supervisor.count_children().await.unwrap().specs, 1);
}

#[tokio::test(start_paused = true)]
async fn starts_that_wait_for_the_places_of_each_other_do_not_wait_for_ever() {
    // With one that waits for none of them, and comes up only when they wait for it alone.
    for bystander in [false, true] {
        let max = 2 + usize::from(bystander);
        let supervisor = DynamicSupervisor::builder().max_children(max).start().unwrap();
        let come_up = Arc::new(Notify::new());
        let waits = Arc::clone(&come_up);
        let third = ChildSpec::new("third", move |_ctx: Ctx| {
            let come_up = Arc::clone(&waits);
            async move {
                come_up.notified().await;
                Child::task(std::future::pending::<()>()).up()
            }
        });
        let third = bystander.then(|| supervisor.start_child(third));
        let (first, go_first, mut first_told) = starting(&supervisor, &idle("sibling"));
        let (second, go_second, mut second_told) = starting(&supervisor, &idle("sibling"));
        let starts = [supervisor.start_child(first), supervisor.start_child(second)];
        for go in [go_first, go_second] {
            go.notify_one();
            // Until it has called.
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
        }
        if let Some(third) = third {
            assert!(first_told.try_recv().is_err() && second_told.try_recv().is_err());
            come_up.notify_one();
            third.await.unwrap();
        }
        let told = timeout(secs(60), async {
            (first_told.recv().await, second_told.recv().await)
        });
        // The last one is refused; when it is up, the other waits for nobody but itself.
        let refused = || Some(Err(StartChildError::WouldDeadlock));
        let refused = (refused(), refused());
        assert_eq!(told.await.expect("they wait for each other"), refused);
        for start in starts {
            start.await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_start_that_waits_for_one_that_waits_for_the_place_of_the_first_does_not_wait_for_ever() {
    let supervisor = DynamicSupervisor::builder().max_children(2).start().unwrap();
    let (inner, go_inner, mut inner_told) = starting(&supervisor, &idle("sibling"));
    let (outer, go_outer, mut outer_told) = starting(&supervisor, &inner);
    let start = supervisor.start_child(outer);
    go_outer.notify_one();
    go_inner.notify_one();
    let told = timeout(secs(60), async {
        (inner_told.recv().await, outer_told.recv().await)
    });
    let refused = Some(Err(StartChildError::WouldDeadlock));
    assert_eq!(
        told.await.expect("they wait for each other"),
        (refused, Some(Ok(())))
    );
    start.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_start_may_have_a_sibling_started_without_waiting_for_it() {
    let supervisor = DynamicSupervisor::builder().max_children(1).start().unwrap();
    let stage = Stage::new();
    let (handle, sibling) = (supervisor.clone(), stage.actor("sibling"));
    let spec = ChildSpec::new("a", move |_ctx: Ctx| {
        drop(handle.start_child(sibling.clone()));
        async { Err::<Child, _>(StartError::failed("no")) }
    });
    supervisor.start_child(spec).await.unwrap_err();
    while supervisor.count_children().await.unwrap().active == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(stage.log(), ["+sibling"]);
}
