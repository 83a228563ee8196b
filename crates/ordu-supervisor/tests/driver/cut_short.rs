//! Starts that are cut short: what they had brought up is gone before they count as over.

use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ordu_supervisor::{
    Child, ChildSpec, ChildState, Ctx, DynamicSupervisor, ExitReason, StartChildError, StopSignal, Supervisor,
};
use tokio::sync::mpsc::unbounded_channel;
use tokio::sync::oneshot::{self, Sender};
use tokio::time::timeout;

use crate::support::{Stage, Tell, secs};

/// What cuts a start short, and who waits for it.
#[derive(Debug, Clone, Copy)]
enum Cut {
    StartTimeout,
    Terminate,
    Stop,
    Kill,
    StaticStartTimeout,
    StaticStop,
    StaticKill,
}

/// How long a start may take that is to take too long.
const A_WHILE: Duration = Duration::from_millis(30);

const CUTS: [Cut; 7] = [
    Cut::StartTimeout,
    Cut::Terminate,
    Cut::Stop,
    Cut::Kill,
    Cut::StaticStartTimeout,
    Cut::StaticStop,
    Cut::StaticKill,
];

impl Cut {
    /// Starts the child, cuts that short once `under_way` is over, and waits until it is said to be over.
    async fn cut(self, spec: ChildSpec, under_way: impl Future<Output = ()>, is_cut: Option<Sender<()>>) {
        if matches!(
            self,
            Self::StaticStartTimeout | Self::StaticStop | Self::StaticKill
        ) {
            self.cut_static(spec, under_way, is_cut).await;
        } else {
            self.cut_dynamic(spec, under_way, is_cut).await;
        }
    }

    async fn cut_dynamic(
        self,
        spec: ChildSpec,
        under_way: impl Future<Output = ()>,
        is_cut: Option<Sender<()>>,
    ) {
        let supervisor = DynamicSupervisor::builder().start().unwrap();
        let start = supervisor.start_child(match self {
            Self::StartTimeout => spec.start_timeout(A_WHILE),
            _ => spec,
        });
        under_way.await;
        let child = supervisor.which_children().await.unwrap()[0].state.clone();
        let terminated = match self {
            Self::Terminate => Some(supervisor.terminate_child(child.child().unwrap())),
            _ => None,
        };
        match self {
            Self::Stop => supervisor.request_stop(ExitReason::Normal),
            Self::Kill => supervisor.kill(),
            _ => {}
        }
        if let Some(is_cut) = is_cut {
            loop {
                let children = supervisor.which_children().await.unwrap();
                if matches!(children[0].state, ChildState::Stopping(_)) {
                    break;
                }
            }
            is_cut.send(()).unwrap();
        }
        match terminated {
            Some(terminated) => terminated.await.unwrap(),
            None if matches!(self, Self::StartTimeout) => {
                let failed = StartChildError::Failed(ExitReason::StartTimeout);
                assert_eq!(start.await.unwrap_err(), failed);
            }
            None => assert_eq!(supervisor.exited().await.zombies, []),
        }
    }

    async fn cut_static(
        self,
        spec: ChildSpec,
        under_way: impl Future<Output = ()>,
        is_cut: Option<Sender<()>>,
    ) {
        let supervisor = Supervisor::builder().start().await.unwrap();
        let start = supervisor.start_child(match self {
            Self::StaticStartTimeout => spec.start_timeout(A_WHILE),
            _ => spec,
        });
        under_way.await;
        let waits = supervisor.count_children();
        match self {
            Self::StaticStop => supervisor.request_stop(ExitReason::Normal),
            Self::StaticKill => supervisor.kill(),
            _ => {
                start.await.unwrap_err();
                return;
            }
        }
        if let Some(is_cut) = is_cut {
            waits.await.unwrap_err();
            is_cut.send(()).unwrap();
        }
        assert_eq!(supervisor.exited().await.zombies, []);
    }
}

/// A child far below others, so that many have to be told before it is gone, and it says that it is.
fn deep(stage: &Stage) -> ChildSpec {
    let stage = stage.clone();
    let bottom = ChildSpec::task("bottom", move |_ctx| {
        let tell = Tell(stage.clone(), "gone");
        stage.note("up");
        async move {
            let _tell = tell;
            std::future::pending::<()>().await;
        }
    });
    (0..5).fold(bottom, |below, _| {
        ChildSpec::supervisor("level", move || Supervisor::builder().child(below.clone()))
    })
}

/// One that never comes up.
fn hanging() -> ChildSpec {
    ChildSpec::new("hanging", async |_ctx: Ctx| {
        std::future::pending::<()>().await;
        Child::task(async {}).up()
    })
}

/// Waits until the stage has heard this.
async fn heard(stage: &Stage, line: &str) {
    while !stage.log().iter().any(|heard| heard == line) {
        tokio::task::yield_now().await;
    }
}

/// Runs the test as one task among others, so that it sees things as early as they do.
async fn in_turn<T: Send + 'static>(test: impl Future<Output = T> + Send + 'static) -> T {
    tokio::spawn(test).await.unwrap()
}

/// The child `a` is terminated: what the stage has heard by then.
async fn terminated(stage: Stage, spec: ChildSpec) -> Vec<String> {
    let supervisor = Supervisor::builder().child(spec).start().await.unwrap();
    heard(&stage, "up").await;
    supervisor.terminate_child("a").await.unwrap();
    stage.log()
}

/// The ways to start a supervisor in a start function.
fn nested(stage: &Stage) -> [(&'static str, ChildSpec); 4] {
    let builder = |stage: &Stage| Supervisor::builder().child(deep(stage)).child(hanging());
    let [a, b, c, d] = [stage.clone(), stage.clone(), stage.clone(), stage.clone()];
    [
        ("supervisor", ChildSpec::supervisor("a", move || builder(&a))),
        (
            "start_link",
            ChildSpec::new("a", move |ctx: Ctx| {
                let builder = builder(&b);
                async move { Child::supervisor(builder.start_link(&ctx).await?).up() }
            }),
        ),
        (
            "start",
            ChildSpec::new("a", move |_ctx: Ctx| {
                let builder = builder(&c);
                async move { Child::supervisor(builder.start().await?).up() }
            }),
        ),
        (
            "a body that was made too early",
            ChildSpec::new("a", move |_ctx: Ctx| {
                let builder = Supervisor::builder().child(deep(&d));
                async move {
                    let child = Child::supervisor(builder.start().await?);
                    std::future::pending::<()>().await;
                    child.up()
                }
            }),
        ),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_that_a_start_had_begun_is_gone_before_that_start_is_over() {
    for cut in CUTS {
        for at in 0..4 {
            let stage = Stage::new();
            let (name, spec) = nested(&stage)[at].clone();
            let seen = stage.clone();
            let log = in_turn(async move {
                cut.cut(spec, heard(&seen, "up"), None).await;
                seen.log()
            });
            assert_eq!(log.await, ["up", "gone"], "{name}, {cut:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_that_a_child_lets_go_of_is_gone_before_that_child_has_ended() {
    let stage = Stage::new();
    let held = stage.clone();
    let spec = ChildSpec::task("a", move |_ctx| {
        let builder = Supervisor::builder().child(deep(&held));
        async move {
            let _owned = builder.start().await.unwrap().kill_on_drop();
            std::future::pending::<()>().await;
        }
    });
    let log = in_turn(terminated(stage, spec)).await;
    assert_eq!(log, ["up", "gone"]);
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_that_a_helper_was_starting_is_gone_before_its_child_has_ended() {
    let stage = Stage::new();
    let held = stage.clone();
    let spec = ChildSpec::task("a", move |ctx: Ctx| {
        let builder = Supervisor::builder().child(deep(&held)).child(hanging());
        let linked = ctx.clone();
        ctx.spawn(async move { drop(builder.start_link(&linked).await) });
        std::future::pending::<()>()
    });
    let log = in_turn(terminated(stage, spec)).await;
    assert_eq!(log, ["up", "gone"]);
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_is_not_started_for_a_child_that_has_ended() {
    let stage = Stage::new();
    let (tell, mut told) = unbounded_channel();
    let spec = ChildSpec::task("a", move |ctx: Ctx| {
        tell.send(ctx).unwrap();
        std::future::pending::<()>()
    });
    let supervisor = Supervisor::builder().child(spec).start().await.unwrap();
    let ctx = told.recv().await.unwrap();
    supervisor.terminate_child("a").await.unwrap();
    let builder = Supervisor::builder().child(deep(&stage));
    builder.start_link(&ctx).await.unwrap_err();
    assert_eq!(stage.log(), <[&str; 0]>::default());
}

#[tokio::test(start_paused = true)]
async fn a_child_that_lets_go_of_a_supervisor_above_it_does_not_wait_for_it() {
    let (tell, told) = unbounded_channel();
    let told = Arc::new(tokio::sync::Mutex::new(told));
    let supervisor = DynamicSupervisor::builder().start().unwrap();
    let spec = ChildSpec::task("a", move |_ctx| {
        let told = Arc::clone(&told);
        async move {
            let above: ordu_supervisor::DynamicSupervisorHandle = told.lock().await.recv().await.unwrap();
            let _owned = above.kill_on_drop();
        }
    });
    supervisor.start_child(spec).await.unwrap();
    tell.send(supervisor.clone()).unwrap();
    let exit = timeout(secs(1), supervisor.exited()).await.unwrap();
    assert_eq!((&exit.reason, &*exit.zombies), (&ExitReason::Killed, &[][..]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_start_that_comes_to_a_thread_after_it_was_cut_short_does_not_run_it() {
    // A static supervisor answers nobody who asks whether it has cut a start short.
    for cut in CUTS
        .into_iter()
        .filter(|cut| !matches!(cut, Cut::StaticStartTimeout))
    {
        let stage = Stage::new();
        let (let_go, go_on) = mpsc::channel();
        let go_on = Arc::new(Mutex::new(go_on));
        let held = stage.clone();
        let spec = ChildSpec::new("a", move |_ctx: Ctx| {
            let (go_on, stage) = (Arc::clone(&go_on), held.clone());
            async move {
                // Wakes nobody: who was woken here would wait behind this.
                stage.note("blocks");
                go_on.lock().unwrap().recv().unwrap();
                let unused = Tell(stage.clone(), "let go of");
                Child::thread(move |stop: StopSignal| {
                    let _unused = unused;
                    stage.note("runs");
                    stop.wait();
                })
                .up()
            }
        });
        let (tell_cut, is_cut) = oneshot::channel();
        let under_way = heard(&stage, "blocks");
        // Not a task: one that waits on the thread that is blocked waits with it.
        let cutting = cut.cut(spec.kill_grace(secs(60)), under_way, Some(tell_cut));
        let letting_go = async {
            is_cut.await.unwrap();
            let_go.send(()).unwrap();
        };
        let cutting = async { tokio::join!(cutting, letting_go) };
        timeout(secs(30), cutting).await.expect("it is over");
        let let_go_of = timeout(secs(5), heard(&stage, "let go of")).await;
        let log = stage.log();
        assert_eq!(
            (let_go_of, &*log),
            (Ok(()), &["blocks".to_owned(), "let go of".to_owned()][..]),
            "{cut:?}"
        );
    }
}
