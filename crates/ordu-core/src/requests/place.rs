use alloc::sync::Arc;
use core::time::Duration;

use ordu_crdt::Dot;

use crate::children::Pending;
use crate::claims::{Copy, Phase};
use crate::node::Node;
use crate::planted::Bug;
use crate::registers::ChildKey;
use crate::wire::{ClaimNotice, Message, Place, PlaceError, Placed};
use crate::{ConnId, NodeId, Token};

/// The clock of the decider may run slower.
const GRACE: Duration = Duration::from_secs(5);

impl Node {
    /// A decider tells this node to start a child.
    pub(crate) fn place_here(&mut self, decider: NodeId, place: Place, conn: Option<ConnId>) {
        if let Some((_, placed)) = self.placed.get(&(decider, place.placement)) {
            let placed = placed.clone();
            return self.send(decider, &Message::Placed(placed));
        }
        self.placed
            .retain(|(of, placement), _| *of != decider || *placement >= place.lowest);
        let ClaimNotice::Birth { birth, spec, .. } = place.what.clone() else {
            let ClaimNotice::TakeOver { birth } = place.what else {
                return;
            };
            return self.handed_over(decider, &place, birth, conn);
        };
        let key = place.child.clone();
        let pending = self.children.get(&key).and_then(|child| child.placed.as_ref());
        if pending
            .is_some_and(|pending| pending.decider == decider && pending.place.placement == place.placement)
        {
            // Asked again: it is under way, and its outcome is the answer.
            return;
        }
        if !self.standing.may_act() && !self.planted.is(Bug::CatchingUpStarts) {
            let refusal = PlaceError::Refused("is not ready".into());
            return self.answer(decider, &place, Err(refusal));
        }
        if let Some(problem) = spec.problem() {
            return self.answer(decider, &place, Err(PlaceError::StartFailed(problem)));
        }
        if conn.is_some_and(|conn| self.may_be_late(decider, conn)) {
            // It may have been sent before the decider was given up, and done by another since: it asks its caller first.
            return self.answer(decider, &place, Err(PlaceError::Busy));
        }
        let deadline = self.now.mono + place.timeout;
        // A later stamp of this node must be above the birth: a restart is known by its higher run (S2.1).
        self.replica.observe_hlc(birth.hlc);
        let child = self.child_mut(&key);
        child.claims.observe_epoch(place.epoch);
        if let Some(placed) = &mut child.placed {
            let (before, spec_before) = (placed.decider, Arc::clone(&placed.spec));
            if self.is_living(before) || spec_before != spec {
                return self.answer(decider, &place, Err(PlaceError::Busy));
            }
            // The decider of this start went down; its successor hears how it ends.
            if let Some(placed) = self
                .children
                .all
                .get_mut(&key)
                .and_then(|child| child.placed.as_mut())
            {
                placed.decider = decider;
                let before_it = core::mem::replace(&mut placed.place, place);
                // Should it only have stood still, it looks at the child anew instead of waiting for ever.
                self.answer(before, &before_it, Err(PlaceError::Busy));
            }
            return;
        }
        child.placed = Some(Pending {
            decider,
            place,
            birth,
            spec: Arc::clone(&spec),
            deadline,
            begun: false,
        });
        self.children.touch(&key);
        self.begin_placed(&key);
    }

    /// Begins a first start, once no copy of an older life is in its way.
    pub(crate) fn begin_placed(&mut self, key: &ChildKey) {
        let (hlc, now, me) = (self.hlc_millis(), self.now.mono, self.id);
        let is_there = self.is_there(key);
        let may_act = self.standing.may_act() || self.planted.is(Bug::CatchingUpStarts);
        let Some(child) = self.children.all.get_mut(key) else {
            return;
        };
        let Some(pending) = child.placed.as_mut().filter(|pending| !pending.begun) else {
            return;
        };
        let is_zombie = |copy: &Copy| copy.phase == Phase::Zombie;
        let is_in_vain = child.claims.copy().is_some_and(is_zombie);
        if now >= pending.deadline || is_in_vain || self.standing.is_leaving() {
            pending.begun = true;
            self.answer_placement(
                key,
                Err(PlaceError::Refused("an older copy did not end in time".into())),
            );
            return;
        }
        let intent = child.claims.intent();
        let is_there = is_there || !may_act;
        if is_there || intent.is_some_and(|intent| intent.birth > pending.birth) {
            // Another decider placed it meanwhile: a second life would void the first, or be over as soon as it began. Who
            // catches up does not know whether one did.
            pending.begun = true;
            self.answer_placement(key, Err(PlaceError::Busy));
            return;
        }
        if child.claims.copy().is_some() {
            let deadline = pending.deadline;
            self.children.wake_at(deadline, key);
            return;
        }
        pending.begun = true;
        let (birth, spec) = (pending.birth, Arc::clone(&pending.spec));
        let retried = matches!(pending.place.what, ClaimNotice::Birth { retried: true, .. });
        let timeout = pending.deadline.since(now);
        let token = Token {
            epoch: child.claims.next_epoch(hlc),
            owner: me,
        };
        let copy = Copy {
            birth,
            run: birth,
            token,
            phase: Phase::Starting,
            unwritten: true,
            retried,
        };
        self.start_copy(key, &copy, spec, 0, Some(timeout));
    }

    /// Answers the decider of a first start, if there is one under way; gives whether there was.
    pub(crate) fn answer_placement(
        &mut self,
        key: &ChildKey,
        result: Result<(Token, Dot), PlaceError>,
    ) -> bool {
        let begun = |pending: &mut Pending| pending.begun;
        let Some(pending) = self
            .children
            .all
            .get_mut(key)
            .and_then(|child| child.placed.take_if(begun))
        else {
            return false;
        };
        self.answer(pending.decider, &pending.place, result);
        true
    }

    fn answer(&mut self, decider: NodeId, place: &Place, result: Result<(Token, Dot), PlaceError>) {
        let placed = Placed {
            placement: place.placement,
            child: place.child.clone(),
            result,
        };
        if decider != self.id {
            let until = self.now.mono + place.timeout + GRACE;
            self.placed
                .insert((decider, place.placement), (until, placed.clone()));
        }
        self.send(decider, &Message::Placed(placed));
    }
}
