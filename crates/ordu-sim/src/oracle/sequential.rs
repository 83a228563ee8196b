//! What calls about one child come to where nothing goes wrong: its decider serves them one after the other (S4.1).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use ordu_core::{Answer, CallError, ChildInfo, ChildSpec, ChildState, Command, Restart, Stopped};

use super::{Child, CopyRecord, History, able};
use crate::behaviour::Ending;
use crate::{CopyEnd, Moment, Setup};

/// What a child is to its decider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// There is none.
    Absent,
    /// It is to run.
    Wanted(Life),
    /// A user has stopped it; whether its owner has confirmed that is certain or not.
    Stopped(Life, Confirmed),
    /// It failed too often.
    Failed(Life),
    /// A copy of it was to be stopped and cannot be killed: whether it is to run or not is not shown.
    Zombie(Life),
}

/// Whether the owner's word is known that nothing runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Confirmed {
    Yes,
    Perhaps,
}

/// What a child is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Life {
    spec: Arc<ChildSpec>,
    /// How it was treated before, which its owner may go by still.
    before: Option<Restart>,
    /// Whether a living node owns it, as far as is known.
    is_owned: bool,
}

impl Life {
    /// How its owner may treat it.
    fn treated(&self) -> impl Iterator<Item = Restart> {
        [Some(self.spec.restart), self.before].into_iter().flatten()
    }
}

impl fmt::Display for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let owned = if self.is_owned {
            ""
        } else {
            ", owned by nobody in sight"
        };
        write!(
            f,
            "{:?} like worker {}{owned}",
            self.spec.restart,
            Setup::behaviour_of(&self.spec)
        )
    }
}

/// One call and what came of it.
#[derive(Clone, Debug)]
pub(crate) struct Served {
    pub(crate) made: Moment,
    pub(crate) answered: Moment,
    pub(crate) command: Command,
    pub(crate) told: Told,
}

/// What a caller is told.
pub(crate) type Told = Result<Answer, CallError>;

impl State {
    /// What is shown of a child once all has settled.
    pub(crate) fn shown(info: Option<&ChildInfo>) -> Self {
        let Some(info) = info else {
            return Self::Absent;
        };
        let is_owned = info.node.is_some();
        let life = Life {
            spec: info.spec.clone(),
            before: None,
            is_owned,
        };
        match info.state {
            _ if info.is_stopping && info.state != ChildState::Zombie => {
                Self::Stopped(life, Confirmed::Perhaps)
            }
            // An owner that is out of sight may run it still, whatever is shown (S5.3).
            ChildState::Stopped if !is_owned => Self::Stopped(life, Confirmed::Perhaps),
            ChildState::Stopped => Self::Stopped(life, Confirmed::Yes),
            ChildState::Failed => Self::Failed(life),
            ChildState::Zombie => Self::Zombie(life),
            ChildState::Starting
            | ChildState::Running
            | ChildState::Restarting
            | ChildState::Unclaimed
            | ChildState::Lost => Self::Wanted(life),
        }
    }
}

/// So many calls that overlap are looked at in every order at first; most of those that overlap with more wait for one that
/// takes long, and are served in their order.
const BESIDE: usize = 8;

/// More calls than this are not judged together.
pub(crate) const MOST: usize = 100;

/// More sets of calls that may have been served first than this are not looked at: with a few that nothing orders among
/// many others there are millions.
const SETS: usize = 20_000;

/// The states that a child can be in after some calls, whatever the order in which they were served; none: there is no
/// order that explains what was told. A call that was answered before another was made was served before it. `None`: there
/// are too many orders to look at.
///
/// The calls come in the order in which they were answered. At first none is served earlier than [`BESIDE`] others that were
/// answered before it, since what is to be looked at grows with every subset of them; where that explains nothing, any may
/// be: an answer can be long on its way.
pub(crate) fn in_some_order(
    history: &History,
    child: &Child,
    before: &[State],
    calls: &[Served],
) -> Option<Vec<State>> {
    let began = calls.iter().map(|call| call.made).min().unwrap_or_default();
    let was_zombie = |copy: &CopyRecord| {
        let ended = copy.ended.as_ref().map(|(at, _)| *at);
        copy.stuck.is_some() && ended.is_none_or(|at| at >= began)
    };
    let has_zombie = history.copies_of(child).any(was_zombie);
    let rules = Rules {
        history,
        child,
        has_zombie,
    };
    let then = rules.in_some_order(before, calls, BESIDE);
    let is_explained = |states: &Vec<State>| !states.is_empty();
    if then.as_ref().is_none_or(is_explained) || calls.len() <= BESIDE {
        return then;
    }
    rules.in_some_order(before, calls, MOST)
}

fn add(all: &mut Vec<State>, more: impl IntoIterator<Item = State>) {
    for state in more {
        if !all.contains(&state) {
            all.push(state);
        }
    }
}

struct Rules<'a> {
    history: &'a History,
    child: &'a Child,
    /// Whether a copy of it cannot be killed: be it not that of the owner, its decider confirms no stop beside one.
    has_zombie: bool,
}

/// Where a child can run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Room {
    Somewhere,
    Perhaps,
    Nowhere,
}

impl Rules<'_> {
    /// See [`in_some_order`]; none is served earlier than so many others that were answered before it.
    fn in_some_order(&self, before: &[State], calls: &[Served], beside: usize) -> Option<Vec<State>> {
        // What the child can be once these of the calls are served, each a bit; a set comes before all that contain it.
        let all = u128::MAX >> (128 - calls.len());
        let mut reached = BTreeMap::from([(0_u128, before.to_vec())]);
        let mut sets = 0;
        while let Some((served, states)) = reached.pop_first() {
            if served == all {
                return Some(states);
            }
            sets += 1;
            if sets > SETS {
                return None;
            }
            let left = || (0..calls.len()).filter(|index| served & (1 << index) == 0);
            let states = self.by_itself(&states);
            for next in left().take(beside) {
                let comes_first = |other: usize| calls[other].answered < calls[next].made;
                if left().any(comes_first) {
                    continue;
                }
                let then: Vec<State> = states
                    .iter()
                    .flat_map(|state| self.served(state, &calls[next]))
                    .collect();
                if !then.is_empty() {
                    add(reached.entry(served | 1 << next).or_default(), then);
                }
            }
        }
        Some(Vec::new())
    }

    /// What a child can be by itself, with its work done, or its restarts used up.
    fn by_itself(&self, states: &[State]) -> Vec<State> {
        let mut all = states.to_vec();
        for state in states {
            if let State::Zombie(life) = state {
                // It may have died at last.
                let stopped = State::Stopped(life.clone(), Confirmed::Perhaps);
                add(&mut all, [stopped, State::Wanted(life.clone())]);
            }
            let State::Wanted(life) = state else { continue };
            if self.finishes(&life.spec) {
                if life.treated().any(|restart| restart != Restart::Permanent) {
                    add(&mut all, [State::Absent]);
                }
                if life.treated().any(|restart| restart == Restart::Permanent) {
                    add(&mut all, [State::Failed(life.clone())]);
                }
            }
            if self.has_chosen_not_to_go_on() {
                add(&mut all, [State::Absent]);
            }
            // It is forgotten when the node that may run it has ended (S5.4).
            if !life.is_owned && life.spec.restart == Restart::Temporary {
                add(&mut all, [State::Absent]);
            }
        }
        all
    }

    /// What a child can be once a call is served that is told this; nothing: it cannot be told this.
    fn served(&self, state: &State, call: &Served) -> Vec<State> {
        match (&call.command, state) {
            (command, State::Zombie(life)) => Self::while_it_does_not_die(state, life, command, &call.told),
            (Command::StartChild { spec, .. }, State::Absent) => self.started(spec, &call.told),
            (Command::StartChild { .. }, State::Wanted(life)) => match &call.told {
                Err(CallError::AlreadyStarted(info)) if info.spec == life.spec => vec![state.clone()],
                _ => Vec::new(),
            },
            (Command::StartChild { .. }, State::Stopped(life, _) | State::Failed(life)) => match &call.told {
                Err(CallError::AlreadyPresent(info)) if info.spec == life.spec => vec![state.clone()],
                _ => Vec::new(),
            },
            (_, State::Absent) => match &call.told {
                Err(CallError::NotFound { .. }) => vec![State::Absent],
                _ => Vec::new(),
            },
            (
                Command::TerminateChild { .. },
                State::Wanted(life) | State::Stopped(life, _) | State::Failed(life),
            ) => self.terminated(state, life, &call.told),
            (Command::RestartChild { .. } | Command::DeleteChild { .. }, State::Wanted(life)) => {
                match &call.told {
                    Err(CallError::Running(info)) if info.spec == life.spec => vec![state.clone()],
                    _ => Vec::new(),
                }
            }
            (Command::RestartChild { .. }, State::Stopped(life, _) | State::Failed(life)) => {
                self.restarted(life, &call.told)
            }
            (Command::DeleteChild { .. }, State::Stopped(_, confirmed)) => match &call.told {
                Ok(Answer::Deleted) => vec![State::Absent],
                Err(CallError::Running(_)) if *confirmed == Confirmed::Perhaps || self.has_zombie => {
                    vec![state.clone()]
                }
                _ => Vec::new(),
            },
            (Command::DeleteChild { .. }, State::Failed(_)) => match &call.told {
                Ok(Answer::Deleted) => vec![State::Absent],
                _ => Vec::new(),
            },
            (
                Command::UpdateChild { spec, .. },
                State::Wanted(life) | State::Stopped(life, _) | State::Failed(life),
            ) => Self::updated(state, life, spec, &call.told),
        }
    }

    /// A first start. Nothing is left of one that fails (S5.1).
    fn started(&self, spec: &Arc<ChildSpec>, told: &Told) -> Vec<State> {
        let room = self.room(spec);
        match told {
            Ok(Answer::Started { .. }) if room != Room::Nowhere => vec![State::Wanted(Life {
                spec: spec.clone(),
                before: None,
                is_owned: true,
            })],
            Ok(Answer::Ignored) if self.ignores(spec) && room != Room::Nowhere => vec![State::Absent],
            Err(CallError::StartFailed { .. }) if self.is_too_slow(spec) && room != Room::Nowhere => {
                vec![State::Absent]
            }
            Err(CallError::NoEligibleNode { .. }) if room != Room::Somewhere => vec![State::Absent],
            _ => Vec::new(),
        }
    }

    /// A stop is confirmed unless the owner is out of sight (S5.3).
    fn terminated(&self, state: &State, life: &Life, told: &Told) -> Vec<State> {
        let is_certain = match state {
            State::Wanted(life) => life.is_owned,
            State::Stopped(_, confirmed) => *confirmed == Confirmed::Yes,
            State::Absent | State::Failed(_) => true,
            State::Zombie(_) => false,
        };
        let confirmed = match told {
            Ok(Answer::Terminated(Stopped::Confirmed)) => Confirmed::Yes,
            Ok(Answer::Terminated(Stopped::Accepted { .. })) if !is_certain || self.has_zombie => {
                Confirmed::Perhaps
            }
            _ => return Vec::new(),
        };
        let mut then = vec![State::Stopped(life.clone(), confirmed)];
        // It was done before its owner heard of the stop: nothing runs, and nothing is left (S5.4).
        let may_be_done = matches!(state, State::Wanted(_)) && self.finishes(&life.spec);
        if may_be_done && life.treated().any(|restart| restart != Restart::Permanent) {
            then.push(State::Absent);
        }
        then
    }

    /// A start of what was stopped or has failed.
    fn restarted(&self, life: &Life, told: &Told) -> Vec<State> {
        let room = self.room(&life.spec);
        let is_left = !life.is_owned && self.history.few_are_left();
        let owned = Life {
            is_owned: true,
            ..life.clone()
        };
        let wanted = Life {
            is_owned: life.is_owned && room == Room::Somewhere,
            ..life.clone()
        };
        match told {
            Ok(Answer::Started { .. }) => vec![State::Wanted(owned)],
            // It chose not to run, or was done at once.
            Ok(Answer::Ignored) if self.ignores(&life.spec) || self.behaviour(&life.spec).ends.is_some() => {
                vec![State::Absent]
            }
            Err(CallError::StartFailed { .. }) if self.is_too_slow(&life.spec) => {
                vec![State::Failed(owned)]
            }
            // Of what is temporary somebody is named who may start it (S5.4).
            Err(CallError::NoEligibleNode { .. }) if !life.is_owned && room != Room::Somewhere => {
                vec![State::Stopped(life.clone(), Confirmed::Perhaps)]
            }
            // It is to run, and nobody can run it, or may take it over.
            Err(CallError::Unknown { .. }) if room != Room::Somewhere || is_left => {
                vec![State::Wanted(wanted)]
            }
            _ => Vec::new(),
        }
    }

    /// Its owner confirms no stop, and starts nothing beside it.
    fn while_it_does_not_die(state: &State, life: &Life, command: &Command, told: &Told) -> Vec<State> {
        let is_right = match (command, told) {
            (
                Command::StartChild { .. },
                Err(CallError::AlreadyStarted(info) | CallError::AlreadyPresent(info)),
            )
            | (Command::RestartChild { .. } | Command::DeleteChild { .. }, Err(CallError::Running(info))) => {
                info.spec == life.spec
            }
            (Command::TerminateChild { .. }, Ok(Answer::Terminated(Stopped::Accepted { .. })))
            // It is to run, and starts when that one has ended, if ever.
            | (Command::RestartChild { .. }, Err(CallError::Unknown { .. })) => true,
            (Command::UpdateChild { spec, .. }, _) => {
                return Self::updated(state, life, spec, told);
            }
            _ => false,
        };
        is_right.then(|| state.clone()).into_iter().collect()
    }

    fn updated(state: &State, life: &Life, spec: &Arc<ChildSpec>, told: &Told) -> Vec<State> {
        if !spec.is_change_of_policy(&life.spec) {
            return match told {
                Err(CallError::Differs(info)) if info.spec == life.spec => vec![state.clone()],
                _ => Vec::new(),
            };
        }
        if !matches!(told, Ok(Answer::Updated(_))) {
            return Vec::new();
        }
        let life = Life {
            spec: spec.clone(),
            before: Some(life.spec.restart),
            is_owned: life.is_owned,
        };
        vec![match state {
            State::Stopped(_, confirmed) => State::Stopped(life, *confirmed),
            State::Failed(_) => State::Failed(life),
            State::Zombie(_) => State::Zombie(life),
            State::Absent | State::Wanted(_) => State::Wanted(life),
        }]
    }

    /// Whether some living node can run it, or one that may have no room.
    fn room(&self, spec: &ChildSpec) -> Room {
        let setup = self.history.setup();
        let living = self.history.living();
        let able = living.filter(|record| able(setup, record, self.child, spec).is_ok());
        let able: Vec<_> = able.map(|record| record.boot.host).collect();
        if able.iter().any(|host| setup.hosts[host.0].capacity.is_none()) {
            Room::Somewhere
        } else if able.is_empty() {
            Room::Nowhere
        } else {
            Room::Perhaps
        }
    }

    fn behaviour(&self, spec: &ChildSpec) -> crate::Behaviour {
        self.history.setup().behaviour(spec).calmed()
    }

    fn finishes(&self, spec: &ChildSpec) -> bool {
        matches!(self.behaviour(spec).ends, Some((Ending::Finishes, ..)))
    }

    fn ignores(&self, spec: &ChildSpec) -> bool {
        self.behaviour(spec).start_ignored > crate::Rate::NEVER
    }

    /// Whether a copy of it that was started again, above an older life perhaps (S3.4), chose not to run.
    fn has_chosen_not_to_go_on(&self) -> bool {
        let mut chose = self.history.copies_of(self.child).filter(|copy| {
            let is_ignored = matches!(copy.ended, Some((_, CopyEnd::Ignored)));
            is_ignored && self.ignores(&copy.spec)
        });
        chose.any(|copy| {
            let mut others = self.history.copies_of(self.child);
            others.any(|other| other.life == copy.life && other.up.is_some() && other.began < copy.began)
        })
    }

    /// Whether a start of it may take longer than it may.
    fn is_too_slow(&self, spec: &ChildSpec) -> bool {
        let longest = self.behaviour(spec).start.1;
        spec.start_timeout.is_some_and(|timeout| timeout <= longest)
    }
}

impl Setup {
    /// Whether everything that its workers do is a matter of moments.
    pub(crate) fn has_quick_workers(&self) -> bool {
        let is_quick = |it: &crate::Behaviour| {
            let it = it.calmed();
            it.is_steady()
                && it.stop.1 <= it.start.1.max(crate::TICK)
                && it.ignores_stop == crate::Rate::NEVER
        };
        self.behaviours.iter().all(is_quick)
    }
}
