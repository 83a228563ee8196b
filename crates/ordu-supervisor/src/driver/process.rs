//! Operating-system processes as children.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::future::poll_fn;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Poll, ready};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::sync::{mpsc, watch};

use super::child::Child;
use super::child_id::ChildId;
use super::child_spec::ChildSpec;
use super::ctx::Ctx;
use super::helpers::Belonging;
use super::place::{ChildPath, TARGET};
use super::spawn::spawn;
use super::start::{BoxFuture, StartError};
use super::text::Field;
use crate::decisions::ExitReason;
use crate::process::{
    Asked, Keeper, KeeperConfig, KeeperEvent, Output, ProcessExit, Signal, SpawnError, SpawnRequest,
    Spawning, Turn,
};

/// How long to wait before a keeper that could not be started again is tried once more.
const KEEPER_RETRY: Duration = Duration::from_millis(200);

/// Runs processes for supervisors, through one keeper that is started anew if it is lost.
///
/// Cheap to clone. When the last clone, and the last child spec made with it, is dropped, all its processes
/// end. See [`process`](crate::process) for what a keeper is and why `main` must begin with its `init`.
#[derive(Clone)]
pub struct Processes(Arc<Inner>);

struct Inner {
    /// `None` while a lost keeper is being replaced: starts wait for the next one.
    keeper: watch::Sender<Option<Keeper>>,
    ends: Mutex<BTreeMap<u64, watch::Sender<Option<ProcessExit>>>>,
    last: AtomicU64,
}

impl Processes {
    /// Starts a keeper.
    pub async fn start(config: KeeperConfig) -> Result<Self, crate::process::StartError> {
        let (keeper, events) = Keeper::start(config.clone()).await?;
        let inner = Arc::new(Inner {
            keeper: watch::Sender::new(Some(keeper)),
            ends: Mutex::new(BTreeMap::new()),
            last: AtomicU64::new(0),
        });
        spawn(
            format_args!("keeper of processes"),
            attend(Arc::downgrade(&inner), config, events),
        );
        Ok(Self(inner))
    }

    /// A child that is this command.
    pub fn child(&self, id: impl Into<ChildId>, command: ProcessCommand) -> ChildSpec {
        let (inner, command) = (Arc::clone(&self.0), Arc::new(command));
        ChildSpec::new(id, move |ctx: Ctx| {
            start(Arc::clone(&inner), Arc::clone(&command), ctx)
        })
    }
}

impl fmt::Debug for Processes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Processes")
            .field("running", &self.0.ends().len())
            .finish_non_exhaustive()
    }
}

impl Inner {
    fn ends(&self) -> MutexGuard<'_, BTreeMap<u64, watch::Sender<Option<ProcessExit>>>> {
        lock(&self.ends)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Passes on what the keeper reports, and replaces it when it is lost.
async fn attend(inner: Weak<Inner>, config: KeeperConfig, mut events: mpsc::UnboundedReceiver<KeeperEvent>) {
    loop {
        match events.recv().await {
            Some(KeeperEvent::Exited { incarnation, exit }) => {
                let Some(inner) = inner.upgrade() else { return };
                if let Some(end) = inner.ends().remove(&incarnation) {
                    end.send_replace(Some(exit));
                }
            }
            Some(KeeperEvent::Lost | KeeperEvent::Hung) | None => {
                let Some(inner) = inner.upgrade() else { return };
                inner.keeper.send_replace(None);
                // Whatever it had not reported is over too.
                inner.ends().clear();
                match Keeper::start(config.clone()).await {
                    Ok((keeper, next)) => {
                        events = next;
                        inner.keeper.send_replace(Some(keeper));
                    }
                    Err(error) => {
                        tracing::error!(
                            target: TARGET,
                            error = %Field::reason(error),
                            "the keeper was lost and cannot be started again"
                        );
                        drop(inner);
                        tokio::time::sleep(KEEPER_RETRY).await;
                    }
                }
            }
        }
    }
}

/// What reads the output of a process.
type OnOutput = Arc<dyn Fn(&[u8]) + Send + Sync>;

/// A command to run as a child.
///
/// ```
/// use ordu_supervisor::ProcessCommand;
/// use ordu_supervisor::process::Signal;
///
/// let command = ProcessCommand::new(["./server", "--port", "80"])
///     .env("RUST_LOG", "info")
///     .stop_signal(Signal::INT)
///     .normal_codes([0, 3]);
/// # let _ = command;
/// ```
#[derive(Clone)]
#[must_use]
pub struct ProcessCommand {
    command: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    cwd: Option<PathBuf>,
    stop_signal: Signal,
    normal_codes: Vec<i32>,
    leftover_timeout: Option<Duration>,
    allow_new_privileges: bool,
    on_output: Option<OnOutput>,
}

impl ProcessCommand {
    /// A program and its arguments; never a shell's command line. Its environment is PATH, `ORDU_ID` and what
    /// is added; its output goes to `/dev/null` unless [`on_output`](Self::on_output) is set.
    pub fn new<W: Into<OsString>>(command: impl IntoIterator<Item = W>) -> Self {
        Self {
            command: command.into_iter().map(Into::into).collect(),
            env: Vec::new(),
            cwd: None,
            stop_signal: Signal::TERM,
            normal_codes: ProcessExit::NORMAL_CODES.to_vec(),
            leftover_timeout: None,
            allow_new_privileges: false,
            on_output: None,
        }
    }

    /// Adds a variable to its environment.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Its working directory; this program's unless set.
    pub fn cwd(mut self, cwd: impl Into<PathBuf>) -> Self {
        self.cwd = Some(cwd.into());
        self
    }

    /// What asks it to stop; SIGTERM unless set. It goes to the process group, and to what else is left once the process
    /// itself has ended; all together have the time of [`Shutdown`](crate::Shutdown).
    pub fn stop_signal(mut self, signal: Signal) -> Self {
        self.stop_signal = signal;
        self
    }

    /// Which exit codes are a normal end; 0 unless set.
    pub fn normal_codes(mut self, codes: impl IntoIterator<Item = i32>) -> Self {
        self.normal_codes = codes.into_iter().collect();
        self
    }

    /// When it ends unasked, what it leaves behind is sent the stop signal, and has this long to end before it is
    /// killed; five seconds unless set. Only then is it restarted.
    pub fn leftover_timeout(mut self, limit: Duration) -> Self {
        self.leftover_timeout = Some(limit);
        self
    }

    /// Whether it may gain privileges by running a program that has them (set-user-id, file capabilities); not unless
    /// set.
    pub fn allow_new_privileges(mut self, allow: bool) -> Self {
        self.allow_new_privileges = allow;
        self
    }

    /// What to do with its standard output and error, as they come. A slow reader slows the process down.
    pub fn on_output(mut self, read: impl Fn(&[u8]) + Send + Sync + 'static) -> Self {
        self.on_output = Some(Arc::new(read));
        self
    }

    fn request(&self, incarnation: u64, ctx: &Ctx) -> SpawnRequest {
        let mut request = SpawnRequest::new(incarnation, self.command.iter().cloned());
        request.env.push(("ORDU_ID".into(), ctx.id().as_str().into()));
        for (name, value) in &self.env {
            request.env.retain(|(present, _)| present != name);
            request.env.push((name.clone(), value.clone()));
        }
        request.cwd.clone_from(&self.cwd);
        request.stop_signal = self.stop_signal;
        request.allow_new_privileges = self.allow_new_privileges;
        if let Some(limit) = self.leftover_timeout {
            request.leftover_timeout = limit;
        }
        request.output = if self.on_output.is_some() {
            Output::Merged
        } else {
            Output::Null
        };
        request
    }
}

impl fmt::Debug for ProcessCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessCommand")
            .field("command", &self.command)
            .finish_non_exhaustive()
    }
}

/// Starts it under the keeper that there is, and once more under the next if that one is gone before it has answered: a
/// keeper that is gone has taken with it whatever it had started. Once only, for the program itself may be the cause.
async fn start(inner: Arc<Inner>, command: Arc<ProcessCommand>, ctx: Ctx) -> Result<Child, StartError> {
    let mut keepers = inner.keeper.subscribe();
    let keeper = present(&mut keepers).await?;
    match start_under(keeper, Arc::clone(&inner), Arc::clone(&command), &ctx).await {
        Err(SpawnError::KeeperGone(gone)) => {
            keepers.changed().await.map_err(|_| gone)?;
            let next = present(&mut keepers).await?;
            Ok(start_under(next, inner, command, &ctx).await?)
        }
        started => Ok(started?),
    }
}

async fn present(keepers: &mut watch::Receiver<Option<Keeper>>) -> Result<Keeper, StartError> {
    let keeper = keepers.wait_for(Option::is_some).await;
    let keeper = keeper.ok().and_then(|keeper| keeper.clone());
    keeper.ok_or_else(|| StartError::failed("the keeper is gone"))
}

async fn start_under(
    keeper: Keeper,
    inner: Arc<Inner>,
    command: Arc<ProcessCommand>,
    ctx: &Ctx,
) -> Result<Child, SpawnError> {
    let turn = keeper.turn().await?;
    let incarnation = inner.last.fetch_add(1, Ordering::Relaxed) + 1;
    let request = command.request(incarnation, ctx);
    let order = || RunningProcess::order(keeper, inner, Arc::clone(&command), request, turn);
    // From here on, whatever becomes of this start, it is not over before the process is.
    let process = ctx.shared.helpers.start(order);
    let process = process.unwrap_or(Err(SpawnError::Invalid("its child has ended")))?;
    let output = process.started().await?;
    if let (Some(read), Some(output)) = (&command.on_output, output) {
        // Not a helper of the child: what it wrote last is read also after its end.
        let name = format_args!("output of {}", ChildPath(&ctx.shared));
        spawn(name, drain(output, Arc::clone(read)));
    }
    Ok(Child::process(process))
}

async fn drain(mut output: pipe::Receiver, read: OnOutput) {
    let mut buffer = vec![0; 8 * 1024];
    while let Ok(length @ 1..) = output.read(&mut buffer).await {
        read(&buffer[..length]);
    }
}

/// A process that runs, or is to. It is killed when this is dropped before its end.
pub(super) struct RunningProcess {
    keeper: Keeper,
    inner: Arc<Inner>,
    incarnation: u64,
    command: Arc<ProcessCommand>,
    asked: Mutex<Asked>,
    /// Until it is known what came of the start.
    spawning: Mutex<Option<Spawning>>,
    exit: watch::Receiver<Option<ProcessExit>>,
}

impl RunningProcess {
    fn order(
        keeper: Keeper,
        inner: Arc<Inner>,
        command: Arc<ProcessCommand>,
        request: SpawnRequest,
        turn: Turn,
    ) -> Result<Arc<Self>, SpawnError> {
        let incarnation = request.incarnation;
        let (ended, exit) = watch::channel(None);
        inner.ends().insert(incarnation, ended);
        let process = Self {
            keeper,
            inner,
            incarnation,
            command,
            asked: Mutex::new(Asked::Nothing),
            spawning: Mutex::new(None),
            exit,
        };
        *lock(&process.spawning) = Some(process.keeper.order_spawn(request, turn)?);
        Ok(Arc::new(process))
    }

    /// Waits until it runs, and gives its output to the first who does.
    async fn started(&self) -> Result<Option<pipe::Receiver>, SpawnError> {
        poll_fn(|cx| {
            let mut spawning = lock(&self.spawning);
            let Some(start) = &mut *spawning else {
                return Poll::Ready(Ok(None));
            };
            let started = ready!(Pin::new(start).poll(cx));
            *spawning = None;
            if started.is_err() {
                self.inner.ends().remove(&self.incarnation);
            }
            Poll::Ready(started.map(|process| process.stdout))
        })
        .await
    }

    pub(super) fn ask(&self) {
        let signal = self.command.stop_signal;
        self.set_asked(Asked::Stop(signal));
        // If the keeper is gone so is the process.
        let _ = self.keeper.ask_to_stop(self.incarnation);
    }

    pub(super) fn kill(&self) {
        let stop = match self.asked() {
            Asked::Stop(signal) => Some(signal),
            Asked::Nothing | Asked::Kill(_) => None,
        };
        self.set_asked(Asked::Kill(stop));
        let _ = self.keeper.kill(self.incarnation);
    }

    /// Waits for its end.
    pub(super) async fn ended(&self) -> ExitReason {
        let exit = self.exit().await;
        exit.reason(self.asked(), &self.command.normal_codes)
    }

    async fn exit(&self) -> ProcessExit {
        let mut exit = self.exit.clone();
        let ended = exit.wait_for(Option::is_some).await;
        ended.ok().and_then(|exit| *exit).unwrap_or(ProcessExit::Lost)
    }

    fn asked(&self) -> Asked {
        *lock(&self.asked)
    }

    fn set_asked(&self, asked: Asked) {
        *lock(&self.asked) = asked;
    }
}

impl Belonging for Arc<RunningProcess> {
    fn kill(&self) {
        RunningProcess::kill(self);
    }

    fn is_gone(&self) -> bool {
        self.exit.has_changed().is_err() || self.exit.borrow().is_some()
    }

    fn gone(&self) -> BoxFuture<()> {
        let process = Self::clone(self);
        Box::pin(async move {
            // One that was not started has no end.
            if process.started().await.is_ok() {
                process.exit().await;
            }
        })
    }
}

impl Drop for RunningProcess {
    fn drop(&mut self) {
        if self.inner.ends().remove(&self.incarnation).is_some() {
            let _ = self.keeper.kill(self.incarnation);
        }
    }
}
