use std::time::Duration;

use ordu_core::{Answer, CallError, Command, Input, RequestId};

use super::World;
use crate::{Boot, CallId, HostId, Machine, What};

impl<M: Machine> World<M> {
    /// A client calls the node of a host; `None` if nobody runs there.
    pub fn call(&mut self, host: HostId, command: Command, timeout: Duration) -> Option<CallId> {
        let boot = self.running(host)?;
        self.counters.calls += 1;
        let call = CallId(self.counters.calls);
        let process = self.process_mut(boot)?;
        process.next_request += 1;
        let request = RequestId(process.next_request);
        process.calls.insert(request, call);
        self.report(What::Called {
            call,
            boot,
            command: command.clone(),
            timeout,
        });
        let input = Input::Request {
            request,
            timeout,
            command,
        };
        self.feed(boot, input);
        Some(call)
    }

    pub(super) fn reply(&mut self, boot: Boot, request: RequestId, result: Result<Answer, CallError>) {
        let call = self
            .process_mut(boot)
            .and_then(|process| process.calls.remove(&request));
        match call {
            Some(call) => self.report(What::Answered { call, result }),
            None => self.nonsense(
                boot,
                format!("request {} was answered twice or never made", request.0),
            ),
        }
    }
}
