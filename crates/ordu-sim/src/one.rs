use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use ordu_core::{Command, Node};
use ordu_sim::invariants::Violation;
use ordu_sim::shrink::{Kept, shrink};
use ordu_sim::swarm::Worlds;
use ordu_sim::{Moment, Plan, PlannedCall, Report, Trace, run};

/// One seed, and what is wanted of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct One {
    /// Which worlds seeds stand for.
    pub(crate) worlds: Worlds,
    /// Which.
    pub(crate) seed: u64,
    /// Whether to print everything that happens.
    pub(crate) trace: bool,
    /// Whether to print all that each node knows at the end.
    pub(crate) state: bool,
    /// The elements of its plan that are kept; `None`: all.
    pub(crate) keep: Option<BTreeSet<usize>>,
    /// When its chaos ends, if sooner.
    pub(crate) calm_at: Option<Moment>,
    /// How long to make it smaller.
    pub(crate) shrink: Option<Duration>,
    /// The bug that is planted in every node.
    #[cfg(feature = "planted-bugs")]
    pub(crate) planted: Option<&'static ordu_sim::planted::Planted>,
}

impl One {
    /// Does what is wanted.
    pub(crate) fn run(&self) -> ExitCode {
        match self.shrink {
            Some(budget) => self.shrink(budget),
            None => self.repeat(),
        }
    }

    /// Runs it and prints what happened.
    fn repeat(&self) -> ExitCode {
        let kept = match (self.trace, self.state) {
            (true, _) => Trace::Full(String::new()),
            (false, true) => Trace::Tail(1, std::collections::VecDeque::new()),
            (false, false) => Trace::Off,
        };
        let plan = self.plan();
        let report = run::<Node>(&plan, kept);
        print!("{}", report.trace);
        if self.state {
            print!("{}", report.state);
        }
        self.say(&plan, &report);
        if report.violation.is_some() {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        }
    }

    fn say(&self, plan: &Plan, report: &Report) {
        let seed = self.seed;
        println!(
            "seed {seed}: {} nodes, {} faults, {} calls, {} events",
            hosts(plan),
            plan.faults.len(),
            plan.calls.len(),
            report.events
        );
        match &report.violation {
            None => println!("seed {seed}: settled after {:?}", report.settled_after),
            Some(violation) => println!("seed {seed}: {violation}"),
        }
    }

    /// Makes a seed that fails smaller and prints what is left: the trace, the plan, and how to repeat it.
    fn shrink(&self, budget: Duration) -> ExitCode {
        std::panic::set_hook(Box::new(|_| {}));
        let began = Instant::now();
        let plan = self.whole();
        let before = run::<Node>(&plan, Trace::Full(String::new()));
        let Some(violation) = &before.violation else {
            println!(
                "seed {} breaks no rule: there is nothing to make smaller",
                self.seed
            );
            return ExitCode::SUCCESS;
        };
        let mut runs = 0;
        let kept = shrink(&plan, violation, |smaller| -> Option<Option<Violation>> {
            if began.elapsed() >= budget {
                return None;
            }
            runs += 1;
            Some(run::<Node>(smaller, Trace::Off).violation)
        });
        let took = began.elapsed().as_secs_f64();
        let smaller = plan.keeping(&kept);
        let after = run::<Node>(&smaller, Trace::Full(String::new()));
        print!("{}", after.trace);
        println!("what is left of seed {}:", self.seed);
        print_elements(&plan, &kept);
        self.say(&smaller, &after);
        let sizes = [
            ("faults", plan.faults.len(), smaller.faults.len()),
            ("calls", plan.calls.len(), smaller.calls.len()),
            ("hosts", hosts(&plan), hosts(&smaller)),
            (
                "lines of trace",
                before.trace.lines().count(),
                after.trace.lines().count(),
            ),
        ];
        let sizes = sizes.map(|(what, before, after)| format!("{what} {before} -> {after}"));
        println!("{}, in {runs} runs and {took:.1} s", sizes.join(", "));
        println!("repeat it with: {}", self.command(&kept));
        ExitCode::FAILURE
    }

    /// What the seed decides, all of it.
    fn whole(&self) -> Plan {
        #[cfg_attr(not(feature = "planted-bugs"), allow(unused_mut))]
        let mut plan = self.worlds.plan(self.seed);
        #[cfg(feature = "planted-bugs")]
        if let Some(planted) = self.planted {
            plan.setup.planted = Some(planted.bug);
        }
        plan
    }

    /// What is kept of it.
    fn plan(&self) -> Plan {
        let plan = self.whole();
        let mut kept = Kept::everything(&plan);
        if let Some(keep) = &self.keep {
            kept.elements.clone_from(keep);
        }
        kept.calm_at = self.calm_at.unwrap_or(kept.calm_at);
        plan.keeping(&kept)
    }

    fn command(&self, kept: &Kept) -> String {
        #[cfg(feature = "planted-bugs")]
        let planted = self
            .planted
            .map_or_else(String::new, |planted| format!(" --planted {}", planted.name));
        #[cfg(not(feature = "planted-bugs"))]
        let planted = "";
        format!(
            "cargo xtask sim{planted}{} --seed {} --keep {kept} --calm-at {} --trace",
            self.worlds, self.seed, kept.calm_at.0
        )
    }
}

/// The hosts on which a node is ever booted.
fn hosts(plan: &Plan) -> usize {
    let booted = plan.faults.iter().filter_map(|(_, fault)| match fault {
        ordu_sim::Fault::Boot(host) => Some(*host),
        _ => None,
    });
    let hosts: BTreeSet<_> = booted.chain(plan.revived.iter().copied()).collect();
    hosts.len()
}

/// Faults, calls and boots in the order in which they happen.
fn print_elements(plan: &Plan, kept: &Kept) {
    let (faults, calls) = (plan.faults.len(), plan.faults.len() + plan.calls.len());
    let mut elements: Vec<usize> = kept.elements.iter().copied().collect();
    elements.sort_by_key(|element| plan.at(*element).unwrap_or(kept.calm_at));
    for element in elements {
        let at = plan.at(element).unwrap_or(kept.calm_at);
        let what = if let Some((_, fault)) = plan.faults.get(element) {
            format!("{fault:?}")
        } else if let Some((_, call)) = plan.calls.get(element - faults) {
            describe(call)
        } else if let Some(host) = plan.revived.get(element - calls) {
            format!("{host:?} is booted if it is down")
        } else {
            let (after, call) = &plan.calm_calls[element - calls - plan.revived.len()];
            format!("in the calm, after {after:?}: {}", describe(call))
        };
        println!("{element:>6} {at} {what}");
    }
    println!("       {} === calm", kept.calm_at);
}

fn describe(call: &PlannedCall) -> String {
    let (what, spec) = match &call.command {
        Command::StartChild { spec, .. } => ("start", Some(spec)),
        Command::TerminateChild { .. } => ("terminate", None),
        Command::RestartChild { .. } => ("restart", None),
        Command::DeleteChild { .. } => ("delete", None),
        Command::UpdateChild { spec, .. } => ("update", Some(spec)),
    };
    let kind = spec.map_or_else(String::new, |spec| format!(", {:?}", spec.restart));
    format!(
        "a client asks {:?} to {what} {}{kind}, waits {:?} and asks again {} times",
        call.host,
        call.command.child().1,
        call.timeout,
        call.retries
    )
}
