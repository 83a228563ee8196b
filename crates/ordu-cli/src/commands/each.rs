use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use crate::failure::{Failure, Wrong};
use crate::output::say_lines;

/// How many children are seen to at once.
const SIDE_BY_SIDE: usize = 16;

/// The exit codes from the worst on. Nobody can be asked, or nobody may; then what cannot be right when it is said
/// again; then what is not known, what did not work, what is half done, and what was not there.
const FROM_THE_WORST: [Wrong; 7] = [
    Wrong::Unreachable,
    Wrong::Denied,
    Wrong::Usage,
    Wrong::Timeout,
    Wrong::Failed,
    Wrong::Partial,
    Wrong::NotFound,
];

/// Asks the same of several children side by side, and reports in their order. One that goes wrong holds up none of
/// the others; the exit code is the worst.
///
/// What several have to say in the same words is said once: that no agent answers, say.
pub(super) fn each<T: Send>(
    ids: &[String],
    ask: impl Fn(&str) -> Result<T, Failure> + Sync,
    mut report: impl FnMut(T) -> Result<Option<Wrong>, Failure>,
) -> Result<ExitCode, Failure> {
    let ids = &once_each(ids)[..];
    // Of one child its own failure, with all it has to say.
    if let [id] = ids {
        return Ok(exit_code(&[report(ask(id)?)?]));
    }
    let next = AtomicUsize::new(0);
    let (answered, answers) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..ids.len().min(SIDE_BY_SIDE) {
            let (answered, next, ask) = (answered.clone(), &next, &ask);
            scope.spawn(move || {
                while let Some((place, id)) = take(next, ids) {
                    // Nobody waits for it once a report has failed.
                    let _ = answered.send((place, ask(id)));
                }
            });
        }
        drop(answered);
        let (mut waiting, mut said, mut last) = (BTreeMap::new(), Vec::new(), String::new());
        for (place, answer) in answers {
            waiting.insert(place, answer);
            while let Some(answer) = waiting.remove(&said.len()) {
                said.push(match answer.and_then(&mut report) {
                    Ok(wrong) => wrong,
                    Err(Failure::ReaderGone) => return Err(Failure::ReaderGone),
                    Err(failure) => {
                        let words = failure.render();
                        if words != last {
                            say_lines(&words);
                            last = words;
                        }
                        failure.wrong()
                    }
                });
            }
        }
        Ok(exit_code(&said))
    })
}

/// The ids without those that came before: side by side the same would be in its own way.
fn once_each(ids: &[String]) -> Vec<&str> {
    let mut seen = BTreeSet::new();
    ids.iter()
        .map(String::as_str)
        .filter(|id| seen.insert(*id))
        .collect()
}

fn take<'a>(next: &AtomicUsize, ids: &[&'a str]) -> Option<(usize, &'a str)> {
    let place = next.fetch_add(1, Ordering::Relaxed);
    ids.get(place).map(|id| (place, *id))
}

fn exit_code(said: &[Option<Wrong>]) -> ExitCode {
    worst(said).map_or(ExitCode::SUCCESS, |wrong| ExitCode::from(wrong as u8))
}

fn worst(said: &[Option<Wrong>]) -> Option<Wrong> {
    FROM_THE_WORST
        .into_iter()
        .find(|wrong| said.contains(&Some(*wrong)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_come_in_the_order_of_the_ids_whatever_takes_longer() {
        let ids: Vec<String> = (0..100).map(|number| number.to_string()).collect();
        let mut reported = Vec::new();
        let ask = |id: &str| {
            std::thread::yield_now();
            Ok(id.to_owned())
        };
        let report = |id: String| {
            reported.push(id);
            Ok(None)
        };
        each(&ids, ask, report).unwrap();
        assert_eq!(reported, ids);
    }

    #[test]
    fn the_worst_of_several_is_the_one_that_says_least_of_what_there_is_now() {
        let said = [
            None,
            Some(Wrong::NotFound),
            Some(Wrong::Timeout),
            Some(Wrong::Failed),
        ];
        assert_eq!(worst(&said), Some(Wrong::Timeout));
        assert_eq!(worst(&said[..2]), Some(Wrong::NotFound));
        assert_eq!(worst(&said[..1]), None);
    }
}
