use std::time::Instant;

use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};

use crate::{MANY, RESTARTS, Watch, report, resident, watch};

struct Parent;

enum ToParent {
    /// Starts a child that fails when it is poked, and starts it again whenever it failed.
    Run(Watch),
    Poke,
}

struct Idle;

impl Actor for Idle {
    type Msg = ();
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<()>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }
}

struct Failing(Watch);

impl Actor for Failing {
    type Msg = ();
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<()>, (): ()) -> Result<(), ActorProcessingErr> {
        self.0.came_up();
        Ok(())
    }

    async fn handle(&self, _: ActorRef<()>, (): (), (): &mut ()) -> Result<(), ActorProcessingErr> {
        self.0.fails();
        Err("boom".into())
    }
}

impl Actor for Parent {
    type Msg = ToParent;
    type State = Option<(Watch, ActorRef<()>)>;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<ToParent>, (): ()) -> Result<Self::State, ActorProcessingErr> {
        Ok(None)
    }

    async fn handle(
        &self,
        myself: ActorRef<ToParent>,
        message: ToParent,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            ToParent::Run(watch) => {
                let (child, _) =
                    Actor::spawn_linked(None, Failing(watch.clone()), (), myself.get_cell()).await?;
                *state = Some((watch, child));
            }
            ToParent::Poke => {
                if let Some((_, child)) = state {
                    child.send_message(())?;
                }
            }
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<ToParent>,
        event: SupervisionEvent,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        if let (SupervisionEvent::ActorFailed(..), Some((watch, child))) = (event, state) {
            let (next, _) = Actor::spawn_linked(None, Failing(watch.clone()), (), myself.get_cell()).await?;
            *child = next;
        }
        Ok(())
    }
}

pub async fn measure() {
    let (parent, _) = Actor::spawn(None, Parent, ()).await.unwrap();
    let (before, memory) = (Instant::now(), resident());
    let mut idle = Vec::new();
    for _ in 0..MANY {
        idle.push(Actor::spawn_linked(None, Idle, (), parent.get_cell()).await.unwrap());
    }
    let (took, bytes) = (before.elapsed(), resident() - memory);

    let (watch, mut ups) = watch();
    let (failing_parent, _) = Actor::spawn(None, Parent, ()).await.unwrap();
    failing_parent.send_message(ToParent::Run(watch)).unwrap();
    let mut restarts = Vec::new();
    while restarts.len() < RESTARTS {
        restarts.extend(ups.recv().await.unwrap());
        failing_parent.send_message(ToParent::Poke).unwrap();
    }
    report("ractor", took, bytes, restarts);
}
