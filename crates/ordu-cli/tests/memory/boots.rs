//! What a boot leaves with everybody else once it is over: its id and its last sequence (S1.5).

use std::time::{Duration, Instant};

use counting_allocator::{blocks_since, live_bytes, note_blocks};
use ordu::{ChildState, MemberState};

use crate::scene::{Scene, number};

crate::trials![a_thousand_boots_of_one_name_cost_every_other_node_at_most_64_bytes_each];

/// How many boots, if this is set in the environment.
pub(crate) const BOOTS: &str = "ORDU_BOOTS";

const BYTES_A_BOOT: i64 = 64;

/// The name that is booted again and again.
const NAME: &str = "n2";

async fn a_thousand_boots_of_one_name_cost_every_other_node_at_most_64_bytes_each() {
    let boots = number(BOOTS, 1_000);
    // More than are not over yet at any moment: buffers have their size by then.
    let warm_up = (boots / 2).min(100);
    let mut scene = Scene::of(2, Duration::from_secs(5)).await;
    // One that only the node of that name may run: each boot takes it over from the one before.
    let spec = scene.sleeper(Some(NAME));
    scene.horde().start_child("theirs", spec).await.unwrap();

    boot_again_and_again(&mut scene, warm_up).await;
    let before = alone(&mut scene).await;
    note_blocks();
    println!(
        "after {warm_up} boots: {before} bytes here; resident: {}",
        scene.resident()
    );
    let begun = Instant::now();
    boot_again_and_again(&mut scene, boots).await;
    let time = begun.elapsed();
    let busy = live_bytes();
    let mut after = alone(&mut scene).await;
    println!(
        "after {boots} more: {after} bytes here; resident: {}",
        scene.resident()
    );
    println!("blocks: {}", blocks_since());
    let most = BYTES_A_BOOT * i64::try_from(boots).unwrap();
    let each = |bytes: i64| bytes as f64 / boots as f64;
    println!(
        "{:.1} bytes a boot; {:.1} when the last one was up; {:.0} ms a boot",
        each(after - before),
        each(busy - before),
        time.as_secs_f64() * 1e3 / boots as f64,
    );
    // A machine that builds something beside is slower.
    let patience = Instant::now() + Duration::from_mins(1);
    while after - before > most && Instant::now() < patience {
        after = after.min(scene.settled_bytes().await);
        println!("{:.1} bytes a boot, a while later", each(after - before));
    }
    assert!(
        after - before <= most,
        "{boots} boots left {} bytes, {:.1} each; expected at most {BYTES_A_BOOT}",
        after - before,
        each(after - before),
    );
}

/// What is live while nobody bears the name: what a connection takes differs from one to the next by more than many boots.
async fn alone(scene: &mut Scene) -> i64 {
    // Who is down has ended once another of its name lives. Of those that came before one that is down that is not known.
    scene.settled_bytes().await;
    scene.agents.nodes[1].kill();
    scene.settled_bytes().await
}

/// Each boot ends by `kill -9`, and the next one is ready, runs its child and has answered a call before it does.
async fn boot_again_and_again(scene: &mut Scene, boots: usize) {
    for boot in 0..boots {
        let (old, _) = scene.member(NAME).unwrap();
        scene.agents.nodes[1].kill();
        if boot % 2 == 0 {
            // Found dead by who it was connected with. The others are found dead by the one that comes after them.
            let is_gone = || {
                scene
                    .member(NAME)
                    .is_none_or(|(_, state)| state != MemberState::Alive)
            };
            scene.until("its death is known", is_gone).await;
        }
        scene.agents.nodes[1].start();
        let runs_again = || {
            let Some((new, MemberState::Alive)) = scene.member(NAME) else {
                return false;
            };
            let child = scene.horde().lookup("theirs");
            new != old
                && child.is_some_and(|child| {
                    child.state == ChildState::Running && child.token.is_some_and(|token| token.owner == new)
                })
        };
        scene.until("the next boot runs its child", runs_again).await;
        scene.agents.nodes[1].ordu(["restart", "theirs"]).ok();
    }
}
