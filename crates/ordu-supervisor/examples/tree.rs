//! A tree with three levels: a store that everything depends on, and a pool of sessions that come and go.
//!
//! Run it with `cargo run -p ordu-supervisor --example tree`.

use std::time::Duration;

use ordu_supervisor::{
    Child, ChildSpec, Ctx, DynamicSupervisor, Event, Restart, StartError, Strategy, Supervisor,
    SupervisorBuilder,
};

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

/// The listener opens its socket before anybody is told that it is up.
async fn listener(_ctx: Ctx) -> Result<Child, StartError> {
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    println!("listener: up at {}", socket.local_addr()?);
    Ok(Child::trapping(move |stop| async move {
        loop {
            tokio::select! {
                () = stop.stopped() => break,
                accepted = socket.accept() => drop(accepted?),
            }
        }
        println!("listener: closed");
        Ok::<_, std::io::Error>(())
    }))
}

/// The second level: the listener needs the sessions, which it outlives.
fn front() -> SupervisorBuilder {
    let sessions = ChildSpec::new("sessions", async |_ctx| {
        let pool = DynamicSupervisor::builder()
            .max_children(100)
            .start()
            .map_err(StartError::failed)?;
        for number in 1..=3 {
            // The third level.
            let session = ChildSpec::trapping(format!("session {number}"), async |ctx: Ctx| {
                ctx.stopped().await;
                println!("{}: said goodbye", ctx.id());
            });
            let _started = pool.start_child(session.restart(Restart::Temporary)).await?;
        }
        Ok::<_, StartError>(Child::supervisor(pool))
    });
    Supervisor::builder()
        .strategy(Strategy::RestForOne)
        .child(sessions)
        .child(ChildSpec::new("listener", listener))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = Supervisor::builder()
        .strategy(Strategy::RestForOne) // when the store fails, what depends on it starts anew
        .intensity(3, Duration::from_secs(5))
        .child(ChildSpec::trapping("store", store))
        .child(ChildSpec::supervisor("front", front))
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
