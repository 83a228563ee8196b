//! The same worker twice: spawned, it dies and nobody notices; supervised, it comes back.
//!
//! Run it with `cargo run -p ordu-supervisor --example silent_death`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ordu_supervisor::{ChildSpec, Supervisor};

/// Works a while, then panics.
async fn work(done: Arc<AtomicU32>) {
    for _ in 0..5 {
        done.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("an index was out of bounds");
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    std::panic::set_hook(Box::new(|_| {})); // as quiet as in a log nobody reads

    let spawned = Arc::new(AtomicU32::new(0));
    tokio::spawn(work(Arc::clone(&spawned)));

    let supervised = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&supervised);
    let supervisor = Supervisor::builder()
        .intensity(100, Duration::from_secs(5))
        .child(ChildSpec::task("worker", move |_ctx| work(Arc::clone(&counter))))
        .start()
        .await?;

    tokio::time::sleep(Duration::from_secs(1)).await;
    println!(
        "spawned:    {} units of work, then silence",
        spawned.load(Ordering::Relaxed)
    );
    println!(
        "supervised: {} units of work, {} restarts",
        supervised.load(Ordering::Relaxed),
        supervisor.which_children().await?[0].restarts
    );
    supervisor.stop().await?;
    Ok(())
}
