//! How a described node comes to run.

use std::path::Path;
use std::sync::{Arc, Mutex};

use ordu_core::recording::Header;
use ordu_core::{ClusterName, Config, HordeName, NodeId, NodeName};
use ordu_supervisor::process::StartError as KeeperError;
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinHandle};

use super::builder::{Key, NodeBuilder};
use super::data_dir::DataDir;
use super::discovery::Lookup;
use super::{About, Discovery, Exited, Node, StartError, advertise, discovery};
use crate::cluster_key::ClusterKey;
use crate::events::EventLog;
use crate::kind::{DuplicateKind, Kinds, WorkerKind};
use crate::process::{Keeping, Logs, Outage, ProcessKind};
use crate::published::Published;
use crate::recording::{Recorder, RecordingFile};
use crate::shell::{Call, Caller, Clock, EventLoop, Parts};
use crate::transport::{Limits, Transport};

/// The horde of a node that was given none.
const DEFAULT_HORDE: &str = "default";

/// What can be checked is checked before anything is opened; what is opened closes itself when a later step
/// fails. The keeper, which ends only on its own time, is the last that can.
pub(super) async fn start(builder: NodeBuilder) -> Result<Node, StartError> {
    let name = NodeName::new(&builder.name)?;
    let cluster = ClusterName::new(&builder.cluster)?;
    let hordes = hordes(&builder.hordes)?;
    discovery::check(&builder.joins)?;
    advertise::check(builder.advertise, &builder.joins)?;
    let problems = builder.timing.problems();
    if !problems.is_empty() {
        return Err(StartError::Timing(problems));
    }
    let (kinds, keeping) = kinds(builder.kinds, builder.processes)?;
    if builder.processes && builder.data_dir.is_none() {
        return Err(StartError::NoDataDir);
    }
    // What is not known yet comes later; nothing that is checked depends on it.
    let mut config = Config {
        name: name.clone(),
        addr: builder.listen,
        labels: builder.labels,
        capacity: builder.capacity,
        kinds: kinds.versions(),
        hordes: hordes.clone(),
        seeds: Vec::new(),
        timing: builder.timing,
        limits: ordu_core::Limits::default(),
    };
    config.check()?;
    let key = match builder.key {
        Some(Key::Given(key)) => key,
        Some(Key::File(path)) => ClusterKey::load(path)?,
        None => return Err(StartError::NoKey),
    };
    let id = NodeId::new(Clock::wall().millis(), u128::from_le_bytes(random()?));
    let seed = u64::from_le_bytes(random()?);
    let credentials = key.credentials(cluster.as_str(), id.0)?;

    let data_dir = builder.data_dir.as_deref().map(DataDir::open).transpose()?;
    let listen = |error: crate::transport::ListenError| StartError::Listen {
        detail: error.to_string(),
    };
    let transport = Transport::listen(builder.listen, &credentials, Limits::default()).map_err(listen)?;
    let mut lookup = Lookup::new(builder.joins, transport.reach());
    let mut seeds = lookup.first(config.timing.boot_grace).await;
    let addr = advertise::advertised(builder.advertise, transport.local_addr(), &seeds)?;
    seeds.retain(|seed| *seed != addr);
    (config.addr, config.seeds) = (addr, seeds.clone());
    let header = Header { config, id, seed };
    let recording = builder.record.map(|path| record(&path, &header)).transpose()?;
    let events = EventLog::new(name.clone());
    let outage = Outage::none(events.source());
    let (logs, keeping) = match data_dir.as_ref().zip(keeping) {
        Some((data_dir, keeping)) => {
            let logs = Logs::new(data_dir.path().join("logs"), &hordes, events.source());
            let without_groups = builder.without_control_groups;
            let keeping = keeping
                .start(data_dir.path(), logs.clone(), outage.clone(), without_groups)
                .await
                .map_err(no_keeper)?;
            (Some(logs), Some(keeping))
        }
        None => (None, None),
    };

    let recorder = recording.map(|(recorder, file)| {
        file.keep();
        recorder
    });

    let published = Arc::new(Published::new());
    let (calls, calls_received) = mpsc::unbounded_channel();
    let (exited_sender, exited) = watch::channel(None);
    let about = About {
        id,
        name: name.clone(),
        cluster,
        fingerprint: Mutex::new(credentials.fingerprint()),
        addr,
        data_dir: data_dir.as_ref().map(|data_dir| data_dir.path().to_owned()),
        hordes: hordes.clone(),
        published: Arc::clone(&published),
        events: events.source(),
        outage,
        exited,
    };
    tracing::info!(node = %name, %id, %addr, cluster = %credentials.fingerprint(), "node starts");
    let discovery = Discovery::watch(lookup, seeds, addr);
    let parts = Parts {
        header,
        recorder,
        transport,
        kinds,
        published,
        events,
        logs: logs.clone(),
        discovery,
        calls: calls_received,
    };
    let tending = logs.clone().map(|logs| {
        let (published, limits) = (Arc::clone(&about.published), builder.log_limits);
        tokio::spawn(async move { logs.tend(&published, limits).await })
    });
    let event_loop = tokio::spawn(EventLoop::new(parts).run());
    let to_loop = calls.downgrade();
    tokio::spawn(async move {
        let exited = both_ended(event_loop, keeping, to_loop).await;
        if let Some(tending) = tending {
            tending.abort();
        }
        tracing::info!(%exited, "node has ended");
        drop(data_dir); // Unlocked only now: until here children of this node may have run.
        // No handle is left: nobody wants to know.
        let _ = exited_sender.send(Some(exited));
    });
    Ok(Node {
        about: Arc::new(about),
        caller: Caller::new(calls, logs),
    })
}

fn hordes(names: &[String]) -> Result<Vec<HordeName>, StartError> {
    if names.is_empty() {
        return Ok(vec![HordeName::new(DEFAULT_HORDE)?]);
    }
    let mut hordes = Vec::with_capacity(names.len());
    for name in names {
        let horde = HordeName::new(name)?;
        if hordes.contains(&horde) {
            return Err(StartError::DuplicateHorde { name: name.clone() });
        }
        hordes.push(horde);
    }
    Ok(hordes)
}

/// Waits until the loop has ended, and after it the keeper with all children: it was dropped with the loop.
///
/// If the task that speaks with the keeper ends first, a bug has ended it and every process: the loop is told to
/// end, for a node that cannot start what it is given would lose child after child.
async fn both_ended(
    mut event_loop: JoinHandle<Exited>,
    keeping: Option<JoinHandle<()>>,
    to_loop: mpsc::WeakUnboundedSender<Call>,
) -> Exited {
    let exited =
        |ended: Result<Exited, JoinError>| ended.unwrap_or_else(|error| Exited::Failed(panic_text(error)));
    let Some(mut keeping) = keeping else {
        return exited(event_loop.await);
    };
    tokio::select! {
        ended = &mut event_loop => {
            // A panic in it is the end of its keeper as well.
            let _ = keeping.await;
            exited(ended)
        }
        kept = &mut keeping => {
            if let (Err(panic), Some(to_loop)) = (kept, to_loop.upgrade()) {
                let what = format!("what speaks with the keeper of processes: {}", panic_text(panic));
                // It is about to end by itself otherwise.
                let _ = to_loop.send(Call::Fail(what));
            }
            exited(event_loop.await)
        }
    }
}

/// All kinds of a node, with the task of the kind `process` if it runs processes.
fn kinds(
    mut kinds: Vec<Arc<dyn WorkerKind>>,
    processes: bool,
) -> Result<(Kinds, Option<Keeping>), StartError> {
    let keeping = processes.then(|| {
        let (kind, keeping) = ProcessKind::new();
        kinds.push(Arc::new(kind));
        keeping
    });
    match Kinds::new(kinds) {
        Ok(kinds) => Ok((kinds, keeping)),
        Err(DuplicateKind(kind)) => Err(StartError::DuplicateKind { kind }),
    }
}

fn no_keeper(error: KeeperError) -> StartError {
    match error {
        KeeperError::NotInitialised => StartError::NoKeeper,
        error => StartError::Keeper(error.to_string()),
    }
}

/// Not kept unless nothing fails any more: the recorder first, so that it ends before its file is removed.
fn record(path: &Path, header: &Header) -> Result<(Recorder, RecordingFile), StartError> {
    let file = RecordingFile::create(path, &header.config.name, header.id)?;
    Ok((Recorder::start(&file, header)?, file))
}

fn random<const N: usize>() -> Result<[u8; N], StartError> {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| StartError::Randomness)?;
    Ok(bytes)
}

fn panic_text(error: JoinError) -> String {
    match error.try_into_panic() {
        Ok(panic) => panic
            .downcast_ref::<&str>()
            .map(ToString::to_string)
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "panicked".to_owned()),
        Err(error) => error.to_string(),
    }
}
