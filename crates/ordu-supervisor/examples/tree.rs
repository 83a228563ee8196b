//! A tree with three levels: a store that everything depends on, and a pool of sessions that come and go.
//!
//! Run it with `cargo run -p ordu-supervisor --example tree`.

use std::time::Duration;

use ordu_supervisor::{
    Child, ChildSpec, Ctx, DynamicSupervisor, DynamicSupervisorHandle, Event, Nested, StartError, Strategy,
    Supervisor, SupervisorBuilder,
};
use tokio::net::{TcpListener, TcpStream};

/// Where clients connect, once the listener is up.
type Address = tokio::sync::watch::Sender<Option<std::net::SocketAddr>>;

/// Counts to ten and fails: something goes wrong in every program.
async fn store(ctx: Ctx) -> Result<(), &'static str> {
    println!("store: up for the {}. time", ctx.restarts() + 1);
    for _ in 0..10 {
        tokio::select! {
            () = ctx.stopped() => {
                println!("store: flushed and closed");
                return Ok(());
            }
            () = tokio::time::sleep(Duration::from_millis(30)) => {}
        }
    }
    Err("the disk is full")
}

/// The listener opens its socket before anybody is told that it is up. It starts a session for each connection.
async fn listener(sessions: Nested<DynamicSupervisorHandle>, address: Address) -> Result<Child, StartError> {
    let socket = TcpListener::bind("127.0.0.1:0").await?;
    println!("listener: up at {}", socket.local_addr()?);
    address.send_replace(Some(socket.local_addr()?));
    Child::trapping(move |stop| async move {
        loop {
            tokio::select! {
                () = stop.stopped() => break,
                accepted = socket.accept() => {
                    let (stream, peer) = accepted?;
                    // The connection can be moved in once, which is all that a session needs.
                    let session = ChildSpec::trapping_once("session", move |ctx| session(ctx, stream));
                    let Some(sessions) = sessions.running().await else { break };
                    if let Err(error) = sessions.start_child(session).await {
                        println!("listener: turned {peer} away: {error}");
                    }
                }
            }
        }
        println!("listener: closed");
        Ok::<_, std::io::Error>(())
    })
    .up()
}

/// Lives until the client goes or it is asked to stop.
async fn session(ctx: Ctx, mut stream: TcpStream) -> Result<(), std::io::Error> {
    println!("{}: up", ctx.child());
    let mut nothing = tokio::io::sink();
    tokio::select! {
        () = ctx.stopped() => println!("{}: said goodbye", ctx.child()),
        read = tokio::io::copy(&mut stream, &mut nothing) => {
            println!("{}: the client is gone after {} bytes", ctx.child(), read?);
        }
    }
    Ok(())
}

/// The second level: the listener needs the sessions, which are the third level.
fn front(address: &Address) -> SupervisorBuilder {
    let (pool, sessions) =
        ChildSpec::supervisor_with_handle("sessions", || DynamicSupervisor::builder().max_children(100));
    let address = address.clone();
    Supervisor::builder()
        .strategy(Strategy::RestForOne)
        .child(pool)
        .child(ChildSpec::new("listener", move |_ctx| {
            listener(sessions.clone(), address.clone())
        }))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = Address::new(None);
    let mut addresses = address.subscribe();
    let root = Supervisor::builder()
        .strategy(Strategy::RestForOne) // when the store fails, what depends on it starts anew
        .intensity(3, Duration::from_secs(5))
        .child(ChildSpec::trapping("store", store))
        .child(ChildSpec::supervisor("front", move || front(&address)))
        .start()
        .await?;

    let mut events = root.subscribe();
    tokio::spawn(async move {
        while let Some(event) = events.next().await {
            if let Event::Report(report) = event {
                println!(
                    "  root: {} {:?}",
                    report.offender().key,
                    report.reason().map(ToString::to_string)
                );
            }
        }
    });
    // A client of each listener that comes up, for as long as there is one.
    tokio::spawn(async move {
        let mut clients = Vec::new();
        while addresses.changed().await.is_ok() {
            let address = *addresses.borrow_and_update();
            if let Some(address) = address {
                clients.extend(TcpStream::connect(address).await);
            }
        }
    });
    tokio::time::sleep(Duration::from_millis(700)).await;
    for child in root.which_children().await? {
        println!(
            "{}: {:?}, {} restarts",
            child.id,
            child.state.child().map(ToString::to_string),
            child.restarts
        );
    }
    root.stop().await?;
    Ok(())
}
