//! Many children, and much output.

use std::time::Instant;

use ordu_supervisor::process::log::{LogFiles, RotatingFile, drain};
use ordu_supervisor::process::{KeeperEvent, Output, ProcessExit, SpawnRequest};
use tokio::io::AsyncReadExt;

use crate::scene::{Scene, children_of, open_descriptors};

crate::tests![
    three_hundred_children_at_once_are_each_reported_once,
    a_child_that_exits_before_its_start_returns_is_reported,
    a_flood_of_output_is_read_to_its_end,
    a_flood_into_a_log_stays_within_its_files_and_ends_with_the_last_line;
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

async fn three_hundred_children_at_once_are_each_reported_once(mut scene: Scene) {
    const COUNT: u64 = 300;
    let started = Instant::now();
    let mut spawned = tokio::task::JoinSet::new();
    for incarnation in 0..COUNT {
        let (keeper, request) = (scene.keeper.clone(), scene.script(incarnation, "exec sleep 100"));
        spawned.spawn(async move { keeper.spawn(request).await.unwrap().pid });
    }
    let mut pids: Vec<u32> = spawned.join_all().await;
    let spawning = started.elapsed();
    pids.sort_unstable();
    let mut running = children_of(scene.keeper.pid());
    running.sort_unstable();
    assert_eq!(running, pids);

    let started = Instant::now();
    for incarnation in 0..COUNT {
        scene.keeper.kill(incarnation).unwrap();
    }
    let mut over = Vec::new();
    for _ in 0..COUNT {
        let KeeperEvent::Exited { incarnation, .. } = scene.event().await else {
            panic!("the keeper ended")
        };
        over.push(incarnation);
    }

    println!(
        "{COUNT} children: {} ms to start, {} ms to kill",
        spawning.as_millis(),
        started.elapsed().as_millis()
    );
    over.sort_unstable();
    assert_eq!(over, (0..COUNT).collect::<Vec<u64>>());
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

async fn a_flood_into_a_log_stays_within_its_files_and_ends_with_the_last_line(mut scene: Scene) {
    let files = LogFiles::new(scene.path("logs"), "room/ä").with_limits(1_000_000, 3);
    let script =
        "yes 'to standard output' | head -n 100000; yes 'to standard error' | head -n 100000 >&2; echo end";
    let mut request = scene.script(1, script);
    request.output = Output::Separate;
    let process = scene.keeper.spawn(request).await.unwrap();

    let file = RotatingFile::open(files.clone());
    let file = drain(process.stdout, process.stderr, file, |_| {}).await.unwrap();

    drop(file);
    assert_eq!(scene.exit_of(1).await, ProcessExit::Code(0));
    let sizes: Vec<u64> = (0..4)
        .filter_map(|age| Some(std::fs::metadata(files.path(age)).ok()?.len()))
        .collect();
    assert!(
        sizes.len() == 3 && sizes.iter().all(|size| *size <= 1_000_000),
        "{sizes:?}"
    );
    let text = String::from_utf8(files.last_lines(50_000).unwrap()).unwrap();
    assert_eq!(text.lines().count(), 50_000);
    let known = ["to standard output", "to standard error", "end"];
    let unknown: Vec<&str> = text.lines().filter(|line| !known.contains(line)).collect();
    // On a machine whose disk hangs for a second, output is dropped, and the log says so.
    assert!(
        unknown.is_empty() || text.contains("bytes of output were dropped here"),
        "{unknown:?}"
    );
    files.remove().unwrap();
    assert_eq!(files.last_lines(1).unwrap(), b"");
}
