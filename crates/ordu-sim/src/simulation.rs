use std::collections::BTreeMap;
use std::time::Duration;

use ordu_core::{Answer, CallError, Command};

use crate::invariants::{self, Invariant, Violation};
use crate::oracle::History;
use crate::random::Random;
use crate::{CallId, Fact, Fault, HostId, Machine, Moment, Setup, Trace, What, World};

/// A world, the history of it and the invariants that judge it, with clients that ask again.
///
/// ```
/// use std::time::Duration;
/// use ordu_core::{Config, Input, NodeId, Now, Output, Time};
/// use ordu_sim::{Fault, HostId, Machine, Setup, Simulation, Trace};
///
/// /// A node that does nothing at all.
/// struct Idle;
///
/// impl Machine for Idle {
///     fn boot(_: Config, _: NodeId, _: u64) -> Self {
///         Self
///     }
///     fn handle(&mut self, _: Now, _: Input) {}
///     fn poll_output(&mut self) -> Option<Output> {
///         None
///     }
///     fn next_deadline(&self) -> Option<Time> {
///         None
///     }
/// }
///
/// let mut simulation = Simulation::<Idle>::new(Setup::lan(3, 7), Trace::Off);
/// simulation.boot_all();
/// simulation.inflict(Fault::Crash(HostId(1)));
/// simulation.run_for(Duration::from_secs(5)).expect("idle nodes break no rule");
/// assert_eq!(simulation.history().living().count(), 2);
/// ```
#[derive(Debug)]
pub struct Simulation<M> {
    world: World<M>,
    history: History,
    invariants: Vec<Box<dyn Invariant>>,
    planned: BTreeMap<(Moment, u64), PlannedCall>,
    planned_count: u64,
    retries: BTreeMap<CallId, u32>,
    clients: Random,
}

/// A call that a client is going to make.
#[derive(Clone, Debug)]
pub struct PlannedCall {
    /// Whom it asks first.
    pub host: HostId,
    /// For what.
    pub command: Command,
    /// How long it waits for each answer.
    pub timeout: Duration,
    /// How often it asks again, perhaps elsewhere, if it learns nothing.
    pub retries: u32,
}

impl<M: Machine> Simulation<M> {
    /// Nothing runs yet.
    pub fn new(setup: Setup, trace: Trace) -> Self {
        Self {
            history: History::new(setup.clone()),
            clients: setup.random("clients"),
            world: World::new(setup, trace),
            invariants: invariants::all(),
            planned: BTreeMap::new(),
            planned_count: 0,
            retries: BTreeMap::new(),
        }
    }

    /// The world.
    pub fn world(&self) -> &World<M> {
        &self.world
    }

    /// What truly happened so far.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The present.
    pub fn now(&self) -> Moment {
        self.world.now()
    }

    /// Boots every node now.
    pub fn boot_all(&mut self) {
        for host in self.world.hosts() {
            self.inflict(Fault::Boot(host));
        }
    }

    /// Something goes wrong now, or is put right.
    pub fn inflict(&mut self, fault: Fault) {
        let now = self.now();
        self.world.inflict_at(now, fault);
    }

    /// Something goes wrong later.
    pub fn inflict_after(&mut self, after: Duration, fault: Fault) {
        let at = self.now() + after;
        self.world.inflict_at(at, fault);
    }

    /// Something goes wrong then.
    pub fn inflict_at(&mut self, at: Moment, fault: Fault) {
        self.world.inflict_at(at, fault);
    }

    /// A client makes a call later.
    pub fn plan(&mut self, at: Moment, call: PlannedCall) {
        self.planned_count += 1;
        self.planned.insert((at, self.planned_count), call);
    }

    /// From now on nothing goes wrong any more; whoever was dead stays dead unless booted.
    pub fn calm(&mut self) {
        for fault in [
            Fault::Heal,
            Fault::Clear,
            Fault::CorrectClocks,
            Fault::CalmChildren,
        ] {
            self.world.inflict(fault);
        }
        for host in self.world.hosts() {
            if self.world.is_still(host) {
                self.world.inflict(Fault::Resume(host));
            }
            if self.world.is_slow(host) {
                self.world.inflict(Fault::Quick(host));
            }
            if self.world.is_ill_made(host) {
                self.world.inflict(Fault::Repair(host));
            }
        }
        self.dismiss_clients();
        self.world.declare_calm();
    }

    /// From now on a node runs on this host.
    pub(crate) fn keep_up(&mut self, host: HostId) {
        self.world.keep_up(host);
    }

    /// Nobody asks for what is planned still, and nobody asks again.
    pub fn dismiss_clients(&mut self) {
        self.planned.clear();
        self.retries.clear();
    }

    /// From now on clients judge what they are told by what they asked for alone: all has settled, and no call is open.
    pub fn serve(&mut self) -> Result<(), Violation> {
        self.world.declare_serving();
        self.take_in()
    }

    /// Lets some time pass.
    pub fn run_for(&mut self, length: Duration) -> Result<(), Violation> {
        let end = self.now() + length;
        self.run_until(end)
    }

    /// Lets time pass until then.
    pub fn run_until(&mut self, end: Moment) -> Result<(), Violation> {
        while let Some(next) = self.next_at().filter(|next| *next <= end) {
            self.step(next)?;
        }
        self.world.pass_until(end);
        Ok(())
    }

    /// Lets time pass until every invariant finds all settled; says how long that took.
    pub fn settle(&mut self, within: Duration) -> Result<Duration, Violation> {
        let began = self.now();
        loop {
            self.run_for(crate::TICK)?;
            match self.unsettled() {
                // Who is not on a list and waits for a child that is slow to stop is asked for nothing.
                None if self.world.anybody_leaves() && self.now().since(began) < within => {}
                None => return Ok(self.now().since(began)),
                Some(violation) if self.now().since(began) >= within => return Err(violation),
                Some(_) => {}
            }
        }
    }

    /// What is not as it must be once all has settled.
    pub fn unsettled(&self) -> Option<Violation> {
        if self.history.is_beyond_judging() {
            return None;
        }
        self.invariants.iter().find_map(|invariant| {
            let detail = invariant.settled(&self.history).err()?;
            Some(Violation::of(invariant.as_ref(), self.now(), detail))
        })
    }

    /// Makes a call now and lets time pass until it is answered. `None`: nobody runs there, or died over it.
    pub fn ask(
        &mut self,
        host: HostId,
        command: Command,
        timeout: Duration,
    ) -> Result<Option<Result<Answer, CallError>>, Violation> {
        let Some(call) = self.world.call(host, command, timeout) else {
            return Ok(None);
        };
        self.take_in()?;
        loop {
            let record = self.history.call(call);
            if record.lost.is_some() {
                return Ok(None);
            }
            if let Some((_, result)) = &record.answered {
                return Ok(Some(result.clone()));
            }
            let Some(next) = self.next_at() else {
                return Ok(None);
            };
            self.step(next)?;
        }
    }

    fn next_at(&self) -> Option<Moment> {
        let planned = self.planned.keys().next().map(|(at, _)| *at);
        match (planned, self.world.next_at()) {
            (Some(planned), Some(world)) => Some(planned.min(world)),
            (planned, world) => planned.or(world),
        }
    }

    fn step(&mut self, next: Moment) -> Result<(), Violation> {
        let due = self.planned.first_entry().filter(|entry| entry.key().0 <= next);
        match due.map(std::collections::btree_map::OccupiedEntry::remove) {
            Some(call) => self.make(next, call),
            None => self.world.step(),
        }
        self.take_in()
    }

    fn make(&mut self, at: Moment, planned: PlannedCall) {
        self.world.pass_until(at);
        let call = self
            .world
            .call(planned.host, planned.command.clone(), planned.timeout);
        match call {
            Some(call) => {
                self.retries.insert(call, planned.retries);
            }
            None => self.ask_again(at, planned),
        }
    }

    fn take_in(&mut self) -> Result<(), Violation> {
        for fact in self.world.take_facts() {
            self.history.apply(&fact);
            if self.history.is_beyond_judging() {
                continue;
            }
            for invariant in &mut self.invariants {
                if let Err(detail) = invariant.observe(&self.history, &fact) {
                    return Err(Violation::of(invariant.as_ref(), fact.at, detail));
                }
            }
            self.react(&fact);
        }
        Ok(())
    }

    /// Clients that learnt nothing ask again.
    fn react(&mut self, fact: &Fact) {
        let (call, learnt_nothing) = match &fact.what {
            What::CallLost(call) => (*call, true),
            What::Answered { call, result } => (*call, is_no_answer(result)),
            _ => return,
        };
        let retries = self.retries.remove(&call).filter(|_| learnt_nothing);
        if let Some(retries) = retries {
            let record = self.history.call(call);
            let planned = PlannedCall {
                host: record.boot.host,
                command: record.command.clone(),
                timeout: record.timeout,
                retries,
            };
            self.ask_again(fact.at, planned);
        }
    }

    fn ask_again(&mut self, at: Moment, call: PlannedCall) {
        let Some(retries) = call.retries.checked_sub(1) else {
            return;
        };
        let wait = self
            .clients
            .duration(Duration::from_millis(50), Duration::from_millis(800));
        let host = HostId(self.clients.index(self.world.hosts().count()));
        self.plan(
            at + wait,
            PlannedCall {
                host,
                retries,
                ..call
            },
        );
    }
}

fn is_no_answer(result: &Result<Answer, CallError>) -> bool {
    matches!(
        result,
        Err(CallError::Unknown { .. }
            | CallError::NotReady { .. }
            | CallError::NotDecider { .. }
            | CallError::Leaving)
    )
}
