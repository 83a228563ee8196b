use std::net::SocketAddr;
use std::time::Duration;

use ordu_core::{Config, NodeId};

use super::World;
use super::happening::Happening;
use super::host::Made;
use crate::{Fault, HostId, Machine};

/// How often those who were told a name to dial look its address up anew.
const LOOKUP: Duration = Duration::from_secs(5);

impl<M: Machine> World<M> {
    /// The address of a host.
    pub(super) fn addr(&self, host: HostId) -> SocketAddr {
        HostId(self.hosts[host.0].address).addr()
    }

    /// The addresses of hosts.
    pub(super) fn addresses(&self, hosts: &[HostId]) -> Vec<SocketAddr> {
        hosts.iter().map(|host| self.addr(*host)).collect()
    }

    /// The host that has an address.
    pub(super) fn host_at(&self, addr: SocketAddr) -> Option<HostId> {
        let address = HostId::at(addr)?.0;
        // Most have the one they began with.
        let begins = self
            .hosts
            .get(address)
            .is_some_and(|host| host.address == address);
        if begins {
            return Some(HostId(address));
        }
        self.hosts().find(|host| self.hosts[host.0].address == address)
    }

    /// What the next node of a host is told.
    pub(super) fn config(&self, at: HostId) -> Config {
        let host = &self.hosts[at.0];
        let seeds = host.told.as_ref().unwrap_or(&self.setup.hosts[at.0].seeds);
        Config {
            name: host.made.named_like.unwrap_or(at).name(),
            addr: self.addr(at),
            seeds: self.addresses(seeds),
            ..self.setup.config(at)
        }
    }

    /// The identity of the next node of a clone, that of the original if it runs; `fresh` of any other.
    pub(super) fn cloned_identity(&mut self, at: HostId, fresh: NodeId) -> NodeId {
        let original = self.hosts[at.0].made.clone_of.take();
        let original = original.and_then(|of| self.hosts[of.0].process.as_ref());
        original.map_or(fresh, |process| process.node)
    }

    /// A machine gets another address, and whoever had that gets its own, if nothing runs on either.
    pub(super) fn readdress(&mut self, at: HostId, address: usize) {
        let before = self.hosts[at.0].address;
        let other = self.hosts().find(|host| self.hosts[host.0].address == address);
        let is_free = |host: HostId| self.hosts[host.0].process.is_none();
        if before == address || !is_free(at) || !other.is_none_or(is_free) {
            return;
        }
        if let Some(other) = other {
            self.hosts[other.0].address = before;
        }
        self.hosts[at.0].address = address;
    }

    /// A node has booted at another address than its last: those who were told to dial it look that up before long.
    pub(super) fn tell_of_a_move(&mut self, moved: HostId) {
        let host = &mut self.hosts[moved.0];
        if std::mem::replace(&mut host.was_at, host.address) == host.address {
            return;
        }
        for host in self.hosts().filter(|host| *host != moved).collect::<Vec<_>>() {
            let told = self.hosts[host.0].told.as_ref();
            let seeds = told.unwrap_or(&self.setup.hosts[host.0].seeds);
            if seeds.contains(&moved) {
                let after = self.chance.troubles.duration(Duration::ZERO, LOOKUP);
                self.later(after, Happening::LookUp(host));
            }
        }
    }

    /// A node is told the addresses that those have now whom it was told to dial.
    pub(super) fn look_up(&mut self, at: HostId) {
        let told = self.hosts[at.0].told.as_ref();
        let told = told.unwrap_or(&self.setup.hosts[at.0].seeds).clone();
        self.inflict(Fault::Join(at, told));
    }

    /// Whether something is wrong with how the node of a host is set up, or with how the one that runs was.
    pub(crate) fn is_ill_made(&self, host: HostId) -> bool {
        let host = &self.hosts[host.0];
        let runs = host
            .process
            .as_ref()
            .map_or(Made::default(), |process| process.made);
        host.made != Made::default() || runs != Made::default()
    }

    /// Whether a process gets to what happens late.
    pub(crate) fn is_slow(&self, host: HostId) -> bool {
        self.hosts[host.0].slow.is_some()
    }

    /// A node is set up as it is to be, and killed and booted if it runs and was not; at once if it was about to boot again.
    pub(super) fn repair(&mut self, at: HostId) {
        self.hosts[at.0].made = Made::default();
        if self.hosts[at.0].starts_again {
            self.inflict(Fault::Boot(at));
        }
        let runs = self.hosts[at.0].process.as_ref();
        if runs.is_some_and(|process| process.made != Made::default()) {
            self.inflict(Fault::Crash(at));
            self.inflict(Fault::Boot(at));
        }
    }
}
