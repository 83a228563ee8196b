use std::fmt;
use std::ops::Range;
use std::path::Path;

use miette::{Diagnostic, SourceSpan};

use super::excerpt::Excerpt;
use crate::output::without_tricks;

/// How many problems of a file are told: whoever mends those sees the rest.
const TOLD: usize = 50;

/// One thing that is wrong with a file, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The bytes it is about.
    pub(crate) at: Range<usize>,
    /// What is wrong.
    pub(crate) message: String,
    /// What was expected there.
    pub(crate) expected: String,
}

/// What comes of nothing because a file cannot be taken, in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Undone {
    /// The children of the file.
    Apply,
    /// The agent whose settings they are.
    Start,
    /// The new settings of an agent that runs.
    Reread,
}

impl fmt::Display for Undone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Apply => "nothing was applied",
            Self::Start => "the agent was not started",
            Self::Reread => "the settings and the key stay as they were",
        })
    }
}

/// All that is wrong with a file.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{file}: {count}; {undone}")]
pub(crate) struct FileProblems {
    file: String,
    count: String,
    undone: Undone,
    #[related]
    problems: Vec<Located>,
}

/// A problem with the line it is in.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{place}: {message}")]
struct Located {
    place: String,
    message: String,
    #[source_code]
    text: Excerpt,
    #[label("expected {expected}")]
    at: SourceSpan,
    expected: String,
}

impl FileProblems {
    /// In the order of the lines.
    pub(crate) fn new(file: &Path, text: &str, mut problems: Vec<Problem>, undone: Undone) -> Self {
        problems.sort_by_key(|problem| (problem.at.start, problem.at.end));
        let file = without_tricks(&file.display().to_string());
        let count = match problems.len() {
            1 => "1 problem".to_owned(),
            all @ ..=TOLD => format!("{all} problems"),
            all => format!("{all} problems, of which the first {TOLD} are told"),
        };
        let lines = Lines::of(text);
        let located = problems.into_iter().take(TOLD).map(|problem| {
            let (text, at) = Excerpt::around(&file, text, &lines, &problem.at);
            Located {
                place: format!("{file}:{}", text.line()),
                message: without_tricks(&problem.message),
                text,
                at: SourceSpan::from(at),
                expected: without_tricks(&problem.expected),
            }
        });
        Self {
            problems: located.collect(),
            file,
            count,
            undone,
        }
    }
}

/// Where the lines of a text begin: counting them anew for each place would take as long as the text is, each time.
#[derive(Debug)]
pub(super) struct Lines {
    /// Where each of them ends that something follows.
    ends: Vec<usize>,
}

impl Lines {
    pub(super) fn of(text: &str) -> Self {
        Self {
            ends: text.match_indices('\n').map(|(at, _)| at).collect(),
        }
    }

    /// The number of the line that a byte is in, from 1.
    pub(super) fn number(&self, at: usize) -> usize {
        self.ends.partition_point(|end| *end < at) + 1
    }
}
