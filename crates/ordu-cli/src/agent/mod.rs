//! `ordu agent`: one node of a cluster, a socket for commands, and HTTP for those who watch.

mod answer;
mod apply;
mod describe;
mod descriptors;
mod endpoint;
mod event_counts;
mod http;
mod logging;
mod logs;
mod orphans;
mod places;
mod refusal;
mod reread;
mod rising;
mod seldom;
mod server;
mod settings;
mod signals;
mod steps;
mod turns;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use ordu::cluster_key::ClusterKey;
use ordu::{Exited, Horde, Node, StartError};

use crate::apply::Undone;
use crate::args::AgentArgs;
use crate::failure::{Failure, Wrong};
use descriptors::Descriptors;
use endpoint::Endpoint;
use event_counts::EventCounts;
pub(crate) use http::check_address as check_http_address;
use logging::Logging;
use reread::reread;
use settings::Settings;
use signals::{Signals, Told};
use turns::Turns;

/// What the parts of an agent share.
#[derive(Debug)]
struct Agent {
    node: Node,
    /// The first is the one that requests are about that name none.
    hordes: Vec<Horde>,
    turns: Turns,
    http: Option<SocketAddr>,
    counts: EventCounts,
}

/// How the agent is told to end.
enum End {
    /// In peace.
    Leave,
    /// The node ended by itself.
    Exited(Exited),
    /// At once.
    AtOnce,
}

pub(crate) fn run(args: &AgentArgs) -> Result<(), Failure> {
    let settings = Settings::read(args, Undone::Start)?;
    let key = load_key(&settings.key, Undone::Start)?;
    if let Some(http) = settings.http {
        http::check_address(http)?;
    }
    let logging = Logging::begin(settings.log.as_deref())?;
    warn_root();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start the runtime: {error}")))?;
    let ended = runtime.block_on(async {
        // Before the node starts: a second agent of the same socket must not even appear in the cluster.
        let endpoint = Endpoint::bind(&settings.socket)?;
        serve(args, settings, key, &logging, endpoint).await
    });
    // What is left cannot be waited for, and nothing it does matters any more.
    runtime.shutdown_background();
    ended
}

async fn serve(
    args: &AgentArgs,
    mut settings: Settings,
    mut key: ClusterKey,
    logging: &Logging,
    endpoint: Endpoint,
) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    orphans::collect()?;
    let http = match settings.http {
        Some(addr) => Some(http::listen(addr).await?),
        None => None,
    };
    let node = start(&settings, key.clone()).await?;
    let hordes: Result<Vec<Horde>, _> = settings.hordes.iter().map(|name| node.horde(name)).collect();
    let hordes = hordes.map_err(|error| Failure::usage(error.to_string()))?;
    let counts = EventCounts::new();
    let agent = Arc::new(Agent {
        node: node.clone(),
        hordes,
        turns: Turns::default(),
        http: http.as_ref().map(|(addr, _)| *addr),
        counts: counts.clone(),
    });
    tracing::info!(
        name = %node.name(), id = %node.id(), addr = %node.addr(), cluster = %node.cluster(),
        fingerprint = %node.fingerprint(), socket = %endpoint.path().display(), "the node listens"
    );
    tokio::spawn(counts.follow(node.events()));
    let room = Descriptors::of_this_process();
    let control = tokio::spawn(server::serve(endpoint, Arc::clone(&agent), room));
    let web = http.map(|(_, listener)| tokio::spawn(http::serve(listener, Arc::clone(&agent), room.http)));

    let mut holder_gone = std::pin::pin!(stdin_ends());
    let end = loop {
        tokio::select! {
            told = signals.next() => match told {
                Told::Leave => break End::Leave,
                Told::Reread => (settings, key) = reread(args, (settings, key), &node, logging),
            },
            exited = node.exited() => break End::Exited(exited),
            () = &mut holder_gone, if args.end_with_stdin => break End::AtOnce,
        }
    };
    let ended = match end {
        End::AtOnce => Ok(()),
        End::Exited(Exited::Left) => {
            tracing::warn!(
                "this node was taken out by others, by a removal or a list of members: it has left the cluster"
            );
            Ok(())
        }
        End::Exited(exited) => Err(Failure::failed(format!("the node has ended: {exited}"))),
        End::Leave => {
            tracing::info!("leaving the cluster; a second signal ends this agent at once");
            tokio::select! {
                exited = node.leave() => match exited {
                    Exited::Left => Ok(()),
                    other => Err(Failure::failed(format!("the node has ended: {other}"))),
                },
                () = signals.leave() => {
                    let message = "told again to end, and at once: it has not left, and its children are killed";
                    Err(Failure::failed(message))
                }
                // A child that may take as long as it likes to stop must not outlive who holds all this.
                () = &mut holder_gone, if args.end_with_stdin => Ok(()),
            }
        }
    };
    // Removes the socket and lets go of the node.
    control.abort();
    let _ = control.await;
    if let Some(web) = web {
        web.abort();
    }
    ended
}

async fn start(settings: &Settings, key: ClusterKey) -> Result<Node, Failure> {
    let mut builder = Node::builder(&settings.name)
        .cluster(&settings.cluster)
        .key(key)
        .listen(settings.listen)
        .data_dir(&settings.data_dir)
        .timing(settings.timing.clone())
        .log_retention(settings.log_retention)
        .log_max_total(settings.log_max_total)
        .processes();
    for horde in &settings.hordes {
        builder = builder.horde(horde);
    }
    for (name, value) in &settings.labels {
        builder = builder.label(name, value);
    }
    if let Some(capacity) = settings.capacity {
        builder = builder.capacity(capacity);
    }
    if let Some(advertise) = settings.advertise {
        builder = builder.advertise(advertise);
    }
    if let Some(record) = &settings.record {
        builder = builder.record(record);
    }
    if !settings.control_groups {
        builder = builder.without_control_groups();
    }
    for join in &settings.joins {
        builder = builder.join(join);
    }
    builder.start().await.map_err(|error| {
        let wrong = match error {
            StartError::Name(_)
            | StartError::Config(_)
            | StartError::DuplicateHorde { .. }
            | StartError::Join { .. }
            | StartError::Advertise { .. }
            | StartError::Timing(_) => Wrong::Usage,
            _ => Wrong::Failed,
        };
        Failure::new(wrong, error.to_string())
    })
}

/// Reads the key of the cluster.
fn load_key(path: &Path, undone: Undone) -> Result<ClusterKey, Failure> {
    ClusterKey::load(path).map_err(|error| Failure::from(error).and_so(undone))
}

fn warn_root() {
    if rustix::process::geteuid().is_root() {
        tracing::warn!(
            "THIS AGENT RUNS AS ROOT, and so does every command it is told to start. Whoever holds the cluster \
             key, or is root on any node of the cluster, is root on this machine. Run the agent as a user of \
             its own unless that is what you want."
        );
    }
}

/// Waits until whoever holds the other end of standard input has gone.
async fn stdin_ends() {
    let (ended, end) = tokio::sync::oneshot::channel::<()>();
    std::thread::spawn(move || {
        // Nothing is said there; whatever is, it is not for us.
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        drop(ended);
    });
    let _ = end.await;
}
