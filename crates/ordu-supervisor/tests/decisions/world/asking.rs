//! What a test asks a world, and what it can see of it.

use ordu_supervisor::decisions::{
    ChildState, ChildView, Counts, ExitReason, Incarnation, Reply, Report, Request, StaticEvent,
};

use super::{Event, Spec, World};

impl World {
    pub fn request(&mut self, request: Request<String, u32>) -> (u64, StaticEvent<String, u32>) {
        self.request_of(None, request)
    }

    /// A call of this child, or of nobody's.
    pub fn request_of(
        &mut self,
        child: Option<&str>,
        request: Request<String, u32>,
    ) -> (u64, StaticEvent<String, u32>) {
        let caller = child.map(|child| self.incarnation(child));
        self.calls += 1;
        (
            self.calls,
            StaticEvent::Call {
                call: self.calls,
                caller,
                request,
            },
        )
    }

    /// Calls and lets things happen; the answer may be yet to come.
    pub fn send(&mut self, request: Request<String, u32>) -> u64 {
        let (call, event) = self.request(request);
        self.step(event);
        call
    }

    pub fn call(&mut self, request: Request<String, u32>) -> Reply<String> {
        let call = self.send(request);
        self.replies
            .remove(&call)
            .expect("the call was not answered at once")
    }

    pub fn start_child(&mut self, (key, policy, payload): Spec) -> Reply<String> {
        self.call(Request::StartChild { key, policy, payload })
    }

    pub fn terminate(&mut self, id: &str) -> Reply<String> {
        self.call(Request::TerminateChild { key: id.to_owned() })
    }

    pub fn restart(&mut self, id: &str) -> Reply<String> {
        self.call(Request::RestartChild { key: id.to_owned() })
    }

    pub fn delete(&mut self, id: &str) -> Reply<String> {
        self.call(Request::DeleteChild { key: id.to_owned() })
    }

    // ---- what can be seen -----------------------------------------------------------------------------

    pub fn incarnation(&self, id: &str) -> Incarnation {
        match self.state(id) {
            Some(ChildState::Running(incarnation) | ChildState::Zombie(incarnation)) => incarnation,
            other => panic!("{id} does not run: {other:?}"),
        }
    }

    pub fn state(&self, id: &str) -> Option<ChildState> {
        self.core
            .which_children()
            .find(|child| child.key == id)
            .map(|child| child.state)
    }

    pub fn list(&self) -> Vec<ChildView<String>> {
        self.core.which_children().collect()
    }

    /// specs, active, supervisors, workers.
    pub fn counts(&self) -> [usize; 4] {
        let Counts {
            specs,
            active,
            supervisors,
            workers,
            ..
        } = self.core.count_children();
        [specs, active, supervisors, workers]
    }

    pub fn exit_reason(&self) -> Option<&ExitReason> {
        self.exit.as_ref().map(|(reason, _)| reason)
    }

    /// Which contexts were reported, with the child and the reason, leaving out progress.
    pub fn troubles(&self) -> Vec<(&'static str, String, Option<ExitReason>)> {
        self.reports
            .iter()
            .filter_map(|report| {
                let context = match report {
                    Report::Progress(_) => return None,
                    Report::StartError(..) => "start_error",
                    Report::ChildTerminated(..) => "child_terminated",
                    Report::ShutdownError(..) => "shutdown_error",
                    Report::ReachedMaxRestartIntensity(_) => "shutdown",
                };
                Some((context, report.offender().key.clone(), report.reason().cloned()))
            })
            .collect()
    }

    /// Who was started and who ended, in order, from entry `from` of the log.
    pub fn story(&self, from: usize) -> Vec<String> {
        self.log[from..]
            .iter()
            .filter_map(|event| match event {
                Event::Started(key, _) => Some(format!("+{key}")),
                Event::Ended(key, _) => Some(format!("-{key}")),
                Event::Asked(_) | Event::Killed(_) => None,
            })
            .collect()
    }
}
