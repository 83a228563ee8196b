use std::time::Duration;

use ordu_core::{Answer, CallError, ChildState, Command, Restart, Shutdown, Stopped};

use super::{Invariant, Verdict};
use crate::oracle::{CallRecord, Child, CopyRecord, History};
use crate::{AFTERMATH, CallId, CopyEnd, Fact, What};

/// What a client was told is true: a started child had come up and its holders hold it, after a definite
/// error nothing runs that this call started, and not knowing needs a reason.
#[derive(Debug)]
pub(super) struct OutcomeTruth;

impl Invariant for OutcomeTruth {
    fn name(&self) -> &'static str {
        "outcome-truth"
    }

    fn rule(&self) -> &'static str {
        "S5.1, S5.2"
    }

    fn observe(&mut self, history: &History, fact: &Fact) -> Verdict {
        match &fact.what {
            What::Answered { call, result } => judge(history, *call, result),
            What::CopyStarting { copy, .. } => {
                nothing_runs_after_an_error(history, &history.copy(*copy).child)
            }
            _ => Ok(()),
        }
    }
}

fn judge(history: &History, call: CallId, result: &Result<Answer, CallError>) -> Verdict {
    let record = history.call(call);
    let verdict = match result {
        Ok(Answer::Started { child, held_by, .. }) => started(history, record, child, held_by),
        Ok(Answer::Terminated(Stopped::Confirmed)) => stopped(history, record),
        Ok(Answer::Terminated(Stopped::Accepted { owner })) => accepted(history, record, owner),
        Ok(Answer::Deleted) => deleted(history, record),
        Ok(Answer::Ignored) => ignored(history, record),
        Ok(_) => Ok(()),
        Err(CallError::AlreadyStarted(child)) => already_started(history, record, child),
        Err(CallError::AlreadyPresent(child)) => already_present(history, record, child),
        Err(CallError::Unknown { detail }) => unknown(history, record, detail),
        Err(CallError::NotFound { .. }) => not_found(history, record),
        Err(CallError::NoEligibleNode { detail, .. }) => no_eligible_node(history, record, detail),
        Err(_) => nothing_runs_after_an_error(history, &record.child()),
    };
    verdict.map_err(|seen| {
        format!(
            "call {} to {} ({}) at {}: {seen}",
            call.0,
            record.boot,
            describe(&record.command),
            record.made
        )
    })
}

fn started(
    history: &History,
    record: &CallRecord,
    child: &ordu_core::ChildInfo,
    held_by: &[ordu_core::NodeName],
) -> Verdict {
    let key = record.child();
    let Some(token) = child.token else {
        return Err("answered Started without a token".into());
    };
    // Right behind the call another may have asked for a restart, whose token the answer shows then; or whoever started it
    // went down since, and the answer shows who is about to take it over.
    let came_up = |copy: &CopyRecord| copy.up.is_some_and(|up| up >= record.made);
    let is_taken_over = child.state == ChildState::Starting && history.copies_of(&key).any(came_up);
    let Some(copy) = history.copies_of(&key).find(|copy| copy.token == token) else {
        return if is_taken_over {
            Ok(())
        } else {
            Err(format!(
                "answered Started with {token}, which nobody ever started"
            ))
        };
    };
    if copy.up.is_none() && !history.copies_of(&key).any(came_up) {
        return Err(format!(
            "answered Started with {token}, whose start has not returned"
        ));
    }
    // Its owner may have died since; then the asked node may know already that nobody runs it.
    let owner_lives = history
        .boot(copy.boot)
        .is_some_and(|record| record.ended.is_none());
    // The other side of a split that has just healed may be one that it does not see yet.
    let asked = history.boot(record.boot);
    let sees_it = asked.is_some_and(|asked| asked.node == copy.node || asked.sees(copy.node));
    let is_right = match &child.node {
        Some(node) => *node == history.name_of(copy.boot),
        None => !sees_it,
    };
    if owner_lives && !is_right {
        return Err(format!(
            "answered that it runs on {:?}; it runs on {}",
            child.node, copy.boot
        ));
    }
    if !held_by.contains(&history.name_of(record.boot)) {
        return Err(format!("the asked node is not among the holders {held_by:?}"));
    }
    // Two that both live under one name may both hold it.
    let times = |name| held_by.iter().filter(|other| *other == name).count();
    if held_by
        .iter()
        .any(|name| times(name) > history.bearers_of(name).len())
    {
        return Err(format!("a holder is named twice in {held_by:?}"));
    }
    let members = history.living().count();
    if history.undisturbed_for() > AFTERMATH && held_by.len() < members.min(2) {
        return Err(format!("{members} nodes are ready and only {held_by:?} hold it"));
    }
    Ok(())
}

/// Whether nothing has gone wrong for long, nobody else asked for anything of the child meanwhile, and its workers are quick.
fn is_plain(history: &History, record: &CallRecord) -> bool {
    let quick = record.timeout.as_millis() >= 1_000;
    let steady = history.setup().behaviours.iter().all(crate::Behaviour::is_steady);
    history.undisturbed_for() > AFTERMATH + record.timeout && quick && steady && !rivals(history, record)
}

/// Where nothing goes wrong an owner confirms a stop, unless a copy does not die, or may take its time still (S5.3). One that
/// died and was not booted again never does: what it ran and nobody took over, being temporary, may run still for all that
/// is known.
fn accepted(history: &History, record: &CallRecord, owner: &ordu_core::NodeName) -> Verdict {
    let is_there = history
        .living()
        .any(|other| history.name_of(other.boot) == *owner);
    if is_there && is_plain(history, record) && !lingers(history, &record.child()) {
        return Err(format!(
            "answered that {owner} has not confirmed the stop, with nothing wrong for long"
        ));
    }
    Ok(())
}

/// Whether a copy takes its time to stop, or ignores that it is to, and need not have ended or been killed yet.
fn may_take_its_time(history: &History, copy: &CopyRecord) -> bool {
    let behaviour = history.setup().behaviour(&copy.spec);
    let ignores = behaviour.ignores_stop > crate::Rate::NEVER;
    let takes = if ignores { Duration::MAX } else { behaviour.stop.1 };
    let is_over = copy.stopping.is_none_or(|since| {
        let longest = match copy.spec.shutdown {
            Shutdown::BrutalKill => Duration::ZERO,
            Shutdown::Timeout(limit) => takes.min(limit),
            Shutdown::Infinity => takes,
        };
        history.now().since(since) > longest.saturating_add(crate::TICK)
    });
    copy.is_live() && !is_over
}

/// Whether a copy of a child does not die, or may take its time still: what is to run instead waits for that.
fn lingers(history: &History, child: &Child) -> bool {
    let is_in_the_way = |copy: &CopyRecord| copy.is_zombie() || may_take_its_time(history, copy);
    history.copies_of(child).any(is_in_the_way)
}

/// What was deleted runs nowhere, and the asked node does not know of it any more.
fn deleted(history: &History, record: &CallRecord) -> Verdict {
    if let Some(copy) = still_runs(history, record) {
        return Err(format!(
            "answered that it is deleted; {} on {}, which the asked node showed, runs",
            copy.token, copy.boot
        ));
    }
    let child = record.child();
    if rivals(history, record) {
        return Ok(());
    }
    let asked = history.boot(record.boot);
    if let Some(shown) = asked.and_then(|asked| asked.children.get(&child)) {
        return Err(format!(
            "answered that it is deleted, and shows it as {}",
            super::owned::brief(Some(shown))
        ));
    }
    match unconfirmed(history, &child) {
        Some(copy) if history.undisturbed_for() >= AFTERMATH => Err(format!(
            "answered that it is deleted; {} runs on {}",
            copy.token, copy.boot
        )),
        _ => Ok(()),
    }
}

/// A child that chose not to run was started for it.
fn ignored(history: &History, record: &CallRecord) -> Verdict {
    let chose = |copy: &CopyRecord| matches!(&copy.ended, Some((at, CopyEnd::Ignored)) if *at >= record.made);
    if history.copies_of(&record.child()).any(chose) {
        return Ok(());
    }
    Err("answered that it chose not to run, and no copy of it did".into())
}

/// What runs already came up at some time with the token that is told, and runs still where nothing goes wrong.
fn already_started(history: &History, record: &CallRecord, told: &ordu_core::ChildInfo) -> Verdict {
    let child = record.child();
    nothing_runs_after_an_error(history, &child)?;
    if told.state != ChildState::Running || told.restart() == Restart::Temporary {
        return Ok(());
    }
    let mut copies = history.copies_of(&child);
    if !copies.any(|copy| Some(copy.token) == told.token && copy.up.is_some()) {
        return Err(format!(
            "answered that it runs with {:?}, and no copy ever came up with that",
            told.token
        ));
    }
    let mut copies = history.copies_of(&child);
    if is_plain(history, record) && !copies.any(CopyRecord::is_live) {
        return Err("answered that it runs, and nothing of it does".into());
    }
    Ok(())
}

/// What is present and not started does not run where nothing goes wrong, unless it is still to be stopped or cannot be.
fn already_present(history: &History, record: &CallRecord, told: &ordu_core::ChildInfo) -> Verdict {
    let child = record.child();
    nothing_runs_after_an_error(history, &child)?;
    // An earlier call may not have waited for it, and this one says that it is on its way.
    let is_on_its_way = |copy: &CopyRecord| told.is_stopping && copy.stopping.is_some();
    let is_stopping = |copy: &CopyRecord| may_take_its_time(history, copy) || is_on_its_way(copy);
    let is_shown_running = shows_running(told) && !history.copies_of(&child).any(is_stopping);
    let runs = |copy: &CopyRecord| copy.is_up() && !copy.is_zombie() && !is_stopping(copy);
    let mut copies = history.copies_of(&child);
    if is_plain(history, record) && (is_shown_running || copies.any(runs)) {
        return Err(format!(
            "answered that it is present and does not run ({}), and it does",
            told.state
        ));
    }
    Ok(())
}

/// What the asked node showed when it was asked, if that and its node have not ended and nobody had that removed: out of
/// sight is not gone. What a dead node left its keeper may still be ending.
/// Where another has claimed it since, or started it again, that one's word counts (S5.3): also that of one that had taken
/// it over and was told to stop before it had begun, and once nobody shows it any more.
fn still_runs<'a>(history: &'a History, record: &CallRecord) -> Option<&'a CopyRecord> {
    let child = record.child();
    let shown = record.shown_token()?;
    let copy = history.copies_of(&child).max_by_key(|copy| copy.token)?;
    let owner = history.boot(copy.boot)?;
    let lives = owner.ended.is_none();
    let is_claimed_above = history.was_claimed_above(copy);
    let asked = history.boot(record.boot)?;
    let is_taken_for_dead = history.is_deceived(asked, owner) || history.may_be_replaced(owner);
    let is_it = copy.token == shown && copy.is_live() && lives && !is_claimed_above && !is_taken_for_dead;
    (is_it && !history.was_removed(copy.boot.host)).then_some(copy)
}

fn stopped(history: &History, record: &CallRecord) -> Verdict {
    if let Some(copy) = still_runs(history, record) {
        return Err(format!(
            "answered that it is stopped; {} on {}, which the asked node showed, is not",
            copy.token, copy.boot
        ));
    }
    // On the other side of a split a copy may run, and so may one that a later call started.
    if history.undisturbed_for() < AFTERMATH || rivals(history, record) {
        return Ok(());
    }
    match unconfirmed(history, &record.child()) {
        Some(copy) => Err(format!(
            "answered that it is stopped; the copy {} on {} is not",
            copy.token, copy.boot
        )),
        None => Ok(()),
    }
}

/// A copy that runs though its owner has confirmed that it stopped. One that lost, or of another life, and that cannot be
/// killed, is not the owner's (S5.3).
fn unconfirmed<'a>(history: &'a History, child: &Child) -> Option<&'a CopyRecord> {
    let last = history.copies_of(child).map(|copy| copy.token).max();
    let counts = |copy: &&CopyRecord| copy.is_live() && (!copy.is_zombie() || Some(copy.token) == last);
    history.copies_of(child).find(counts)
}

/// Not knowing needs a fault, a slow or failing worker, a copy that is in the way, or a deadline that is too short for anything.
fn unknown(history: &History, record: &CallRecord, detail: &str) -> Verdict {
    if is_plain(history, record) && !lingers(history, &record.child()) {
        return Err(format!("answered Unknown ({detail}) with nothing wrong for long"));
    }
    Ok(())
}

/// Who was told that a child runs is not told by the same node that there is no such child, unless it was
/// deleted or is over.
fn not_found(history: &History, record: &CallRecord) -> Verdict {
    let child = record.child();
    let about: Vec<&CallRecord> = history.calls_about(&child).collect();
    let known = about.iter().any(|call| {
        call.boot == record.boot
            && call.is_start()
            && call.acknowledged() < Some(record.made)
            && call.acknowledged().is_some()
    });
    let deleted = about
        .iter()
        .any(|call| matches!(call.command, Command::DeleteChild { .. }) && call.may_count());
    let over = history.copies_of(&child).any(|copy| {
        copy.finished()
            || copy.spec.restart == Restart::Temporary
            || matches!(copy.ended, Some((_, CopyEnd::Ignored)))
    });
    if known && !deleted && !over {
        return Err("answered NotFound, though the same node had said that it runs".into());
    }
    Ok(())
}

/// That nobody can run a child is not said where nothing has gone wrong for long and somebody can.
fn no_eligible_node(history: &History, record: &CallRecord, detail: &str) -> Verdict {
    if let Command::StartChild { spec, .. } = &record.command
        && history.undisturbed_for() >= AFTERMATH + record.timeout
        && let Some(view) = history.boot(record.boot)
        && history.can_be_taken(view, &record.child(), spec)
    {
        return Err(format!(
            "answered that no node can run it ({detail}), and one can"
        ));
    }
    nothing_runs_after_an_error(history, &record.child())
}

/// If every call that could have started the child was refused for good, nothing of it runs from then on;
/// what its dead node left its keeper may still be ending.
fn nothing_runs_after_an_error(history: &History, child: &Child) -> Verdict {
    let any_possible = history
        .calls_about(child)
        .any(|call| call.is_start() && call.may_count());
    if any_possible {
        return Ok(());
    }
    let runs = history.copies_of(child).find(|copy| {
        copy.is_live()
            && history
                .boot(copy.boot)
                .is_some_and(|record| record.ended.is_none())
    });
    match runs {
        Some(copy) => Err(format!(
            "every start of {:?} was answered with a definite error, and {} runs on {}",
            child.1, copy.token, copy.boot
        )),
        None => Ok(()),
    }
}

/// Whether another call about the same child ran at the same time.
fn rivals(history: &History, record: &CallRecord) -> bool {
    let count = history
        .calls_about(&record.child())
        .filter(|call| {
            let done = match (&call.answered, call.lost) {
                (Some((_, Err(CallError::Unknown { .. }))) | None, _) => history.now(),
                (Some((at, _)), _) => *at,
            };
            done >= record.made
        })
        .count();
    count > 1
}

fn describe(command: &Command) -> String {
    let id = command.child().1;
    match command {
        Command::StartChild { .. } => format!("start {id}"),
        Command::TerminateChild { .. } => format!("terminate {id}"),
        Command::RestartChild { .. } => format!("restart {id}"),
        Command::DeleteChild { .. } => format!("delete {id}"),
        Command::UpdateChild { .. } => format!("update {id}"),
    }
}

/// Whether a view shows a child as running.
pub(super) fn shows_running(info: &ordu_core::ChildInfo) -> bool {
    info.state == ChildState::Running
}
