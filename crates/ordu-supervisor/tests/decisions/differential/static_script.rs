//! One random script, run on the core while it is made.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use ordu_supervisor::decisions::{
    AutoShutdown, CallError, ChildPolicy, ChildState, ChildView, ExitReason, Intensity, Reply, Request,
    ShutdownInfo, StaticEvent, StaticFlags, Strategy,
};

use super::terms::{
    Random, erlang_reason, erlang_spec, erlang_starts, policy, random_start, reasons, text_counts,
    text_reason, text_report,
};
use crate::world::{Answer, Event, NextStart, World, boom, spec};

const IDS: u64 = 5;

pub struct Script {
    pub name: u64,
    pub timed: bool,
    pub trace: Vec<String>,
    head: String,
    ops: Vec<String>,
}

/// A script in the making.
struct Maker {
    random: Random,
    world: World,
    answers: BTreeMap<u64, ExitReason>,
    auto_shutdown: AutoShutdown,
    ops: Vec<String>,
    trace: Vec<String>,
    seen: usize,
    reported: usize,
}

impl Script {
    pub fn generate(name: u64, timed: bool) -> Self {
        let mut random = Random::of_script(name);
        let strategy = random.pick(&[Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne]);
        let max_restarts = u32::try_from(random.next(5)).unwrap();
        let auto_shutdown = random.pick(&[
            AutoShutdown::Never,
            AutoShutdown::AnySignificant,
            AutoShutdown::AllSignificant,
        ]);
        let period = if timed { 3 } else { 3600 };
        let intensity = Intensity::new(max_restarts, Duration::from_secs(period));
        let flags = StaticFlags {
            strategy,
            intensity,
            auto_shutdown,
            escalate_zombies: false,
            seed: 0,
        };
        let answers: BTreeMap<u64, ExitReason> = (0..IDS)
            .map(|id| {
                let odd = random.pick(&[boom(), ExitReason::Normal, ExitReason::shutdown_with("x")]);
                (
                    id,
                    if random.next(3) == 0 {
                        odd
                    } else {
                        ExitReason::Shutdown
                    },
                )
            })
            .collect();
        let children = 1 + random.next(IDS - 1);
        let policies: Vec<(u64, ChildPolicy)> = (0..children)
            .map(|id| (id, policy(&mut random, auto_shutdown)))
            .collect();
        let first_starts: Vec<(u64, Vec<NextStart>)> = (0..children)
            .map(|id| (id, random.next(12)))
            .filter(|(_, chance)| *chance == 0)
            .map(|(id, _)| (id, vec![NextStart::Fail(boom())]))
            .collect();

        let specs = policies
            .iter()
            .map(|(id, policy)| spec(&id.to_string(), policy.clone()))
            .collect();
        let world = World::scripted(flags, specs, |world| {
            for (id, answer) in &answers {
                world.script_answer(&id.to_string(), Answer::With(answer.clone()));
            }
            for (id, starts) in &first_starts {
                for start in starts {
                    world.script_start(&id.to_string(), start.clone());
                }
            }
        })
        .unwrap();
        let spec_texts: Vec<String> = policies
            .iter()
            .map(|(id, policy)| erlang_spec(*id, policy, &answers[id]))
            .collect();
        let start_texts: Vec<String> = first_starts
            .iter()
            .map(|(id, starts)| format!("{{{id},{}}}", erlang_starts(starts)))
            .collect();
        let head = format!(
            "{name},{},[{}],[{}]",
            erlang_flags(flags),
            spec_texts.join(","),
            start_texts.join(",")
        );
        let (ops, trace) = (Vec::new(), Vec::new());
        let mut maker = Maker {
            random,
            world,
            answers,
            auto_shutdown,
            ops,
            trace,
            seen: 0,
            reported: 0,
        };
        maker.observe("");
        let steps = 3 + maker.random.next(8);
        for step in 0..steps {
            if maker.world.exit.is_some() {
                break;
            }
            if timed && step == steps / 2 {
                maker.sleep();
            }
            maker.step();
        }
        maker.finish();
        Self {
            name,
            timed,
            trace: maker.trace,
            head,
            ops: maker.ops,
        }
    }

    pub fn erlang(&self) -> String {
        format!("{{{},[{}]}}", self.head, self.ops.join(","))
    }
}

impl Maker {
    fn step(&mut self) {
        if self.random.next(4) == 0 {
            let id = self.random.next(IDS);
            let starts: Vec<NextStart> = (0..=self.random.next(3))
                .map(|_| random_start(&mut self.random))
                .collect();
            self.ops
                .push(format!("{{set_starts,{id},{}}}", erlang_starts(&starts)));
            for start in starts {
                self.world.script_start(&id.to_string(), start);
            }
        }
        let mut items = Vec::new();
        let mut events = Vec::new();
        let mut calls = Vec::new();
        let mut crashed = false;
        let mut counted = false;
        for _ in 0..=self.random.next(3) {
            let crash = self.random.next(2) == 0;
            // A second end behind a restart that fails starts a second chain of retries in OTP and not here,
            // which only burns the budget faster there. So: many ends, or failing starts.
            if crash
                && !counted
                && !(crashed && self.world.has_failing_starts())
                && let Some((item, event)) = self.crash()
            {
                crashed = true;
                items.push(item);
                events.push(event);
                continue;
            }
            // OTP counts a child whose end has not been told yet as dead already; here it is told in order.
            let (item, request) = self.call(!crashed);
            let (call, event) = self.world.request(request);
            counted |= item.contains("count_children");
            items.push(item);
            events.push(event);
            calls.push(call);
        }
        self.ops.push(format!("{{batch,[{}]}}", items.join(",")));
        self.world.step_all(events);
        let mut answers = String::new();
        for call in calls {
            let reply = self.world.replies.remove(&call).expect("every call is answered");
            write!(answers, " ={}", text_reply(&reply)).unwrap();
        }
        self.observe(&answers);
    }

    fn crash(&mut self) -> Option<(String, StaticEvent<String, u32>)> {
        let alive: Vec<u64> = (0..IDS)
            .filter(|id| self.world.is_alive(&id.to_string()))
            .collect();
        if alive.is_empty() {
            return None;
        }
        let id = self.random.pick(&alive);
        let reason = self.random.pick(&reasons());
        let item = format!("{{crash,{id},{}}}", erlang_reason(&reason));
        Some((item, self.world.end_unseen(&id.to_string(), reason)))
    }

    fn call(&mut self, may_count: bool) -> (String, Request<String, u32>) {
        let id = self.random.next(IDS);
        let key = id.to_string();
        match self.random.next(if may_count { 7 } else { 6 }) {
            0 | 1 => {
                let policy = policy(&mut self.random, self.auto_shutdown);
                let spec = erlang_spec(id, &policy, &self.answers[&id]);
                (
                    format!("{{call,{{start_child,{spec}}}}}"),
                    Request::StartChild {
                        key,
                        policy,
                        payload: 0,
                    },
                )
            }
            2 => (
                format!("{{call,{{terminate_child,{id}}}}}"),
                Request::TerminateChild { key },
            ),
            3 => (
                format!("{{call,{{restart_child,{id}}}}}"),
                Request::RestartChild { key },
            ),
            4 => (
                format!("{{call,{{delete_child,{id}}}}}"),
                Request::DeleteChild { key },
            ),
            5 => ("{call,which_children}".to_owned(), Request::WhichChildren),
            _ => ("{call,count_children}".to_owned(), Request::CountChildren),
        }
    }

    fn sleep(&mut self) {
        self.ops.push("{sleep,6500}".to_owned());
        self.world.advance(Duration::from_millis(6_500));
    }

    fn finish(&mut self) {
        if self.world.exit.is_none() {
            let reason = self
                .random
                .pick(&[boom(), ExitReason::Normal, ExitReason::Shutdown]);
            self.ops.push(format!("{{finish,{}}}", erlang_reason(&reason)));
            self.world.step(StaticEvent::Stop { reason });
            self.observe("");
        }
    }

    fn observe(&mut self, answers: &str) {
        let mut line = match self.world.exit_reason() {
            None => format!(
                "alive {} {}",
                text_children(&self.world.list()),
                text_counts(self.world.core.count_children())
            ),
            Some(ExitReason::ShutdownWith(ShutdownInfo::FailedToStartChild { id, reason })) => {
                format!("failed {id} {}", text_reason(reason))
            }
            Some(reason) => format!("dead {}", text_reason(reason)),
        };
        line.push_str(answers);
        let (log, reports) = (&self.world.log, &self.world.reports);
        // The world notes at each report how long its log was then, which gives one order for both.
        let mut told = log.len().min(self.seen);
        for (report, at) in reports.iter().zip(&self.world.reported_at).skip(self.reported) {
            push_events(&mut line, &log[told..*at]);
            told = *at;
            if let Some(text) = text_report(report) {
                write!(line, " <{text}>").unwrap();
            }
        }
        push_events(&mut line, &log[told..]);
        (self.seen, self.reported) = (log.len(), reports.len());
        self.trace.push(line);
    }
}

fn push_events(line: &mut String, events: &[Event]) {
    for event in events {
        match event {
            Event::Started(id, _) => write!(line, " +{id}").unwrap(),
            Event::Asked(id) => write!(line, " !{id}").unwrap(),
            Event::Killed(_) | Event::Ended(..) => {}
        }
    }
}

fn erlang_flags(flags: StaticFlags) -> String {
    let strategy = match flags.strategy {
        Strategy::OneForOne => "one_for_one",
        Strategy::OneForAll => "one_for_all",
        Strategy::RestForOne => "rest_for_one",
    };
    let auto_shutdown = match flags.auto_shutdown {
        AutoShutdown::Never => "never",
        AutoShutdown::AnySignificant => "any_significant",
        AutoShutdown::AllSignificant => "all_significant",
    };
    let Intensity { max_restarts, period } = flags.intensity;
    format!(
        "{{{strategy},{max_restarts},{},{auto_shutdown}}}",
        period.as_secs()
    )
}

fn text_children(children: &[ChildView<String>]) -> String {
    let texts: Vec<String> = children
        .iter()
        .map(|child| {
            let state = match child.state {
                ChildState::Running(_) => "running",
                ChildState::Undefined => "undefined",
                ChildState::Restarting(_) => "restarting",
                ChildState::Zombie(_) => panic!("not part of a script"),
            };
            format!("{}:{state}", child.key)
        })
        .collect();
    format!("[{}]", texts.join(","))
}

fn text_reply(reply: &Reply<String>) -> String {
    match reply {
        Reply::Started(_) => "started".to_owned(),
        Reply::Ignored => "ignored".to_owned(),
        Reply::Done => "ok".to_owned(),
        Reply::Children(children) => text_children(children),
        Reply::Counts(counts) => text_counts(*counts),
        Reply::Refused(error) => match error {
            CallError::AlreadyPresent => "already_present".to_owned(),
            CallError::AlreadyStarted(_) => "already_started".to_owned(),
            CallError::Failed(reason) => format!("failed {}", text_reason(reason)),
            CallError::NotFound => "not_found".to_owned(),
            CallError::Running(_) => "running".to_owned(),
            CallError::Restarting => "restarting".to_owned(),
            CallError::Gone => "gone".to_owned(),
            other => panic!("not part of a script: {other}"),
        },
        Reply::Policy(_) => panic!("not part of a script"),
    }
}
