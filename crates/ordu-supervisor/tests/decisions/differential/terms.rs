//! What scripts are made of, and how they and what comes of them are written for both sides.

use std::fmt::Display;

use ordu_supervisor::decisions::{
    AutoShutdown, ChildPolicy, ChildType, Counts, ExitReason, Report, Restart, Shutdown,
};

use crate::world::{NextStart, boom};

/// A small generator; each script has its own seed.
pub struct Random(u64);

impl Random {
    pub fn of_script(name: u64) -> Self {
        Self(name.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x0bad_5eed)
    }

    pub fn next(&mut self, below: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(0x5851_f42d_4c95_7f2d)
            .wrapping_add(0x1405_7b7e_f767_814f);
        let mixed = (self.0 ^ (self.0 >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        (mixed >> 33) % below
    }

    pub fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        let at = usize::try_from(self.next(from.len() as u64)).unwrap();
        from[at].clone()
    }
}

pub fn reasons() -> Vec<ExitReason> {
    vec![
        boom(),
        boom(),
        ExitReason::Killed,
        ExitReason::Normal,
        ExitReason::Shutdown,
        ExitReason::shutdown_with("x"),
    ]
}

pub fn erlang_reason(reason: &ExitReason) -> &'static str {
    match reason {
        ExitReason::ShutdownWith(_) => "{shutdown,x}",
        other => text_reason(other),
    }
}

pub fn text_reason(reason: &ExitReason) -> &'static str {
    match reason {
        ExitReason::Normal => "normal",
        ExitReason::Shutdown => "shutdown",
        ExitReason::ShutdownWith(_) => "shutdown_x",
        ExitReason::Killed => "killed",
        ExitReason::Error(_) => "boom",
        other => panic!("not part of a script: {other}"),
    }
}

pub fn policy(random: &mut Random, auto_shutdown: AutoShutdown) -> ChildPolicy {
    let restart = random.pick(&[
        Restart::Permanent,
        Restart::Permanent,
        Restart::Transient,
        Restart::Temporary,
    ]);
    let may_be_significant = restart != Restart::Permanent && auto_shutdown != AutoShutdown::Never;
    ChildPolicy {
        restart,
        significant: may_be_significant && random.next(2) == 0,
        shutdown: random.pick(&[Shutdown::WORKER, Shutdown::Infinity, Shutdown::BrutalKill]),
        child_type: random.pick(&[ChildType::Worker, ChildType::Worker, ChildType::Supervisor]),
        ..ChildPolicy::worker()
    }
}

pub fn random_start(random: &mut Random) -> NextStart {
    random.pick(&[
        NextStart::Fail(boom()),
        NextStart::Fail(boom()),
        NextStart::Ignore,
        NextStart::Ok,
    ])
}

pub fn erlang_spec(id: u64, policy: &ChildPolicy, answer: &ExitReason) -> String {
    let restart = match policy.restart {
        Restart::Permanent => "permanent",
        Restart::Transient => "transient",
        Restart::Temporary => "temporary",
    };
    let shutdown = match policy.shutdown {
        Shutdown::BrutalKill => "brutal_kill".to_owned(),
        Shutdown::Infinity => "infinity".to_owned(),
        Shutdown::Timeout(limit) => limit.as_millis().to_string(),
    };
    let child_type = match policy.child_type {
        ChildType::Worker => "worker",
        ChildType::Supervisor => "supervisor",
    };
    let answer = erlang_reason(answer);
    format!(
        "{{{id},{restart},{},{shutdown},{child_type},{answer}}}",
        policy.significant
    )
}

pub fn erlang_starts(starts: &[NextStart]) -> String {
    let texts: Vec<&str> = starts.iter().map(erlang_start).collect();
    format!("[{}]", texts.join(","))
}

pub fn erlang_start(start: &NextStart) -> &'static str {
    match start {
        NextStart::Ok => "ok",
        NextStart::Ignore => "ignore",
        NextStart::Fail(_) => "{error,boom}",
        NextStart::Hang | NextStart::OkButDead(_) => panic!("not part of a script"),
    }
}

pub fn text_report(report: &Report<impl Display>) -> Option<String> {
    let id = &report.offender().key;
    Some(match report {
        Report::Progress(_) => return None,
        Report::StartError(_, reason) => format!("start_error {id} {}", text_reason(reason)),
        Report::ChildTerminated(_, reason) => format!("child_terminated {id} {}", text_reason(reason)),
        Report::ShutdownError(_, reason) => format!("shutdown_error {id} {}", text_reason(reason)),
        Report::ReachedMaxRestartIntensity(_) => format!("shutdown {id}"),
    })
}

pub fn text_counts(counts: Counts) -> String {
    let Counts {
        specs,
        active,
        supervisors,
        workers,
        ..
    } = counts;
    format!("{specs}/{active}/{supervisors}/{workers}")
}
