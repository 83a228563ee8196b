use std::time::{Duration, Instant};

use kameo::Actor;
use kameo::actor::{ActorRef, Spawn};
use kameo::error::Infallible;
use kameo::message::{Context, Message};

use crate::{MANY, RESTARTS, Watch, report, resident, watch};

struct Parent;

impl Actor for Parent {
    type Args = ();
    type Error = Infallible;

    async fn on_start((): (), _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(Self)
    }
}

#[derive(Clone)]
struct Idle;

impl Actor for Idle {
    type Args = Self;
    type Error = Infallible;

    async fn on_start(state: Self, _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(state)
    }
}

#[derive(Clone)]
struct Failing(Watch);

impl Actor for Failing {
    type Args = Self;
    type Error = Infallible;

    async fn on_start(state: Self, _: ActorRef<Self>) -> Result<Self, Infallible> {
        state.0.came_up();
        Ok(state)
    }
}

struct Fail;

impl Message<Fail> for Failing {
    type Reply = ();

    async fn handle(&mut self, _: Fail, _: &mut Context<Self, ()>) {
        self.0.fails();
        panic!("boom");
    }
}

pub async fn measure() {
    let parent = Parent::spawn(());
    let (before, memory) = (Instant::now(), resident());
    let mut idle = Vec::new();
    for _ in 0..MANY {
        let child = Idle::supervise(&parent, Idle).spawn().await;
        child.wait_for_startup().await;
        idle.push(child);
    }
    let (took, bytes) = (before.elapsed(), resident() - memory);

    let (watch, mut ups) = watch();
    let limit = u32::MAX;
    let failing_parent = Parent::spawn(());
    let child = Failing::supervise(&failing_parent, Failing(watch))
        .restart_limit(limit, Duration::from_millis(1))
        .spawn()
        .await;
    let mut restarts = Vec::new();
    while restarts.len() < RESTARTS {
        restarts.extend(ups.recv().await.unwrap());
        child.tell(Fail).await.unwrap();
    }
    report("kameo", took, bytes, restarts);
}
