//! How a described node comes to run.

use std::sync::Arc;

use ordu_core::{ClusterName, Config, HordeName, NodeId, NodeName};
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinHandle};

use super::builder::{Key, NodeBuilder};
use super::data_dir::DataDir;
use super::{About, Discovery, Exited, Node, StartError, advertise, discovery};
use crate::cluster_key::ClusterKey;
use crate::events::EventLog;
use crate::kind::{DuplicateKind, Kinds, WorkerKind};
use crate::process::{Logs, ProcessKind};
use crate::published::Published;
use crate::shell::{Caller, Clock, EventLoop, Parts};
use crate::transport::{Limits, Transport};

/// The horde of a node that was given none.
const DEFAULT_HORDE: &str = "default";

/// What is cheap to check is checked before anything is opened; what is opened closes itself when a later step
/// fails.
pub(super) async fn start(builder: NodeBuilder) -> Result<Node, StartError> {
    let name = NodeName::new(&builder.name)?;
    let cluster = ClusterName::new(&builder.cluster)?;
    let hordes = hordes(&builder.hordes)?;
    discovery::check(&builder.joins)?;
    let key = match builder.key {
        Some(Key::Given(key)) => key,
        Some(Key::File(path)) => ClusterKey::load(path)?,
        None => return Err(StartError::NoKey),
    };
    if builder.processes && builder.data_dir.is_none() {
        return Err(StartError::NoDataDir);
    }

    let data_dir = builder.data_dir.as_deref().map(DataDir::open).transpose()?;
    let id = NodeId::new(Clock::wall().millis(), u128::from_le_bytes(random()?));
    let credentials = key.credentials(cluster.as_str(), id.0)?;
    let listen = |error: crate::transport::ListenError| StartError::Listen {
        detail: error.to_string(),
    };
    let transport = Transport::listen(builder.listen, &credentials, Limits::default()).map_err(listen)?;
    let mut seeds = discovery::first(&builder.joins, builder.timing.boot_grace).await;
    let addr = advertise::advertised(builder.advertise, transport.local_addr(), &seeds)?;
    seeds.retain(|seed| *seed != addr);

    let mut kinds = builder.kinds;
    let (logs, keeping) = match data_dir.as_ref().filter(|_| builder.processes) {
        Some(data_dir) => {
            let logs = Logs::new(data_dir.path().join("logs"));
            let (kind, keeping) = processes(data_dir, logs.clone()).await?;
            kinds.push(kind);
            (Some(logs), Some(keeping))
        }
        None => (None, None),
    };
    let kinds = Kinds::new(kinds).map_err(|DuplicateKind(kind)| StartError::DuplicateKind { kind })?;

    let published = Arc::new(Published::new());
    let events = EventLog::new(name.clone());
    let (calls, calls_received) = mpsc::unbounded_channel();
    let (exited_sender, exited) = watch::channel(None);
    let about = About {
        id,
        name: name.clone(),
        cluster,
        fingerprint: credentials.fingerprint(),
        addr,
        data_dir: data_dir.as_ref().map(|data_dir| data_dir.path().to_owned()),
        hordes: hordes.clone(),
        published: Arc::clone(&published),
        events: events.source(),
        exited,
    };
    tracing::info!(node = %name, %id, %addr, cluster = %about.fingerprint, "node starts");
    let config = Config {
        name,
        addr,
        labels: builder.labels,
        capacity: builder.capacity,
        kinds: kinds.versions(),
        hordes,
        seeds: seeds.clone(),
        timing: builder.timing,
    };
    let discovery = Discovery::watch(builder.joins, seeds, addr);
    let seed = u64::from_le_bytes(random()?);
    let parts = Parts {
        config,
        id,
        seed,
        transport,
        kinds,
        published,
        events,
        discovery,
        calls: calls_received,
    };
    let event_loop = tokio::spawn(EventLoop::new(parts).run());
    tokio::spawn(async move {
        let exited = event_loop
            .await
            .unwrap_or_else(|error| Exited::Failed(panic_text(error)));
        if let Some(keeping) = keeping {
            // It was dropped with the loop. A panic in it is the end of its keeper as well.
            let _ = keeping.await;
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

/// The kind `process`, and the task that ends when its keeper and all its children have.
async fn processes(
    data_dir: &DataDir,
    logs: Logs,
) -> Result<(Arc<dyn WorkerKind>, JoinHandle<()>), StartError> {
    use ordu_supervisor::process::StartError as KeeperError;
    match ProcessKind::start(data_dir.path(), logs).await {
        Ok((kind, keeping)) => Ok((Arc::new(kind), keeping)),
        Err(KeeperError::NotInitialised) => Err(StartError::NoKeeper),
        Err(error) => Err(StartError::Keeper(error.to_string())),
    }
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
