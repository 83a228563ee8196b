//! A plan of which is known what it needs to fail is made as small as it can be.

use std::collections::VecDeque;

use ordu_core::{CallError, Config, Input, NodeId, Now, Output, Time};
use ordu_sim::shrink::shrink;
use ordu_sim::{Fault, Machine, Plan, Trace, run, swarm};

/// Refuses every call, and the second one twice.
#[derive(Debug)]
struct Forgetful {
    calls: u32,
    outputs: VecDeque<Output>,
}

impl Machine for Forgetful {
    fn boot(_: Config, _: NodeId, _: u64) -> Self {
        Self {
            calls: 0,
            outputs: VecDeque::new(),
        }
    }

    fn handle(&mut self, _: Now, input: Input) {
        let Input::Request { request, .. } = input else {
            return;
        };
        self.calls += 1;
        let times = if self.calls == 2 { 2 } else { 1 };
        for _ in 0..times {
            let result = Err(CallError::Invalid("nothing is done here".into()));
            self.outputs.push_back(Output::Reply { request, result });
        }
    }

    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn next_deadline(&self) -> Option<Time> {
        None
    }
}

/// A plan that asks one host alone, so that there is nothing by chance in who is asked.
fn plan(seed: u64) -> Plan {
    let mut plan = swarm::plan(seed);
    // Nor are there calls behind the chaos.
    plan.rounds = 0;
    plan.calm_calls.clear();
    for (_, call) in &mut plan.calls {
        call.host = ordu_sim::HostId(0);
        call.retries = 0;
    }
    plan
}

#[test]
fn a_plan_that_needs_one_host_and_two_calls_is_made_to_have_just_these() {
    for seed in [1, 2, 3] {
        let whole = plan(seed);
        let fails = |plan: &Plan| run::<Forgetful>(plan, Trace::Off).violation;
        let violation = fails(&whole).expect("the second call is answered twice");
        assert_eq!(violation.invariant, "sense");
        let kept = shrink(&whole, &violation, |smaller| Some(fails(smaller)));
        let smaller = whole.keeping(&kept);
        assert!(
            matches!(smaller.faults.as_slice(), [(_, Fault::Boot(_))]),
            "{kept}"
        );
        assert_eq!((smaller.calls.len(), smaller.revived.len()), (2, 0), "{kept}");
        let left = fails(&smaller).expect("it still fails");
        assert_eq!(left.invariant, "sense");
        assert!(smaller.calm_at.0 <= left.at.0 + 1, "the chaos ends with it");
    }
}

#[test]
fn what_is_left_when_no_more_may_be_tried_still_fails() {
    let whole = plan(1);
    let fails = |plan: &Plan| run::<Forgetful>(plan, Trace::Off).violation;
    let violation = fails(&whole).expect("the second call is answered twice");
    let mut tries = 0;
    let kept = shrink(&whole, &violation, |smaller| {
        tries += 1;
        (tries <= 5).then(|| fails(smaller))
    });
    assert!(kept.elements.len() < whole.elements());
    assert_eq!(
        fails(&whole.keeping(&kept)).map(|it| it.invariant),
        Some(violation.invariant)
    );
}
