use std::path::Path;

use serde::Serialize;

use crate::failure::{Failure, Wrong};

/// What became of one child of a file, as `apply --json` shows it. A contract: fields may be added, never
/// renamed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Applied {
    /// The child.
    pub(crate) id: String,
    /// In a word.
    pub(crate) outcome: Outcome,
    /// The parts of its definition that differed.
    pub(crate) parts: Vec<String>,
    /// Where it runs, if it was started.
    pub(crate) node: Option<String>,
    /// What went wrong.
    pub(crate) error: Option<String>,
}

/// What became of one child of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// It was not there and is now.
    Added,
    /// It is as the file says now.
    Changed,
    /// It was as the file says.
    Unchanged,
    /// It was as the file says and had failed: it runs again.
    Restarted,
    /// It is not as the file says.
    Failed,
    /// Whether it was added or changed cannot be told.
    Unknown,
    /// Nobody was there any more to do it, or there was no time for it.
    Untried,
}

/// Whether a file was applied: nothing to say if all its children are as it says. `why_untried` is how it went wrong if
/// some of them were not tried.
pub(super) fn verdict(all: &[Applied], path: &Path, why_untried: Wrong) -> Result<(), Failure> {
    let ids = |wanted: &[Outcome]| -> Vec<&str> {
        all.iter()
            .filter(|child| wanted.contains(&child.outcome))
            .map(|child| child.id.as_str())
            .collect()
    };
    let good = ids(&[
        Outcome::Added,
        Outcome::Changed,
        Outcome::Unchanged,
        Outcome::Restarted,
    ]);
    if good.len() == all.len() {
        return Ok(());
    }
    let (unknown, untried) = (ids(&[Outcome::Unknown]), ids(&[Outcome::Untried]));
    let wrong = match (good.len(), unknown.len(), untried.len()) {
        (0, 0, 0) => Wrong::Failed,
        (0, 0, _) => why_untried,
        (0, _, _) => Wrong::Timeout,
        _ => Wrong::Partial,
    };
    let mut said = vec![match good.len() {
        0 if untried.len() == all.len() => "nothing was applied".to_owned(),
        // Something may have been tried, and put back: that is told with each.
        0 if unknown.is_empty() => "none of its children is as it says".to_owned(),
        0 => "none of its children is known to be as it says".to_owned(),
        number => format!(
            "{number} of {} children are as it says: {}",
            all.len(),
            good.join(", ")
        ),
    }];
    let others = [("not known of", unknown), ("not tried", untried)];
    said.extend(
        others
            .into_iter()
            .filter(|(_, ids)| !ids.is_empty())
            .map(|(what, ids)| format!("{what}: {}", ids.join(", "))),
    );
    if why_untried == Wrong::Timeout {
        said.push("the time that was given is over".to_owned());
    }
    Err(Failure::new(
        wrong,
        format!("{}: {}", path.display(), said.join("; ")),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(outcomes: &[Outcome]) -> Result<(), (Wrong, String)> {
        let child = |(number, outcome): (usize, &Outcome)| Applied {
            id: format!("c{number}"),
            outcome: *outcome,
            parts: Vec::new(),
            node: None,
            error: None,
        };
        let all: Vec<Applied> = outcomes.iter().enumerate().map(child).collect();
        verdict(&all, Path::new("f.toml"), Wrong::Unreachable).map_err(|failure| match failure {
            Failure::Plain { wrong, message, .. } => (wrong, message),
            other => panic!("{other}"),
        })
    }

    #[test]
    fn a_file_whose_children_are_all_as_it_says_was_applied() {
        assert_eq!(judged(&[]), Ok(()));
        assert_eq!(
            judged(&[Outcome::Added, Outcome::Changed, Outcome::Unchanged]),
            Ok(())
        );
    }

    #[test]
    fn a_file_whose_agent_went_away_half_way_names_what_was_done() {
        let (wrong, said) = judged(&[Outcome::Added, Outcome::Unknown, Outcome::Untried]).unwrap_err();
        assert_eq!(wrong, Wrong::Partial);
        let expected = "f.toml: 1 of 3 children are as it says: c0; not known of: c1; not tried: c2";
        assert_eq!(said, expected);
    }

    #[test]
    fn a_file_of_which_nothing_was_done_says_why_by_its_code() {
        let code = |outcomes: &[Outcome]| judged(outcomes).unwrap_err().0;
        assert_eq!(code(&[Outcome::Failed, Outcome::Failed]), Wrong::Failed);
        assert_eq!(code(&[Outcome::Failed, Outcome::Unknown]), Wrong::Timeout);
        for first in [Outcome::Untried, Outcome::Failed] {
            assert_eq!(code(&[first, Outcome::Untried]), Wrong::Unreachable);
        }
    }

    #[test]
    fn nothing_was_applied_only_where_nothing_was_tried() {
        let said = |outcomes: &[Outcome]| judged(outcomes).unwrap_err().1;
        assert_eq!(
            said(&[Outcome::Untried, Outcome::Untried]),
            "f.toml: nothing was applied; not tried: c0, c1"
        );
        assert_eq!(
            said(&[Outcome::Failed, Outcome::Untried]),
            "f.toml: none of its children is as it says; not tried: c1"
        );
        assert_eq!(
            said(&[Outcome::Unknown]),
            "f.toml: none of its children is known to be as it says; not known of: c0"
        );
    }
}
