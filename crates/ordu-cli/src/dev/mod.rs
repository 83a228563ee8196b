//! `ordu dev`: a whole cluster on this machine, one process a node, for trying things out. It ends with all
//! it started.

mod agents;
mod remains;
mod screen;
mod snapshot;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use ordu::cluster_key::ClusterKey;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

use crate::apply::ChildFile;
use crate::args::{Ask, DevArgs};
use crate::commands;
use crate::deadline::Deadline;
use crate::failure::Failure;
use crate::output::say;
use agents::Agents;
use screen::Screen;
use snapshot::Observer;

/// How often the table is drawn anew.
const PERIOD: Duration = Duration::from_millis(250);

/// How long the children of the file may take to start, for each of them.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a child of the file may take to come up.
const UP_WITHIN: Duration = Duration::from_secs(5);

pub(crate) fn run(args: &DevArgs) -> Result<(), Failure> {
    // A file with problems is found before anything is started.
    let file = match &args.file {
        Some(path) => Some((path.as_path(), ChildFile::load(path, START_TIMEOUT)?)),
        None => None,
    };
    remains::adopt()?;
    let folder = tempfile::Builder::new()
        .prefix("ordu-dev-")
        .permissions(PermissionsExt::from_mode(0o700))
        .tempdir()
        .map_err(|error| Failure::failed(format!("cannot make a temporary directory: {error}")))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start the runtime: {error}")))?;
    let mut agents = Agents::new(folder.path())?;
    let outcome = runtime.block_on(async {
        let interrupted = interrupted()?;
        tokio::select! {
            outcome = live(args.nodes, file, &mut agents) => outcome,
            () = interrupted => Ok(()),
        }
    });
    say(format!("ending {} nodes and all they run…", agents.len()));
    drop(agents);
    runtime.shutdown_background();
    let ended = remains::end();
    folder
        .close()
        .map_err(|error| Failure::failed(format!("cannot remove the temporary directory: {error}")))?;
    outcome.and(ended)
}

/// Waits for Ctrl-C, or for being told to end in another way. From the moment this is called none of them ends
/// the process by itself.
fn interrupted() -> Result<impl Future<Output = ()>, Failure> {
    let listen =
        |kind| signal(kind).map_err(|error| Failure::failed(format!("cannot listen to signals: {error}")));
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut hang_up = listen(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
        }
    })
}

async fn live(nodes: u8, file: Option<(&Path, ChildFile)>, agents: &mut Agents) -> Result<(), Failure> {
    agents.start(nodes).await?;
    let mut screen = Screen::new(agents);
    let mut observer = Observer::default();
    let mut said = apply(agents, file);
    let mut period = tokio::time::interval(PERIOD);
    period.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = period.tick() => {}
            Some(text) = said.recv() => screen.note(&text)?,
        }
        agents.reap();
        if agents.living().next().is_none() {
            return Err(Failure::failed("no node is left"));
        }
        if let Some(snapshot) = observer.look(agents).await {
            screen.draw(&snapshot)?;
        }
    }
}

/// Applies the file on another thread, since it waits for one child after the other, and passes on what is to be
/// said about it. Children that do not start are told of, and the cluster goes on.
fn apply(agents: &Agents, file: Option<(&Path, ChildFile)>) -> mpsc::UnboundedReceiver<String> {
    let (say, said) = mpsc::unbounded_channel();
    let socket = agents.living().next().map(|agent| agent.socket().to_owned());
    if let Some((path, file)) = file {
        let path = path.to_owned();
        let ask = Ask {
            socket,
            horde: None,
            json: false,
        };
        let children = u32::try_from(file.children.len()).unwrap_or(u32::MAX);
        tokio::task::spawn_blocking(move || {
            // Nobody listens any more once the cluster ends.
            let tell = |text: String| drop(say.send(text));
            let how = commands::How {
                ask: &ask,
                deadline: Deadline::after(START_TIMEOUT.saturating_mul(children)),
                wait: UP_WITHIN,
            };
            if let Err(failure) = commands::apply(&how, &file, &path, tell) {
                tell(failure.render());
            }
        });
    }
    said
}

/// Makes the key of a cluster that nobody will ever join.
fn throw_away_key(path: &Path) -> Result<(), Failure> {
    let key = ClusterKey::generate().map_err(|error| Failure::failed(error.to_string()))?;
    Ok(key.create_file(path)?)
}
