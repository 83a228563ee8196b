//! What children's code may do to their supervisor: take long, panic where nobody expects it, bring odd names.

use std::pin::Pin;
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ordu_supervisor::{
    Child, ChildInfo, ChildSpec, ChildState, Ctx, DynamicSupervisor, ExitReason, Restart, Shutdown,
    StartChild, StartChildError, StartError, Started, Starting, StopError, Supervisor,
};
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::support::{Stage, boom, counts, dynamic_counts, secs};

/// How long what is answered at once may take on a busy machine.
const SOON: Duration = Duration::from_secs(20);

/// Code that blocks its thread until it is let go.
#[derive(Clone)]
struct Gate {
    entered: mpsc::Sender<()>,
    open: Arc<Mutex<mpsc::Receiver<()>>>,
}

/// Opens a gate, also when the test fails: a thread that blocks for ever would keep the runtime from ending.
struct Opener {
    _open: mpsc::Sender<()>,
    entered: mpsc::Receiver<()>,
}

fn gate() -> (Gate, Opener) {
    let ((entered, is_entered), (open, is_open)) = (mpsc::channel(), mpsc::channel());
    let gate = Gate {
        entered,
        open: Arc::new(Mutex::new(is_open)),
    };
    (
        gate,
        Opener {
            _open: open,
            entered: is_entered,
        },
    )
}

impl Gate {
    fn block(&self) {
        self.entered.send(()).unwrap();
        let _ = self.open.lock().unwrap().recv();
    }
}

impl Opener {
    /// Waits until somebody blocks.
    fn wait(&self) {
        self.entered.recv_timeout(SOON).unwrap();
    }
}

fn blocking_start(id: &str, gate: &Gate) -> ChildSpec {
    let gate = gate.clone();
    ChildSpec::new(id, move |_ctx| {
        let gate = gate.clone();
        async move {
            gate.block();
            Child::task(std::future::pending::<()>()).up()
        }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_blocks_its_thread_holds_up_no_other_call() {
    let (gate, opener) = gate();
    let supervisor = DynamicSupervisor::builder().start().unwrap();
    let starting = supervisor.start_child(blocking_start("slow", &gate));
    opener.wait();
    let stage = Stage::new();
    timeout(SOON, supervisor.start_child(stage.actor("quick")))
        .await
        .expect("the supervisor is held up by a start")
        .unwrap();
    assert_eq!(dynamic_counts(&supervisor).await, [2, 1, 0, 2]);
    drop(opener);
    assert!(starting.await.unwrap().child().is_some());
    supervisor.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_that_blocks_before_its_future_exists_holds_up_no_other_call() {
    let (gate, opener) = gate();
    let supervisor = DynamicSupervisor::builder().start().unwrap();
    let starting = supervisor.start_child(ChildSpec::task("slow", move |_ctx| {
        gate.block();
        std::future::pending::<()>()
    }));
    opener.wait();
    let counted = timeout(SOON, dynamic_counts(&supervisor));
    assert_eq!(counted.await.expect("the supervisor is held up"), [1, 0, 0, 1]);
    drop(opener);
    assert!(starting.await.unwrap().child().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_blocks_in_its_first_step_holds_up_neither_its_supervisor_nor_a_sibling() {
    for _ in 0..50 {
        let (gate, opener) = gate();
        let stage = Stage::new();
        let supervisor = DynamicSupervisor::builder().start().unwrap();
        let blocker = supervisor.start_child(ChildSpec::task("blocker", move |_ctx| {
            let gate = gate.clone();
            async move { gate.block() }
        }));
        let sibling = supervisor.start_child(stage.actor("sibling"));
        timeout(SOON, async { (blocker.await.unwrap(), sibling.await.unwrap()) })
            .await
            .expect("the supervisor is held up by a body");
        opener.wait();
        while !stage.log().contains(&"+sibling".to_owned()) {
            tokio::task::yield_now().await;
        }
        assert_eq!(
            timeout(SOON, dynamic_counts(&supervisor)).await.expect("held up"),
            [2, 2, 0, 2]
        );
        drop(opener);
        supervisor.kill();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blocking_start_that_outlasts_its_limit_has_failed_though_it_succeeded_in_the_end() {
    let (gate, opener) = gate();
    let supervisor = DynamicSupervisor::builder().start().unwrap();
    let spec = blocking_start("slow", &gate).start_timeout(Duration::from_millis(20));
    let starting = supervisor.start_child(spec);
    opener.wait();
    // Its limit has passed once it is shown as stopping.
    let stopping = |state: &ChildState| matches!(state, ChildState::Stopping(_));
    while !supervisor
        .which_children()
        .await
        .unwrap()
        .iter()
        .any(|child| stopping(&child.state))
    {
        tokio::task::yield_now().await;
    }
    drop(opener);
    assert_eq!(
        starting.await.unwrap_err(),
        StartChildError::Failed(ExitReason::StartTimeout)
    );
    assert_eq!(dynamic_counts(&supervisor).await, [0; 4]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_does_not_wait_longer_than_the_kill_grace_for_a_start_that_blocks() {
    let (gate, opener) = gate();
    let supervisor = DynamicSupervisor::builder().start().unwrap();
    let spec = blocking_start("slow", &gate).kill_grace(Duration::from_millis(20));
    let starting = supervisor.start_child(spec);
    opener.wait();
    supervisor.kill();
    let exit = timeout(SOON, supervisor.exited())
        .await
        .expect("the kill waits for the start");
    assert_eq!((exit.reason, exit.zombies.len()), (ExitReason::Killed, 1));
    assert!(starting.await.is_err());
    drop(opener);
}

/// A helper that blocks its thread. Ends when the test says that it does: whom the helper woke, or who waits in the queue
/// of its thread, could not go on beside it.
async fn block_a_helper(ctx: &Ctx, gate: Gate, blocked: &Notify) {
    ctx.spawn(async move { gate.block() });
    blocked.notified().await;
}

/// The state of the only child, once it is one that is wanted.
async fn until_it_is(which: impl AsyncFn() -> Vec<ChildInfo>, wanted: fn(&ChildState) -> bool) -> ChildInfo {
    let found = async {
        loop {
            if let Some(child) = which().await.into_iter().find(|child| wanted(&child.state)) {
                return child;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(SOON, found)
        .await
        .expect("a helper hides what became of it")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_helper_that_blocks_does_not_hide_the_end_of_its_child() {
    let blocked = Arc::new(Notify::new());
    let fails_beside_a_helper = |gate: Gate| {
        let blocked = Arc::clone(&blocked);
        let spec = ChildSpec::task("a", move |ctx: Ctx| {
            let (gate, blocked) = (gate.clone(), Arc::clone(&blocked));
            async move {
                if ctx.restarts() > 0 {
                    std::future::pending::<()>().await;
                }
                block_a_helper(&ctx, gate, &blocked).await;
                Err::<(), _>("failed")
            }
        });
        spec.kill_grace(Duration::from_millis(20))
    };
    let is_zombie: fn(&ChildState) -> bool = |state| matches!(state, ChildState::Zombie(_));
    let runs: fn(&ChildState) -> bool = |state| matches!(state, ChildState::Running(_));

    let (gate, opener) = gate();
    let supervisor = DynamicSupervisor::builder().start().unwrap();
    supervisor.start_child(fails_beside_a_helper(gate)).await.unwrap();
    opener.wait();
    blocked.notify_one();
    let which = async || supervisor.which_children().await.unwrap();
    until_it_is(which, is_zombie).await;
    drop(opener);
    assert_eq!(until_it_is(which, runs).await.restarts, 1);
    supervisor.kill();

    let (gate, opener) = self::gate();
    let spec = fails_beside_a_helper(gate);
    let supervisor = Supervisor::builder().child(spec).start().await.unwrap();
    opener.wait();
    blocked.notify_one();
    let which = async || supervisor.which_children().await.unwrap();
    until_it_is(which, is_zombie).await;
    drop(opener);
    assert_eq!(until_it_is(which, runs).await.restarts, 1);
    supervisor.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_helper_that_blocks_does_not_hide_that_a_start_failed() {
    let (gate, opener) = gate();
    let blocked = Arc::new(Notify::new());
    let end = Arc::clone(&blocked);
    let spec = ChildSpec::new("a", move |ctx: Ctx| {
        let (gate, end) = (gate.clone(), Arc::clone(&end));
        async move {
            block_a_helper(&ctx, gate, &end).await;
            Err::<Child, _>(StartError::Failed(boom()))
        }
    });
    let supervisor = DynamicSupervisor::builder().start().unwrap();
    let starting = supervisor.start_child(spec.kill_grace(Duration::from_millis(20)));
    opener.wait();
    blocked.notify_one();
    let started = timeout(SOON, starting).await.expect("nothing was told");
    assert!(matches!(started, Err(StartChildError::Zombie(_))), "{started:?}");
    drop(opener);
    let gone = async {
        while dynamic_counts(&supervisor).await != [0; 4] {
            tokio::task::yield_now().await;
        }
    };
    timeout(SOON, gone).await.expect("it stays a zombie");
}

#[tokio::test]
async fn a_thread_child_may_have_any_name() {
    let stage = Stage::new();
    let odd = ChildSpec::thread("a\0b", |_ctx, stop| while !stop.wait_timeout(secs(60)) {});
    let builder = Supervisor::builder().child(stage.actor("first")).child(odd);
    let supervisor = timeout(SOON, builder.start())
        .await
        .expect("it neither came up nor failed")
        .unwrap();
    assert_eq!(counts(&supervisor).await, [2, 2, 0, 2]);
    supervisor.stop().await.unwrap();
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "dropped");
    }
}

fn with_a_bomb_as_info(id: &str) -> ChildSpec {
    ChildSpec::new(id, async |_ctx| {
        let child = Child::task(std::future::pending::<()>());
        Ok::<_, StartError>(Started::Running(child, Some(Box::new(Bomb))))
    })
}

#[tokio::test(start_paused = true)]
async fn what_a_start_tells_may_panic_when_nobody_takes_it() {
    let dynamic = DynamicSupervisor::builder().start().unwrap();
    drop(dynamic.start_child(with_a_bomb_as_info("a")));
    let supervisor = Supervisor::builder()
        .child(with_a_bomb_as_info("a"))
        .start()
        .await
        .unwrap();
    drop(supervisor.start_child(with_a_bomb_as_info("b")));
    assert_eq!(counts(&supervisor).await, [2, 2, 0, 2]);
    while dynamic_counts(&dynamic).await != [1, 1, 0, 1] {
        tokio::task::yield_now().await;
    }
    supervisor.stop().await.unwrap();
    dynamic.stop().await.unwrap();
    assert_eq!(dynamic.exited().await.reason, ExitReason::Normal);
}

#[tokio::test(start_paused = true)]
async fn what_was_told_may_panic_when_the_supervisor_ended_before_it_was_read() {
    let supervisor = DynamicSupervisor::builder().start().unwrap();
    let unread: Vec<_> = (0..8)
        .map(|_| supervisor.start_child(with_a_bomb_as_info("a")))
        .collect();
    supervisor.kill();
    assert_eq!(supervisor.exited().await.reason, ExitReason::Killed);
    drop(unread);
}

#[tokio::test(start_paused = true)]
async fn whatever_a_child_captured_or_panicked_with_may_panic_when_it_is_dropped() {
    let stage = Stage::new();
    let supervisor = Supervisor::builder()
        .intensity(100, secs(1))
        .child(stage.actor("witness"))
        .start()
        .await
        .unwrap();
    let captured = |bomb: Bomb| {
        ChildSpec::task("captured by the start", move |_ctx| {
            let _ = &bomb;
            std::future::pending::<()>()
        })
    };
    let body = ChildSpec::task("captured by the body", |_ctx| {
        let bomb = Bomb;
        async move {
            let _bomb = bomb;
            std::future::pending::<()>().await;
        }
    });
    let payload = ChildSpec::task("panics with a bomb", async |_ctx| std::panic::panic_any(Bomb));
    let failing = ChildSpec::new("start", |_ctx| {
        let bomb = Bomb;
        async move {
            let _bomb = bomb;
            Err::<Child, _>(StartError::Failed(boom()))
        }
    });
    for spec in [captured(Bomb), body, payload] {
        let id = spec.id().clone();
        supervisor
            .start_child(spec.restart(Restart::Temporary))
            .await
            .unwrap();
        while supervisor.terminate_child(&id).await.is_ok() {}
    }
    assert!(supervisor.start_child(failing).await.is_err());
    assert_eq!(counts(&supervisor).await, [1, 1, 0, 1]);
    supervisor.stop().await.unwrap();
    assert_eq!(supervisor.exited().await.reason, ExitReason::Normal);
}

/// A start whose future holds this until it is dropped, and which is over at once.
struct StartsWith<T>(T, Option<Result<Started, StartError>>);

impl<T: Unpin> Future for StartsWith<T> {
    type Output = Result<Started, StartError>;

    fn poll(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(self.1.take().unwrap())
    }
}

/// Makes such starts, which are dropped by whoever polls them.
struct StartsBadly(fn(Child) -> Result<Started, StartError>);

impl StartChild for StartsBadly {
    fn start(&self, _ctx: Ctx) -> Starting {
        let bomb = Bomb;
        let child = Child::task(async move {
            let _bomb = bomb;
        });
        Starting::Later(Box::pin(StartsWith(Bomb, Some((self.0)(child)))))
    }
}

#[tokio::test(start_paused = true)]
async fn a_start_that_panics_when_it_is_dropped_and_leaves_what_does_so_too_has_failed() {
    let supervisor = DynamicSupervisor::builder().start().unwrap();
    let outcomes: [fn(Child) -> Result<Started, StartError>; 2] = [
        |child| Ok(Started::Running(child, None)),
        |child| Ok(Started::Running(child, Some(Box::new(Bomb)))),
    ];
    for outcome in outcomes {
        let spec = ChildSpec::new("a", StartsBadly(outcome));
        let started = timeout(secs(60), supervisor.start_child(spec)).await;
        let error = started.expect("what came of the start was not told").unwrap_err();
        assert_eq!(
            error,
            StartChildError::Failed(ExitReason::Panic("dropped".to_owned()))
        );
    }
    assert_eq!(dynamic_counts(&supervisor).await, [0; 4]);
    supervisor.stop().await.unwrap();
}

/// A waker that panics when it is used, as a child's own executor may.
struct BadWaker;

impl std::task::Wake for BadWaker {
    fn wake(self: Arc<Self>) {
        panic!("woken");
    }
}

#[tokio::test(start_paused = true)]
async fn a_waker_may_panic_when_its_call_is_answered_or_its_child_is_asked_to_stop() {
    let supervisor = Supervisor::builder().start().await.unwrap();
    let spec = ChildSpec::trapping("a", |ctx: Ctx| async move {
        let _waits = poll_badly(ctx.stopped());
        std::future::pending::<()>().await;
    });
    let asked = poll_badly(supervisor.start_child(spec));
    let mut events = supervisor.subscribe();
    let heard = poll_badly(events.next());
    let watched = poll_badly(supervisor.exited());
    assert_eq!(counts(&supervisor).await, [1, 1, 0, 1]);
    supervisor.stop().await.unwrap();
    drop((asked, heard, watched));
}

fn poll_badly<F: Future>(future: F) -> Pin<Box<F>> {
    poll_with(future, &Waker::from(Arc::new(BadWaker)))
}

fn poll_with<F: Future>(future: F, waker: &Waker) -> Pin<Box<F>> {
    let mut future = Box::pin(future);
    assert!(future.as_mut().poll(&mut Context::from_waker(waker)).is_pending());
    future
}

#[tokio::test(start_paused = true)]
async fn a_waker_that_panics_takes_the_stop_away_from_nobody_else_in_its_child() {
    let stage = Stage::new();
    let held = stage.clone();
    let spec = ChildSpec::trapping("a", move |ctx: Ctx| {
        let stage = held.clone();
        async move {
            let _waits = poll_badly(ctx.stopped());
            ctx.stopped().await;
            stage.note("heard");
        }
    });
    let supervisor = Supervisor::builder().child(spec).start().await.unwrap();
    assert_eq!(counts(&supervisor).await, [1, 1, 0, 1]);
    supervisor.stop().await.unwrap();
    assert_eq!(stage.log(), ["heard"]);
}

#[tokio::test(start_paused = true)]
async fn a_waker_that_panics_takes_the_end_of_a_supervisor_away_from_nobody_else() {
    let supervisor = Supervisor::builder().start().await.unwrap();
    // As many as there are places in which those who wait may be kept, so that some share one.
    let waiting: Vec<_> = (0..64).map(|_| poll_badly(supervisor.exited())).collect();
    let stops = (0..64).map(|_| {
        let supervisor = supervisor.clone();
        tokio::spawn(async move { supervisor.exited().await })
    });
    let stops: Vec<_> = stops.collect();
    tokio::task::yield_now().await;
    supervisor.request_stop(ExitReason::Normal);
    for stop in stops {
        let ended = timeout(secs(60), stop).await.expect("nobody woke it");
        assert_eq!(ended.unwrap(), ExitReason::Normal);
    }
    drop(waiting);
}

#[tokio::test(start_paused = true)]
async fn a_waker_that_panics_keeps_no_nested_supervisor_from_starting() {
    let (spec, nested) = ChildSpec::supervisor_with_handle("nested", Supervisor::builder);
    let waiting: Vec<_> = (0..64).map(|_| Box::pin(nested.running())).collect();
    let waiting: Vec<_> = waiting.into_iter().map(poll_badly).collect();
    let others: Vec<_> = (0..64)
        .map(|_| {
            let nested = nested.clone();
            tokio::spawn(async move { nested.running().await.is_some() })
        })
        .collect();
    tokio::task::yield_now().await;
    let supervisor = Supervisor::builder().child(spec).start().await.unwrap();
    for other in others {
        let runs = timeout(secs(60), other).await.expect("nobody woke it");
        assert!(runs.unwrap());
    }
    drop(waiting);
    supervisor.stop().await.unwrap();
}

/// A waker that does something else.
struct Does<F>(F);

impl<F: Fn() + Send + Sync> std::task::Wake for Does<F> {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

#[test]
fn a_waker_may_use_the_supervisor_that_wakes_it() {
    let (done, is_done) = mpsc::channel();
    // A thread that hangs is left behind.
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().build().unwrap();
        runtime.block_on(async {
            let supervisor = Supervisor::builder().start().await.unwrap();
            let mut events = supervisor.subscribe();
            let also = Arc::new(Mutex::new(Vec::new()));
            let (handle, kept) = (supervisor.clone(), Arc::clone(&also));
            let waker = Waker::from(Arc::new(Does(move || {
                kept.lock().unwrap().push(handle.subscribe());
            })));
            drop(poll_with(events.next(), &waker));
            let stage = Stage::new();
            supervisor.start_child(stage.actor("a")).await.unwrap();
            assert!(events.next().await.is_some());
            drop(poll_with(events.next(), &waker));
            supervisor.stop().await.unwrap();
            assert_eq!(also.lock().unwrap().len(), 2);
        });
        done.send(()).unwrap();
    });
    is_done.recv_timeout(SOON).expect("the supervisor hangs");
}

#[test]
fn a_runtime_without_timers_stops_children_in_time_all_the_same() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .unwrap();
    runtime.block_on(async {
        let stage = Stage::new();
        let deaf = ChildSpec::trapping("deaf", |_ctx| std::future::pending::<()>())
            .shutdown(Shutdown::Timeout(Duration::from_millis(30)));
        let supervisor = Supervisor::builder()
            .child(stage.actor("first"))
            .child(deaf)
            .start()
            .await
            .unwrap();
        let mut events = supervisor.subscribe();
        supervisor.stop().await.unwrap();
        assert_eq!(stage.log(), ["+first", "-first"]);
        assert_eq!(supervisor.exited().await.reason, ExitReason::Normal);
        let mut killed = false;
        while let Some(event) = events.next().await {
            killed |= matches!(
                event,
                ordu_supervisor::Event::Report(ordu_supervisor::Report::ShutdownError(_, ExitReason::Killed))
            );
        }
        assert!(killed, "the one that does not hear was not killed");
    });
}

#[test]
fn on_a_runtime_without_timers_a_stop_has_its_limit_all_the_same() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let deaf = ChildSpec::trapping("deaf", |_ctx| std::future::pending::<()>());
        let supervisor = Supervisor::builder()
            .child(deaf.shutdown(Shutdown::Infinity))
            .start()
            .await
            .unwrap();
        let limit = Some(Duration::from_millis(20));
        let stopped = supervisor.stop_with(ExitReason::Normal, limit).await;
        assert_eq!(stopped, Err(StopError::Timeout));
        supervisor.kill();
        supervisor.exited().await;

        let supervisor = Supervisor::builder().start().await.unwrap();
        for limit in [SOON, Duration::MAX] {
            let stopped = supervisor.stop_with(ExitReason::Normal, Some(limit)).await;
            assert_eq!(stopped, Ok(()));
        }
    });
}
