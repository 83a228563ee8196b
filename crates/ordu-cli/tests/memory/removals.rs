//! What children leave that were started and deleted while a member was down: nothing, once that one is written off or
//! was replaced (S1.4, S2.1, S2.4).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use counting_allocator::{blocks_since, live_bytes, note_blocks};
use ordu::{Horde, MemberState};
use tokio::task::JoinSet;

use crate::scene::{Scene, number};

crate::trials![
    children_that_come_and_go_while_a_member_is_down_leave_nothing_once_it_is_written_off,
    children_that_come_and_go_while_a_member_is_down_leave_nothing_once_it_is_back,
];

/// How many children, if this is set in the environment.
const REMOVALS: &str = "ORDU_REMOVALS";

/// What a child may have left at the end.
const BYTES_A_CHILD: i64 = 8;

/// What a flood of children may have left, however many they were.
const BYTES_ONCE: i64 = 256 << 10;

/// So many are started and deleted at once.
const AT_ONCE: usize = 16;

/// So many are there at once before all that.
const WARM_UP: usize = 200;

/// Whom nobody sees.
const DOWN: &str = "n2";

async fn children_that_come_and_go_while_a_member_is_down_leave_nothing_once_it_is_written_off() {
    let mut scene = Scene::of(2, Duration::from_secs(5)).await;
    come_and_go_while_one_is_down(&mut scene, |_| {}).await;
}

async fn children_that_come_and_go_while_a_member_is_down_leave_nothing_once_it_is_back() {
    let mut scene = Scene::of(2, Duration::from_hours(1)).await;
    come_and_go_while_one_is_down(&mut scene, |scene| scene.agents.nodes[1].start()).await;
}

async fn come_and_go_while_one_is_down(scene: &mut Scene, end: impl FnOnce(&mut Scene)) {
    let children = number(REMOVALS, if cfg!(ordu_long) { 25_000 } else { 2_000 });
    // Tables that are made smaller again have their least size by then.
    come_and_go_at_once(scene, WARM_UP).await;
    let before = quiet_bytes().await;
    println!("before: {before} bytes here; resident: {}", scene.resident());
    note_blocks();

    scene.agents.nodes[1].kill();
    let is_down = || {
        scene
            .member(DOWN)
            .is_some_and(|(_, state)| state == MemberState::Down)
    };
    scene.until("one is down", is_down).await;
    let begun = Instant::now();
    let peak = come_and_go(scene, children).await;
    println!(
        "{children} started and deleted in {:.1} s: {} bytes more here at the peak, {} now; resident: {}",
        begun.elapsed().as_secs_f64(),
        peak - before,
        quiet_bytes().await - before,
        scene.resident()
    );
    end(scene);

    let most = BYTES_ONCE + BYTES_A_CHILD * i64::try_from(children).unwrap();
    let patience = Instant::now() + Duration::from_mins(1);
    let mut after = quiet_bytes().await;
    while after - before > most && Instant::now() < patience {
        after = quiet_bytes().await;
    }
    println!(
        "after: {} bytes more here, {:.1} a child; resident: {}",
        after - before,
        (after - before) as f64 / children as f64,
        scene.resident()
    );
    println!("blocks: {}", blocks_since());
    assert!(
        after - before <= most,
        "{children} children left {} bytes, expected at most {most}",
        after - before
    );
}

/// Starts and deletes so many children of new ids, through the node here; the most that was live meanwhile.
async fn come_and_go(scene: &Scene, children: usize) -> i64 {
    let next = Arc::new(AtomicUsize::new(0));
    let mut all = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (horde, spec, next) = (scene.horde(), scene.sleeper(None), Arc::clone(&next));
        all.spawn(async move {
            let mut peak = 0;
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= children {
                    return peak;
                }
                let id = format!("c{number}");
                horde.start_child(&id, spec.clone()).await.unwrap();
                peak = peak.max(live_bytes());
                delete(&horde, &id).await;
            }
        });
    }
    all.join_all().await.into_iter().max().unwrap_or(0)
}

/// Starts so many children, and deletes them when all are there.
async fn come_and_go_at_once(scene: &Scene, children: usize) {
    let horde = scene.horde();
    let ids: Vec<String> = (0..children).map(|number| format!("w{number}")).collect();
    for id in &ids {
        horde.start_child(id, scene.sleeper(None)).await.unwrap();
    }
    for id in &ids {
        delete(&horde, id).await;
    }
}

async fn delete(horde: &Horde, id: &str) {
    horde.terminate_child(id).await.unwrap();
    horde.delete_child(id).await.unwrap();
}

/// The least that is live within two seconds.
async fn quiet_bytes() -> i64 {
    let end = Instant::now() + Duration::from_secs(2);
    let mut least = i64::MAX;
    while Instant::now() < end {
        least = least.min(live_bytes());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    least
}
