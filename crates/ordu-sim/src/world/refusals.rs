use std::time::Duration;

use ordu_core::{DialError, Input};

use super::World;
use super::dialling::HandshakeId;
use super::happening::Happening;
use super::host::Process;
use crate::{Boot, Machine, Moment};

impl<M: Machine> World<M> {
    /// A firewall answers a dial, or the dialler hears nothing: of the answers to what goes over UDP a shell hears as
    /// little as where nobody listens.
    pub(super) fn reject_dial(&mut self, id: HandshakeId, deadline: Moment) {
        if self.setup.refuses {
            return self.dial_fails(id, DialError::Refused);
        }
        // The rule may be gone before the dialler has lost its patience.
        let again = self.now + Duration::from_millis(150);
        if again < deadline {
            self.agenda.enter(again, Happening::HelloAgain(id, 1));
        }
    }

    pub(super) fn dial_fails(&mut self, id: HandshakeId, error: DialError) {
        if let Some(handshake) = self.handshakes.remove(&id) {
            let dial = handshake.dial;
            let delay = self.shell_delay();
            let input = Input::DialFailed { dial, error };
            self.later(delay, Happening::Feed(handshake.dialler, input));
        }
    }

    /// What the shell of a dialler has against who answered: it is a clone, or of another version.
    pub(super) fn objection(&self, dialler: Boot, acceptor: Boot) -> Option<String> {
        let version = |process: &Process<M>| process.made.is_of_another_version;
        let (here, there) = (self.process(dialler)?, self.process(acceptor)?);
        if version(here) != version(there) {
            return Some("peer does not speak `ordu/1`: it runs another version of ordu".into());
        }
        let is_twin = dialler != acceptor && here.node == there.node;
        is_twin.then(|| "another node runs under the id of this node: one of them is a clone".into())
    }
}
