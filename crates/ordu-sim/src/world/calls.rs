use std::time::Duration;

use ordu_core::{Answer, CallError, Command, Input, RequestId};

use super::World;
use crate::{Boot, CallId, HostId, Machine, What};

/// How long an operator waits for a removal, or for a list of members.
const REMOVAL: Duration = Duration::from_secs(20);

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

    /// An operator asks the node of a host to remove another.
    pub(super) fn remove(&mut self, asked: HostId, removed: HostId) {
        let Some(boot) = self.running(asked) else { return };
        let Some(process) = self.process_mut(boot) else {
            return;
        };
        process.next_request += 1;
        let request = RequestId(process.next_request);
        process.removals.insert(request, removed);
        let input = Input::Remove {
            request,
            timeout: REMOVAL,
            name: removed.name(),
        };
        self.feed(boot, input);
    }

    /// An operator tells the node of a host who may be a member.
    pub(super) fn set_members(&mut self, asked: HostId, listed: Option<&[HostId]>) {
        let Some(boot) = self.running(asked) else { return };
        let Some(process) = self.process_mut(boot) else {
            return;
        };
        process.next_request += 1;
        let request = RequestId(process.next_request);
        process.listings.insert(request);
        let input = Input::SetMembers {
            request,
            timeout: REMOVAL,
            names: listed.map(|listed| listed.iter().map(|host| host.name()).collect()),
        };
        self.feed(boot, input);
    }

    pub(super) fn reply(&mut self, boot: Boot, request: RequestId, result: Result<Answer, CallError>) {
        let process = self.process_mut(boot);
        let (call, removed, is_list) = process.map_or((None, None, false), |process| {
            (
                process.calls.remove(&request),
                process.removals.remove(&request),
                process.listings.remove(&request),
            )
        });
        match (call, removed) {
            _ if is_list => self.report(What::ListAnswered { boot, result }),
            (Some(call), _) => self.report(What::Answered { call, result }),
            (None, Some(removed)) => self.report(What::RemovalAnswered {
                boot,
                removed,
                result,
            }),
            (None, None) => self.nonsense(
                boot,
                format!("request {} was answered twice or never made", request.0),
            ),
        }
    }
}
