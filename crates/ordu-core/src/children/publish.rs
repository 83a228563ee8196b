use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use core::time::Duration;

use crate::node::Node;
use crate::planted::Bug;
use crate::registers::{ChildKey, ClaimState, Desired};
use crate::{ChildInfo, ChildState, Life, NodeId, NodeName, Output};

impl Node {
    /// What is known here of a child; `None`: it is not there.
    pub(crate) fn info(&self, key: &ChildKey) -> Option<ChildInfo> {
        let child = self.children.get(key)?;
        let intent = child.claims.intent().filter(|intent| intent.is_live())?;
        let claim = child.claims.winner().filter(|claim| claim.birth == intent.birth);
        let owner = claim
            .map(crate::registers::Claim::owner)
            .filter(|owner| self.is_living(*owner));
        // A temporary child's run that was given to another node is not carried out by the owner (S5.4).
        let runner = claim.and_then(|claim| self.runner(intent, claim));
        let owner = owner.filter(|owner| runner.is_none_or(|runner| runner == *owner));
        let has_failed = child.claims.has_failed_elsewhere()
            || claim.is_some_and(|claim| claim.state == ClaimState::Failed && claim.run >= intent.run);
        let state = match (claim.map(|claim| claim.state), owner, intent.desired) {
            (Some(ClaimState::Zombie), Some(_), _) => ChildState::Zombie,
            // Whatever it was: nothing but a user starts it again.
            (Some(ClaimState::Stopped | ClaimState::Failed) | None, _, Desired::Stopped(_))
            | (_, None, Desired::Stopped(_)) => ChildState::Stopped,
            (_, _, Desired::Running) if has_failed => ChildState::Failed,
            (_, None, Desired::Running) if runner.is_some_and(|runner| !self.is_living(runner)) => {
                ChildState::Lost
            }
            (_, None, Desired::Running) => ChildState::Unclaimed,
            (Some(ClaimState::Running), Some(_), _) => ChildState::Running,
            (Some(ClaimState::Restarting | ClaimState::Relocating), Some(_), _) => ChildState::Restarting,
            (Some(ClaimState::Starting | ClaimState::Stopped | ClaimState::Failed) | None, Some(_), _) => {
                ChildState::Starting
            }
        };
        let os_pid = claim
            .and_then(|claim| claim.os_pid)
            .filter(|_| state == ChildState::Running);
        Some(ChildInfo {
            horde: key.horde.clone(),
            id: key.id.clone(),
            spec: Arc::clone(&intent.spec),
            state,
            is_stopping: intent.desired != Desired::Running
                && owner.is_some()
                && !matches!(state, ChildState::Stopped | ChildState::Failed),
            node: owner.map(|owner| self.name_of(owner)),
            token: claim.map(|claim| claim.token),
            os_pid,
            restarts: claim.map_or(0, |claim| claim.restarts),
            reason: match claim.and_then(|claim| claim.reason.as_ref()) {
                why if has_failed && state == ChildState::Stopped => {
                    let why = why.map_or_else(String::new, |why| format!(": {why}"));
                    Some(format!("had failed{why}"))
                }
                why => why.cloned(),
            },
        })
    }

    pub(crate) fn publish(&mut self, key: &ChildKey) {
        let info = self.info(key);
        let Some(child) = self.children.all.get_mut(key) else {
            return;
        };
        if child.published.as_deref() == info.as_ref() {
            return;
        }
        let is_new = child.published.is_none() && child.look_again.is_none();
        if is_new && self.planted.is(Bug::ShownLate) {
            let late = self.now.mono + Duration::from_secs(1);
            child.look_again = Some(late);
            return self.children.wake_at(late, key);
        }
        let info = info.map(Arc::new);
        child.published.clone_from(&info);
        let intent = child.claims.intent().filter(|_| info.is_some());
        let life = intent.map(|intent| Life::born(intent.birth));
        self.output(Output::Child {
            horde: key.horde.clone(),
            id: key.id.clone(),
            life,
            info,
        });
    }

    /// Whether a node is this one, or alive or suspect.
    pub(crate) fn is_living(&self, node: NodeId) -> bool {
        node == self.id || self.roster.is_alive(node)
    }

    pub(crate) fn name_of(&self, node: NodeId) -> NodeName {
        if node == self.id {
            return self.config.name.clone();
        }
        self.roster.get(node).map_or_else(
            || NodeName::new(String::from("unknown")).expect("a valid name"),
            |known| known.identity.name.clone(),
        )
    }
}
