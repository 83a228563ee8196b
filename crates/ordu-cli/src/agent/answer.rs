use std::sync::Arc;
use std::time::Duration;

use ordu::{ChildInfo, ChildSpec, ChildState, Horde, MemberInfo, MemberState, NodeName, Started, Stopped};
use serde::Serialize;
use serde_json::Value;

use super::Agent;
use super::describe::{child_spec, definition, detail, differences};
use super::refusal::Refusal;
use super::steps::Steps;
use crate::control::{
    ChildDetail, ChildRow, Comparison, CountRow, Definition, Difference, ExportReply, MayBeMembers,
    MemberRemoved, MemberRow, MembersSet, Question, Request, STOPPING, StartReply, Status, StopReply,
};
use crate::failure::Wrong;

/// A question about children waits for this long for a node that joins its cluster: less than its caller waits.
const CATCH_UP: Duration = Duration::from_secs(5);

impl Agent {
    /// Does what is asked. Dropping the future undoes nothing, but may leave out what comes after the first of
    /// several steps, so callers see it to its end.
    pub(super) async fn answer(
        self: &Arc<Self>,
        Question { horde, request }: Question,
    ) -> Result<Value, Refusal> {
        let horde = self.horde(horde.as_deref())?;
        let horde = match request.timeout() {
            None => horde.clone(),
            Some(0) => {
                let message = "no time was given to do it in; nothing was done";
                return Err(Refusal::new(Wrong::Timeout, message));
            }
            Some(timeout) => horde.with_timeout(Duration::from_millis(timeout)),
        };
        if request.reads_children() {
            self.caught_up().await?;
        }
        match request {
            Request::Status => value(&self.status()),
            Request::Children => value(&rows(&horde)),
            Request::Child { id } => value(&self.detail(&*lookup(&horde, &id)?)),
            Request::Count => value(&count(&horde)),
            Request::Members => value(&self.members()),
            Request::MemberList => value(&MayBeMembers {
                listed: self.member_list(),
            }),
            Request::SetMembers { names, timeout } => {
                value(&self.set_members(names, Duration::from_millis(timeout)).await?)
            }
            Request::RemoveMember { name, timeout } => {
                value(&self.remove_member(name, Duration::from_millis(timeout)).await?)
            }
            Request::Start { id, child, .. } => {
                let spec = child_spec(&child)?;
                value(&start_reply(horde.start_child(&id, spec).await?))
            }
            Request::Stop { id, .. } => value(&stop(&horde, id).await?),
            Request::Restart { id, timeout } => {
                let steps = Steps::new(horde, id, timeout);
                let _turn = steps.turn(self).await?;
                value(&steps.restart().await?)
            }
            Request::Remove { id, force, timeout } => {
                let steps = Steps::new(horde, id, timeout);
                let _turn = steps.turn(self).await?;
                value(&steps.remove(force).await?)
            }
            Request::Apply {
                id,
                child,
                timeout,
                wait,
            } => {
                // Longer than anybody waits, and short enough to be added to now.
                let time = |millis| Duration::from_millis(millis).min(Duration::from_hours(24 * 365));
                let (patience, wait) = (time(timeout), time(wait));
                value(&self.apply(horde, &id, &child, patience, wait).await?)
            }
            Request::Compare { children } => value(&compare(&horde, &children)?),
            Request::Await { children, wait } => {
                value(&self.risen(&horde, children, Duration::from_millis(wait)).await)
            }
            Request::Export => value(&export(&horde)),
            Request::Logs(_) => Err(Refusal::new(Wrong::Failed, "logs are answered line by line")),
        }
    }

    /// The horde of this name; the first of this node if none is asked for.
    pub(super) fn horde(&self, name: Option<&str>) -> Result<&Horde, Refusal> {
        let asked = |horde: &&Horde| name.is_none_or(|name| horde.name().as_str() == name);
        self.hordes.iter().find(asked).ok_or_else(|| {
            let known: Vec<&str> = self.hordes.iter().map(|horde| horde.name().as_str()).collect();
            let message = format!(
                "this agent's node takes part in no horde {:?}; it was started with {}",
                name.unwrap_or_default(),
                known.join(", ")
            );
            Refusal::new(Wrong::Usage, message)
        })
    }

    pub(super) fn status(&self) -> Status {
        let hordes: Vec<String> = self.hordes.iter().map(|horde| horde.name().to_string()).collect();
        Status {
            name: self.node.name().to_string(),
            id: self.node.id().to_string(),
            cluster: self.node.cluster().to_string(),
            horde: hordes.first().cloned().unwrap_or_default(),
            hordes,
            addr: self.node.addr(),
            http: self.http,
            os_pid: std::process::id(),
            ready: self.is_ready(),
        }
    }

    /// Whether the node takes children, decides and can start what it takes.
    pub(super) fn is_ready(&self) -> bool {
        self.node.is_ready() && self.keeper_missing().is_none()
    }

    /// Why nothing can be started here, in words, if it is so.
    pub(super) fn keeper_missing(&self) -> Option<String> {
        let why = self.node.keeper_missing()?;
        Some(format!("no keeper of processes can be started: {why}"))
    }

    /// All about a child but the values of its environment.
    pub(super) fn detail(&self, child: &ChildInfo) -> ChildDetail {
        let mut detail = detail(child);
        let is_waiting = matches!(child.state, ChildState::Starting | ChildState::Restarting);
        if is_waiting && child.node.as_ref() == Some(self.node.name()) {
            // Why it ended before is not what it waits for.
            detail.reason = self.keeper_missing().or(detail.reason);
        }
        detail
    }

    /// Waits a while until this node has joined its cluster and caught up with it: before, what it knows is not all there
    /// is to know.
    pub(super) async fn caught_up(&self) -> Result<(), Refusal> {
        let mut changes = self.node.changes();
        let caught_up = async { while !self.has_caught_up() && changes.next().await {} };
        tokio::time::timeout(CATCH_UP, caught_up).await.map_err(|_| {
            let known: usize = self.hordes.iter().map(|horde| horde.count_children().specs).sum();
            let message = format!(
                "{} has not caught up with its cluster yet; so far it knows of {known} children: ask again, or ask another \
                 node; `ordu members` shows whom it sees",
                self.node.name()
            );
            Refusal::new(Wrong::Partial, message)
        })
    }

    fn has_caught_up(&self) -> bool {
        let members = self.node.members();
        let own = members.iter().find(|member| member.id == self.node.id());
        own.is_some_and(|own| own.state != MemberState::Joining)
    }

    /// The children of the horde of this name; of all hordes if none is asked for.
    pub(super) fn children(&self, name: Option<&str>) -> Result<Vec<ChildRow>, Refusal> {
        match name {
            Some(_) => self.horde(name).map(rows),
            None => Ok(self.hordes.iter().flat_map(rows).collect()),
        }
    }

    async fn remove_member(&self, name: String, timeout: Duration) -> Result<MemberRemoved, Refusal> {
        let held_by = self.node.remove_member(&name, timeout).await?;
        Ok(MemberRemoved {
            name,
            removed: true,
            held_by: texts(&held_by),
        })
    }

    async fn set_members(
        &self,
        names: Option<Vec<String>>,
        timeout: Duration,
    ) -> Result<MembersSet, Refusal> {
        let set = match &names {
            Some(names) => self.node.set_members(names, timeout).await?,
            None => self.node.clear_members(timeout).await?,
        };
        let listed = names.map(|mut names| {
            names.sort_unstable();
            names
        });
        Ok(MembersSet {
            listed,
            held_by: texts(&set.held_by),
            left: texts(&set.left),
            down: texts(&set.down),
        })
    }

    fn member_list(&self) -> Option<Vec<String>> {
        self.node.member_list().map(|names| texts(&names))
    }

    pub(super) fn members(&self) -> Vec<MemberRow> {
        let list = self.node.member_list();
        let members = self.node.members();
        let row = |member: &Arc<MemberInfo>| MemberRow::new(member, list.as_deref());
        members.iter().map(row).collect()
    }
}

fn texts(names: &[NodeName]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

fn rows(horde: &Horde) -> Vec<ChildRow> {
    horde
        .children()
        .iter()
        .map(|child| ChildRow::from(&**child))
        .collect()
}

fn count(horde: &Horde) -> CountRow {
    let counts = horde.count_children();
    CountRow {
        specs: counts.specs,
        active: counts.active,
        supervisors: counts.supervisors,
        workers: counts.workers,
    }
}

pub(super) fn lookup(horde: &Horde, id: &str) -> Result<Arc<ChildInfo>, Refusal> {
    horde.lookup(id).ok_or_else(|| {
        let message = format!("child {id:?} not found in horde {}", horde.name());
        Refusal::new(Wrong::NotFound, message)
    })
}

async fn stop(horde: &Horde, id: String) -> Result<StopReply, Refusal> {
    Ok(match horde.terminate_child(&id).await? {
        Stopped::Confirmed => StopReply {
            id,
            stopped: true,
            owner: None,
        },
        Stopped::Accepted { owner } => StopReply {
            id,
            stopped: false,
            owner: Some(owner.to_string()),
        },
    })
}

fn compare(horde: &Horde, children: &[(String, Definition)]) -> Result<Vec<Comparison>, Refusal> {
    let compare = |(id, definition): &(String, Definition)| {
        let new = child_spec(definition)
            .map_err(|Refusal { wrong, message }| Refusal::new(wrong, format!("child {id:?}: {message}")))?;
        let difference = horde
            .lookup(id)
            .map_or(Difference::Add, |child| difference(&child, &new));
        Ok(Comparison {
            id: id.clone(),
            difference,
        })
    };
    children.iter().map(compare).collect()
}

/// What applying a spec does to a child.
pub(super) fn difference(child: &ChildInfo, new: &ChildSpec) -> Difference {
    if *child.spec != *new {
        return Difference::Change {
            parts: differences(&child.spec, new),
            in_place: new.is_change_of_policy(&child.spec),
        };
    }
    match child.state {
        ChildState::Failed => Difference::Retry {
            reason: child.reason.clone(),
        },
        _ => Difference::Same { state: state(child) },
    }
}

/// What a child is doing, for whoever applies something to it: one that is being stopped is not called running.
pub(super) fn state(child: &ChildInfo) -> String {
    if child.is_stopping {
        STOPPING.to_owned()
    } else {
        child.state.to_string()
    }
}

fn export(horde: &Horde) -> ExportReply {
    let (mut children, mut left_out) = (Vec::new(), Vec::new());
    for child in horde.children() {
        let id = child.id.to_string();
        match definition(&child.spec) {
            _ if child.state == ChildState::Stopped => left_out.push((id, "it is stopped".to_owned())),
            Ok(definition) => children.push((id, definition)),
            Err(why) => left_out.push((id, why)),
        }
    }
    ExportReply { children, left_out }
}

/// Stops a child; that its owner has not confirmed is an error here, since what comes next needs it stopped.
pub(super) async fn confirmed_stop(horde: &Horde, id: &str) -> Result<(), Refusal> {
    match horde.terminate_child(id).await? {
        Stopped::Confirmed => Ok(()),
        Stopped::Accepted { owner } => Err(Refusal::new(
            Wrong::Partial,
            format!("child {id:?} is to stop, and {owner} has not confirmed it yet; ask again when it has"),
        )),
    }
}

pub(super) fn start_reply(started: Started) -> StartReply {
    match started {
        Started::Running(acknowledged) => StartReply {
            child: Some(ChildRow::from(&*acknowledged.child)),
            held_by: texts(&acknowledged.held_by),
        },
        Started::Ignored => StartReply {
            child: None,
            held_by: Vec::new(),
        },
    }
}

fn value<T: Serialize>(answer: &T) -> Result<Value, Refusal> {
    serde_json::to_value(answer).map_err(|error| Refusal::new(Wrong::Failed, error.to_string()))
}
