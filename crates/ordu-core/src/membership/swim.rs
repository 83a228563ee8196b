#[cfg(test)]
mod tests;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::fmt;
use core::num::{NonZeroU8, NonZeroUsize};
use core::time::Duration;

use foca::{AccumulatingRuntime, Foca, Member, NoCustomBroadcast, OwnedNotification, State, Timer};
use rand_pcg::Pcg64Mcg;

use super::Identity;
use super::codec::PacketCodec;
use crate::{NodeId, Time, Timing};

/// The failure detector: SWIM with suspicion (Das, Gupta and Motivala, 2002), as the crate foca does it.
///
/// foca is sans-io itself; this keeps its timers, so that a stopped clock can push all suspicions back, and
/// turns its notifications into [`SwimEvent`]s.
pub(crate) struct Swim {
    foca: Foca<Identity, PacketCodec, Pcg64Mcg, NoCustomBroadcast>,
    runtime: AccumulatingRuntime<Identity>,
    timers: BTreeMap<(Time, u64), Timer<Identity>>,
    armed: u64,
    events: VecDeque<SwimEvent>,
    /// The list of active members may have changed since it was last looked at.
    stale: bool,
    /// The list as it was last looked at.
    seen: Vec<(NodeId, bool)>,
}

/// What the failure detector found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SwimEvent {
    Up(Identity),
    Down(Identity),
    /// This node was declared down by others and has come back under a new generation.
    Rejoined,
    /// A packet for a member.
    Send(NodeId, Vec<u8>),
}

impl Swim {
    /// The longest packet, in bytes: a QUIC datagram holds it before the path's MTU is known.
    const MAX_PACKET: usize = 1_100;

    pub(crate) fn new(identity: Identity, timing: &Timing, rng: Pcg64Mcg) -> Self {
        let config = foca::Config {
            probe_period: timing.probe_period,
            probe_rtt: timing.probe_rtt,
            num_indirect_probes: NonZeroUsize::MIN.saturating_add(2),
            max_transmissions: NonZeroU8::MIN.saturating_add(9),
            suspect_to_down_after: timing.suspicion,
            // What is still on its way from before must not bring it back.
            remove_down_after: Some(timing.forget_after.max(Duration::from_mins(1))),
            max_packet_size: NonZeroUsize::new(Self::MAX_PACKET).expect("the constant is not zero"),
            notify_down_members: true,
            periodic_announce: None,
            periodic_announce_to_down_members: None,
            periodic_gossip: None,
        };
        Self {
            foca: Foca::new(identity, config, rng, PacketCodec),
            runtime: AccumulatingRuntime::new(),
            timers: BTreeMap::new(),
            armed: 0,
            events: VecDeque::new(),
            stale: false,
            seen: Vec::new(),
        }
    }

    pub(crate) fn identity(&self) -> &Identity {
        self.foca.identity()
    }

    /// A packet came. Errors are the sender's fault and change nothing.
    pub(crate) fn received(&mut self, packet: &[u8], now: Time) {
        let _ = self.foca.handle_data(packet, &mut self.runtime);
        self.go_on(now);
    }

    /// Makes this node known to a member it has a connection with.
    pub(crate) fn announce(&mut self, to: Identity, now: Time) {
        let _ = self.foca.announce(to, &mut self.runtime);
        self.collect(now);
    }

    /// A proof that a member is dead (S6.3); spreads as any other finding.
    pub(crate) fn declare_down(&mut self, identity: Identity, now: Time) {
        let _ = self
            .foca
            .apply_many(core::iter::once(Member::down(identity)), true, &mut self.runtime);
        let _ = self.foca.gossip(&mut self.runtime);
        self.collect(now);
    }

    /// A suspect has answered on the reliable channel: what it would refute the suspicion with, had it heard of it.
    pub(crate) fn vouch(&mut self, node: NodeId, now: Time) {
        let suspect = self
            .foca
            .iter_membership_state()
            .find(|member| member.id().id == node && member.state() == State::Suspect);
        if let Some(suspect) = suspect {
            let incarnation = suspect.incarnation().saturating_add(1);
            let refuted = Member::new(suspect.id().clone(), incarnation, State::Alive);
            let _ = self
                .foca
                .apply_many(core::iter::once(refuted), true, &mut self.runtime);
            self.collect(now);
        }
    }

    /// A member has left, and said so to everybody. Nobody is told at once that it is down: that would overtake its own
    /// word, and look like a death (S5.10).
    pub(crate) fn note_down(&mut self, identity: Identity, now: Time) {
        let _ = self
            .foca
            .apply_many(core::iter::once(Member::down(identity)), true, &mut self.runtime);
        self.collect(now);
    }

    /// This node was declared down by others: it comes back under a new generation.
    pub(crate) fn renew(&mut self, now: Time) {
        let own = self.foca.identity().clone();
        let _ = self
            .foca
            .apply_many(core::iter::once(Member::down(own)), true, &mut self.runtime);
        self.collect(now);
    }

    pub(crate) fn run_timers(&mut self, now: Time) {
        while let Some(entry) = self.timers.first_entry().filter(|entry| entry.key().0 <= now) {
            let timer = entry.remove();
            if self.is_pointless(&timer) {
                continue;
            }
            let _ = self.foca.handle_timer(timer, &mut self.runtime);
            self.collect(now);
        }
    }

    /// Whether a suspicion whose time is over was refuted meanwhile. Foca 2.0.0 changes nothing then, and tells the member
    /// all the same that it was given up, so that it gives up its identity for nothing.
    fn is_pointless(&self, timer: &Timer<Identity>) -> bool {
        let Timer::ChangeSuspectToDown {
            member_id,
            incarnation,
            ..
        } = timer
        else {
            return false;
        };
        let is_suspected = |member: &Member<Identity>| {
            member.id() == member_id
                && member.state() == State::Suspect
                && member.incarnation() == *incarnation
        };
        !self.foca.iter_membership_state().any(is_suspected)
    }

    /// Pushes everything back: nobody may be blamed for time in which this node did not look (S4.5).
    pub(crate) fn postpone(&mut self, by: Duration) {
        self.timers = core::mem::take(&mut self.timers)
            .into_iter()
            .map(|((at, n), timer)| ((at + by, n), timer))
            .collect();
    }

    pub(crate) fn next_deadline(&self) -> Option<Time> {
        self.timers.keys().next().map(|(at, _)| *at)
    }

    pub(crate) fn poll_event(&mut self) -> Option<SwimEvent> {
        self.events.pop_front()
    }

    /// Whether there are events, or anything happened that may have changed the list of active members.
    pub(crate) fn has_news(&self) -> bool {
        self.stale || !self.events.is_empty()
    }

    /// Whether anything happened since the last call that may have changed the list of active members.
    pub(crate) fn take_stale(&mut self) -> bool {
        core::mem::take(&mut self.stale)
    }

    /// Takes an identity that wins against one of this rank, if the present one does not.
    pub(crate) fn outrank(&mut self, seniority: NodeId, generation: u32, now: Time) {
        let own = self.foca.identity();
        if own.rank() <= (seniority, generation) {
            let generation = generation.wrapping_add(1);
            let identity = Identity {
                seniority,
                generation,
                ..own.clone()
            };
            let _ = self.foca.change_identity(identity, &mut self.runtime);
            self.go_on(now);
        }
    }

    /// The highest (seniority, generation) that is remembered under the name of an identity and wins against it.
    pub(crate) fn rank_above(&self, identity: &Identity) -> Option<(NodeId, u32)> {
        let members = self.foca.iter_membership_state().map(Member::id);
        let ranks = members
            .filter(|member| member.name == identity.name)
            .map(Identity::rank);
        ranks.max().filter(|rank| *rank > identity.rank())
    }

    /// The members that answer, and whether each is suspected.
    pub(crate) fn active(&self) -> impl Iterator<Item = (NodeId, bool)> {
        self.foca
            .iter_membership_state()
            .filter(|member| member.state() != State::Down)
            .map(|member| (member.id().id, member.state() == State::Suspect))
    }

    /// Whether [`active`](Self::active) says something else than at the last call.
    pub(crate) fn active_changed(&mut self) -> bool {
        let mut seen = self.seen.iter();
        let same = self.active().all(|member| seen.next() == Some(&member)) && seen.next().is_none();
        if !same {
            self.seen = self.active().collect();
        }
        !same
    }

    /// A change of identity stops foca's probes, and a packet that is answered by one does not start them again:
    /// an update of nobody does.
    fn go_on(&mut self, now: Time) {
        let _ = self
            .foca
            .apply_many(core::iter::empty(), false, &mut self.runtime);
        self.collect(now);
    }

    /// An identity that another of its name has replaced is in no list any more, from which it would be removed later.
    fn forget_the_replaced(&mut self, old: &Identity) {
        self.timers
            .retain(|_, timer| !matches!(timer, Timer::RemoveDown(down) if down == old));
    }

    fn collect(&mut self, now: Time) {
        self.stale = true;
        while let Some((to, packet)) = self.runtime.to_send() {
            self.events.push_back(SwimEvent::Send(to.id, packet.to_vec()));
        }
        while let Some((after, timer)) = self.runtime.to_schedule() {
            self.armed += 1;
            self.timers.insert((now + after, self.armed), timer);
        }
        while let Some(notification) = self.runtime.to_notify() {
            let event = match notification {
                OwnedNotification::MemberUp(identity) => SwimEvent::Up(identity),
                OwnedNotification::MemberDown(identity) => SwimEvent::Down(identity),
                // Another boot under the same name is the crash of the old one (S6.2).
                OwnedNotification::Rename(old, new) => {
                    self.forget_the_replaced(&old);
                    if old.id != new.id {
                        self.events.push_back(SwimEvent::Down(old));
                    }
                    SwimEvent::Up(new)
                }
                OwnedNotification::Rejoin(_) | OwnedNotification::Defunct => SwimEvent::Rejoined,
                OwnedNotification::Active | OwnedNotification::Idle => {
                    continue;
                }
            };
            self.events.push_back(event);
        }
    }
}

impl fmt::Debug for Swim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Swim")
            .field("identity", self.foca.identity())
            .field("members", &Members(&self.foca))
            .field("timers", &self.timers)
            .field("armed", &self.armed)
            .field("events", &self.events)
            .field("stale", &self.stale)
            .finish_non_exhaustive()
    }
}

struct Members<'a>(&'a Foca<Identity, PacketCodec, Pcg64Mcg, NoCustomBroadcast>);

impl fmt::Debug for Members<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter_membership_state()).finish()
    }
}
