//! One random script for a dynamic supervisor, run on the core while it is made.

use std::fmt::Write;
use std::time::Duration;

use ordu_supervisor::decisions::{
    AutoShutdown, ChildPolicy, DynamicEvent, DynamicFlags, ExitReason, Intensity,
};

use super::terms::{
    Random, erlang_reason, erlang_spec, erlang_start, policy, random_start, reasons, text_counts,
    text_reason, text_report,
};
use crate::world::{Children, DynamicReply, DynamicStart, DynamicWorld, NextStart, Seen, boom};

pub struct DynamicScript {
    pub name: u64,
    pub trace: Vec<String>,
    head: String,
    /// What is done up to each line of the trace.
    steps: Vec<String>,
}

/// Something that is put into the supervisor's mailbox.
enum Item {
    Exit(DynamicEvent<u64>),
    Start(u64, ChildPolicy),
    Terminate(u64, usize),
    Which,
    Count,
}

/// A script in the making.
struct Maker {
    random: Random,
    world: DynamicWorld,
    limited: bool,
    keys: u64,
    calls: u64,
    /// Sets what starts to come do, before the next step.
    setting: String,
    trace: Vec<String>,
    steps: Vec<String>,
}

impl DynamicScript {
    pub fn generate(name: u64) -> Self {
        let mut random = Random::of_script(name);
        let max_restarts = u32::try_from(random.next(6)).unwrap();
        let intensity = Intensity::new(max_restarts, Duration::from_hours(1));
        let max_children = (random.next(2) == 0).then(|| 1 + usize::try_from(random.next(4)).unwrap());
        let limit = max_children.map_or_else(|| "infinity".to_owned(), |max| max.to_string());
        let flags = DynamicFlags {
            intensity,
            max_children,
            ..DynamicFlags::default()
        };
        let mut maker = Maker {
            random,
            world: DynamicWorld::new(flags),
            limited: max_children.is_some(),
            keys: 0,
            calls: 0,
            setting: String::new(),
            trace: Vec::new(),
            steps: Vec::new(),
        };
        for _ in 0..4 + maker.random.next(8) {
            if maker.world.exit.is_none() {
                maker.step();
            }
        }
        if maker.world.exit.is_none() {
            maker.finish();
        }
        Self {
            name,
            trace: maker.trace,
            head: format!("{name},{{{max_restarts},{},{limit}}}", intensity.period.as_secs()),
            steps: maker.steps,
        }
    }

    pub fn erlang(&self) -> String {
        self.erlang_until(self.steps.len())
    }

    /// Its beginning, as far as to this many lines of the trace.
    pub fn erlang_until(&self, steps: usize) -> String {
        format!("{{{},[{}]}}", self.head, self.steps[..steps].join(","))
    }
}

/// What is put into the mailbox together, while the supervisor looks away.
#[derive(Default)]
struct Batch {
    texts: Vec<String>,
    items: Vec<Item>,
    /// Children that are known by their last run until a slow restart is over. In Elixir nobody can name one then.
    slowly_restarting: Vec<u64>,
    /// A start that takes its time may be taking a place, and one that finds it taken waits. In Elixir the places are
    /// as they were when its turn came, whatever becomes free later.
    waits: bool,
}

impl Batch {
    fn add(&mut self, text: String, item: Item) {
        self.texts.push(text);
        self.items.push(item);
    }
}

impl Maker {
    fn step(&mut self) {
        for (key, _) in self.world.living() {
            if self.random.next(4) == 0 {
                self.set_starts(key);
            }
        }
        let mut batch = Batch::default();
        for _ in 0..=self.random.next(5) {
            self.add_item(&mut batch);
        }
        let setting = std::mem::take(&mut self.setting);
        let texts = batch.texts.join(",");
        self.steps.push(format!("{setting}{{batch,[{texts}]}}"));
        let calls: Vec<u64> = batch
            .items
            .into_iter()
            .filter_map(|item| self.carry_out(item))
            .collect();
        while self.world.underway() > 0 {
            let any = self.random.next(self.world.underway() as u64);
            self.world.release(usize::try_from(any).unwrap());
        }
        self.world.settle();
        let mut answers = String::new();
        for call in calls {
            let reply = self.world.replies.remove(&call).expect("every call is answered");
            write!(answers, " ={}", text_reply(&reply)).unwrap();
        }
        self.observe(&answers);
    }

    fn add_item(&mut self, batch: &mut Batch) {
        let kind = self.random.next(if batch.waits { 5 } else { 12 });
        match kind {
            0..=2 => self.add_start(batch),
            3 => batch.add("{call,which_children}".to_owned(), Item::Which),
            4 => batch.add("{call,count_children}".to_owned(), Item::Count),
            5..=8 => self.add_crash(batch),
            _ => self.add_terminate(batch),
        }
    }

    fn add_start(&mut self, batch: &mut Batch) {
        let key = self.keys;
        self.keys += 1;
        if self.random.next(2) == 0 {
            self.set_starts(key);
        }
        let policy = policy(&mut self.random, AutoShutdown::Never);
        let answer = if self.random.next(3) == 0 {
            self.random
                .pick(&[boom(), ExitReason::Normal, ExitReason::shutdown_with("x")])
        } else {
            ExitReason::Shutdown
        };
        let spec = erlang_spec(key, &policy, &answer);
        self.world.script_answer(key, answer);
        batch.waits |= self.limited && self.next_start_is_slow(key);
        batch.add(
            format!("{{call,{{start_child,{spec}}}}}"),
            Item::Start(key, policy),
        );
    }

    fn add_crash(&mut self, batch: &mut Batch) {
        let living = self.world.living();
        if living.is_empty() {
            return;
        }
        let (key, run) = self.random.pick(&living);
        let reason = self.random.pick(&reasons());
        if self.next_start_is_slow(key) {
            batch.slowly_restarting.push(key);
        }
        let text = format!("{{crash,{key},{run},{}}}", erlang_reason(&reason));
        batch.add(text, Item::Exit(self.world.end_unseen(key, reason)));
    }

    fn add_terminate(&mut self, batch: &mut Batch) {
        let ran = self.world.ran();
        if ran.is_empty() {
            return;
        }
        let (key, runs) = self.random.pick(&ran);
        let run = if self.random.next(4) == 0 {
            1 + usize::try_from(self.random.next(runs as u64)).unwrap()
        } else {
            runs
        };
        if !batch.slowly_restarting.contains(&key) {
            batch.add(
                format!("{{call,{{terminate_child,{key},{run}}}}}"),
                Item::Terminate(key, run),
            );
        }
    }

    fn next_start_is_slow(&self, key: u64) -> bool {
        self.world.next_start(key).is_some_and(|start| start.slow)
    }

    fn set_starts(&mut self, key: u64) {
        let starts: Vec<DynamicStart> = (0..=self.random.next(3))
            .map(|_| {
                let outcome = random_start(&mut self.random);
                // One that is to be restarted and chooses not to run gives its place back no sooner than it says so.
                let may_be_slow = !self.limited || outcome != NextStart::Ignore;
                DynamicStart {
                    slow: may_be_slow && self.random.next(3) == 0,
                    outcome,
                }
            })
            .collect();
        let texts: Vec<String> = starts
            .iter()
            .map(|start| {
                let outcome = erlang_start(&start.outcome);
                if start.slow {
                    format!("{{slow,{outcome}}}")
                } else {
                    outcome.to_owned()
                }
            })
            .collect();
        write!(self.setting, "{{set_starts,{key},[{}]}},", texts.join(",")).unwrap();
        self.world.script_starts(key, starts);
    }

    /// Gives the number of the call, if it is one.
    fn carry_out(&mut self, item: Item) -> Option<u64> {
        self.calls += 1;
        let call = self.calls;
        match item {
            Item::Exit(event) => {
                self.world.step(event);
                return None;
            }
            Item::Start(key, policy) => self.world.start_child(call, key, policy),
            Item::Terminate(key, run) => self.world.terminate(call, key, run),
            Item::Which => self.world.count(call, DynamicReply::Which),
            Item::Count => self.world.count(call, DynamicReply::Count),
        }
        Some(call)
    }

    fn finish(&mut self) {
        let reason = self
            .random
            .pick(&[boom(), ExitReason::Normal, ExitReason::Shutdown]);
        self.steps.push(format!("{{finish,{}}}", erlang_reason(&reason)));
        self.world.step(DynamicEvent::Stop { reason });
        self.observe("");
    }

    fn observe(&mut self, answers: &str) {
        let mut line = match &self.world.exit {
            None => {
                let children = self.world.children();
                format!(
                    "alive {} {}",
                    text_children(&children),
                    text_counts(children.counts)
                )
            }
            Some(reason) => format!("dead {}", text_reason(reason)),
        };
        line.push_str(answers);
        let mut seen = std::mem::take(&mut self.world.seen);
        // There is no order among children.
        seen.sort_by_key(|(key, _)| *key);
        for (key, what) in seen {
            match what {
                Seen::Started => write!(line, " +{key}").unwrap(),
                Seen::Asked => write!(line, " !{key}").unwrap(),
                Seen::Reported(report) => write!(line, " <{}>", text_report(&report).unwrap()).unwrap(),
                Seen::EndedUnheard(reason) => {
                    write!(line, " <shutdown_error {key} {}>", text_reason(&reason)).unwrap();
                }
                Seen::FailedUnheard(reason) => {
                    write!(line, " <start_error {key} {}>", text_reason(&reason)).unwrap();
                }
            }
        }
        self.trace.push(line);
    }
}

fn text_children(children: &Children) -> String {
    let running = children.running.iter().map(|key| format!("{key}:running"));
    let restarting = std::iter::repeat_n("restarting".to_owned(), children.restarting);
    let texts: Vec<String> = running.chain(restarting).collect();
    format!("[{}]", texts.join(","))
}

fn text_reply(reply: &DynamicReply) -> String {
    match reply {
        DynamicReply::Started => "started".to_owned(),
        DynamicReply::Ignored => "ignored".to_owned(),
        DynamicReply::Failed(reason) => format!("failed_{}", text_reason(reason)),
        DynamicReply::MaxChildren => "max_children".to_owned(),
        DynamicReply::Gone => "gone".to_owned(),
        DynamicReply::CalledOff => ANY.to_owned(),
        DynamicReply::Stopped => "ok".to_owned(),
        // Elixir hears the second call when the first is done.
        DynamicReply::StoppedToo | DynamicReply::NotFound => "not_found".to_owned(),
        DynamicReply::Which(children) => text_children(children),
        DynamicReply::Count(children) => text_counts(children.counts),
    }
}

/// What stands for any answer: Elixir's supervisor does not hear that it is to end while it starts a child.
const ANY: &str = "*";

/// Whether the other side saw the same.
pub fn agree(ours: &str, theirs: &str) -> bool {
    let (ours, theirs): (Vec<&str>, Vec<&str>) = (ours.split(' ').collect(), theirs.split(' ').collect());
    ours.len() == theirs.len()
        && ours.iter().zip(theirs).all(|(our, their)| {
            *our == their || (our.strip_prefix('=') == Some(ANY) && their.starts_with('='))
        })
}
