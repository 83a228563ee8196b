//! Many children, and much output.

use std::time::Instant;

use ordu_supervisor::process::{KeeperEvent, Output, ProcessExit, SpawnRequest};
use tokio::io::AsyncReadExt;

use crate::scene::{Scene, children_of, open_descriptors};

crate::tests![
    a_hundred_children_at_once_are_each_reported_once,
    a_child_that_exits_before_its_start_returns_is_reported,
    a_flood_of_output_is_read_to_its_end;
    alone: a_thousand_short_lived_children_leave_no_zombie_and_no_descriptor,
];

async fn a_thousand_short_lived_children_leave_no_zombie_and_no_descriptor(mut scene: Scene) {
    let keeper = scene.keeper.pid();
    let before = (open_descriptors(std::process::id()), open_descriptors(keeper));
    let mut spawning = std::time::Duration::ZERO;

    for incarnation in 0..1000 {
        let mut request = SpawnRequest::new(incarnation, ["/bin/true"]);
        request.output = Output::Merged;
        let started = Instant::now();
        let process = scene.keeper.spawn(request).await.unwrap();
        spawning += started.elapsed();
        assert_eq!(scene.exit_of(incarnation).await, ProcessExit::Code(0));
        drop(process);
    }

    println!("spawn: {} µs each", spawning.as_micros() / 1000);
    assert_eq!(children_of(keeper), []);
    assert_eq!(
        (open_descriptors(std::process::id()), open_descriptors(keeper)),
        before
    );
}

async fn a_hundred_children_at_once_are_each_reported_once(mut scene: Scene) {
    let mut spawned = tokio::task::JoinSet::new();
    for incarnation in 0..100 {
        let (keeper, request) = (scene.keeper.clone(), scene.script(incarnation, "exec sleep 100"));
        spawned.spawn(async move { keeper.spawn(request).await.unwrap().pid });
    }
    let mut pids: Vec<u32> = spawned.join_all().await;
    pids.sort_unstable();
    let mut running = children_of(scene.keeper.pid());
    running.sort_unstable();
    assert_eq!(running, pids);

    for incarnation in 0..100 {
        scene.keeper.kill(incarnation).unwrap();
    }

    let mut over = Vec::new();
    for _ in 0..100 {
        let KeeperEvent::Exited { incarnation, .. } = scene.event().await else {
            panic!("the keeper ended")
        };
        over.push(incarnation);
    }
    over.sort_unstable();
    assert_eq!(over, (0..100).collect::<Vec<u64>>());
    assert_eq!(children_of(scene.keeper.pid()), []);
}

async fn a_child_that_exits_before_its_start_returns_is_reported(mut scene: Scene) {
    for incarnation in 0..50 {
        // Polled once, so that it is asked, and then left: nobody waits for the answer.
        let mut start = Box::pin(scene.keeper.spawn(scene.script(incarnation, "exit 9")));
        std::future::poll_fn(|context| {
            let _ = start.as_mut().poll(context);
            std::task::Poll::Ready(())
        })
        .await;
        drop(start);

        assert_eq!(scene.exit_of(incarnation).await, ProcessExit::Code(9));
    }
}

async fn a_flood_of_output_is_read_to_its_end(mut scene: Scene) {
    let mut request = SpawnRequest::new(1, ["head", "-c", "50000000", "/dev/zero"]);
    request.output = Output::Separate;
    let mut process = scene.keeper.spawn(request).await.unwrap();

    let mut bytes = vec![0; 64 << 10];
    let mut total = 0;
    loop {
        match process.stdout.as_mut().unwrap().read(&mut bytes).await.unwrap() {
            0 => break,
            count => total += count,
        }
    }

    assert_eq!(total, 50_000_000);
    assert_eq!(scene.exit_of(1).await, ProcessExit::Code(0));
}
