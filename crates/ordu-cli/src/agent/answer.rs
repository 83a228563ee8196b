use std::sync::Arc;
use std::time::Duration;

use ordu::{CallError, ChildInfo, Horde, Started, Stopped};
use serde::Serialize;
use serde_json::Value;

use super::Agent;
use super::describe::{child_spec, detail, differences};
use super::refusal::Refusal;
use crate::control::{
    ChildDetail, ChildRow, Comparison, CountRow, Definition, Difference, MemberRow, Removed, Request,
    StartReply, Status, StopReply,
};
use crate::failure::Wrong;

impl Agent {
    /// Does what is asked. Dropping the future undoes nothing, but may leave out what comes after the first of
    /// several steps, so callers see it to its end.
    pub(super) async fn answer(&self, request: Request) -> Result<Value, Refusal> {
        match request {
            Request::Status => value(&self.status()),
            Request::Children => value(&self.children()),
            Request::Child { id } => value(&self.child(&id)?),
            Request::Count => value(&self.count()),
            Request::Members => value(&self.members()),
            Request::Start { id, child, timeout } => {
                let spec = child_spec(&child)?;
                value(&start_reply(self.horde(timeout).start_child(&id, spec).await?))
            }
            Request::Stop { id, timeout } => value(&self.stop(id, timeout).await?),
            Request::Restart { id, timeout } => value(&self.restart(&id, timeout).await?),
            Request::Remove { id, force, timeout } => value(&self.remove(id, force, timeout).await?),
            Request::Replace { id, child, timeout } => value(&self.replace(&id, &child, timeout).await?),
            Request::Compare { children } => value(&self.compare(&children)?),
            Request::Logs(_) => Err(Refusal::new(Wrong::Failed, "logs are answered line by line")),
        }
    }

    pub(super) fn status(&self) -> Status {
        Status {
            name: self.node.name().to_string(),
            id: self.node.id().to_string(),
            cluster: self.node.cluster().to_string(),
            horde: self.horde.name().to_string(),
            addr: self.node.addr(),
            http: self.http,
            os_pid: std::process::id(),
            ready: self.is_ready(),
        }
    }

    /// Whether the node takes children and decides.
    pub(super) fn is_ready(&self) -> bool {
        self.node.is_ready()
    }

    pub(super) fn children(&self) -> Vec<ChildRow> {
        self.horde
            .children()
            .iter()
            .map(|child| ChildRow::from(&**child))
            .collect()
    }

    pub(super) fn child(&self, id: &str) -> Result<ChildDetail, Refusal> {
        Ok(detail(&*self.lookup(id)?))
    }

    pub(super) fn members(&self) -> Vec<MemberRow> {
        self.node
            .members()
            .iter()
            .map(|member| MemberRow::from(&**member))
            .collect()
    }

    pub(super) fn count(&self) -> CountRow {
        let counts = self.horde.count_children();
        CountRow {
            specs: counts.specs,
            active: counts.active,
            supervisors: counts.supervisors,
            workers: counts.workers,
        }
    }

    pub(super) fn lookup(&self, id: &str) -> Result<Arc<ChildInfo>, Refusal> {
        self.horde.lookup(id).ok_or_else(|| {
            let message = format!("child {id:?} not found in horde {}", self.horde.name());
            Refusal::new(Wrong::NotFound, message)
        })
    }

    pub(super) fn horde(&self, milliseconds: u64) -> Horde {
        self.horde.with_timeout(Duration::from_millis(milliseconds))
    }

    async fn stop(&self, id: String, timeout: u64) -> Result<StopReply, Refusal> {
        Ok(match self.horde(timeout).terminate_child(&id).await? {
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

    async fn restart(&self, id: &str, timeout: u64) -> Result<StartReply, Refusal> {
        let horde = self.horde(timeout);
        let mut started = horde.restart_child(id).await;
        if let Err(CallError::Running(_)) = started {
            confirmed_stop(&horde, id).await?;
            started = horde.restart_child(id).await;
        }
        Ok(start_reply(started?))
    }

    async fn remove(&self, id: String, force: bool, timeout: u64) -> Result<Removed, Refusal> {
        let horde = self.horde(timeout);
        let mut deleted = horde.delete_child(&id).await;
        if force && matches!(deleted, Err(CallError::Running(_))) {
            confirmed_stop(&horde, &id).await?;
            deleted = horde.delete_child(&id).await;
        }
        match deleted {
            Err(error @ CallError::Running(_)) => {
                Err(Refusal::new(Wrong::Failed, format!("{error}, or use --force")))
            }
            deleted => Ok(deleted.map(|()| Removed { id, removed: true })?),
        }
    }

    fn compare(&self, children: &[(String, Definition)]) -> Result<Vec<Comparison>, Refusal> {
        let compare = |(id, definition): &(String, Definition)| {
            let new = child_spec(definition).map_err(|Refusal { wrong, message }| {
                Refusal::new(wrong, format!("child {id:?}: {message}"))
            })?;
            let difference = match self.horde.lookup(id) {
                None => Difference::Add,
                Some(child) => match differences(&child.spec, &new) {
                    parts if parts.is_empty() => Difference::Same {
                        state: child.state.to_string(),
                    },
                    parts => Difference::Change { parts },
                },
            };
            Ok(Comparison {
                id: id.clone(),
                difference,
            })
        };
        children.iter().map(compare).collect()
    }
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
            held_by: acknowledged.held_by.iter().map(ToString::to_string).collect(),
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
