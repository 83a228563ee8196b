use std::time::{Duration, Instant};

use ordu_supervisor::{ChildSpec, Ctx, DynamicSupervisor, Supervisor};

use crate::{MANY, RESTARTS, report, resident, watch};

pub async fn measure() {
    let pool = DynamicSupervisor::builder().start().unwrap();
    let (before, memory) = (Instant::now(), resident());
    for _ in 0..MANY {
        let idle = ChildSpec::task("idle", async |_ctx: Ctx| std::future::pending::<()>().await);
        pool.start_child(idle).await.unwrap();
    }
    let (took, bytes) = (before.elapsed(), resident() - memory);

    let (watch, mut ups) = watch();
    let (poke, pokes) = tokio::sync::mpsc::unbounded_channel::<()>();
    let pokes = std::sync::Arc::new(tokio::sync::Mutex::new(pokes));
    let spec = ChildSpec::task("failing", move |_ctx: Ctx| {
        let (watch, pokes) = (watch.clone(), pokes.clone());
        async move {
            watch.came_up();
            pokes.lock().await.recv().await;
            watch.fails();
            Err::<(), _>("boom")
        }
    });
    let builder = Supervisor::builder().intensity(u32::MAX, Duration::from_secs(1));
    let supervisor = builder.child(spec).start().await.unwrap();
    let mut restarts = Vec::new();
    while restarts.len() < RESTARTS {
        restarts.extend(ups.recv().await.unwrap());
        poke.send(()).unwrap();
    }
    supervisor.kill();
    report("ordu", took, bytes, restarts);
}
