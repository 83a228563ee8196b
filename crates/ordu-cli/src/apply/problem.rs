use std::ops::Range;
use std::path::Path;

use miette::{Diagnostic, NamedSource, SourceSpan};

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

/// All that is wrong with a file.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{}: {} {}; nothing was applied", file, problems.len(), if problems.len() == 1 { "problem" } else { "problems" })]
pub(crate) struct FileProblems {
    file: String,
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
    text: NamedSource<String>,
    #[label("expected {expected}")]
    at: SourceSpan,
    expected: String,
}

impl FileProblems {
    /// In the order of the lines.
    pub(crate) fn new(file: &Path, text: &str, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| (problem.at.start, problem.at.end));
        let file = file.display().to_string();
        let located = problems.into_iter().map(|problem| Located {
            place: format!("{file}:{}", line(text, problem.at.start)),
            message: problem.message,
            text: NamedSource::new(&file, text.to_owned()),
            at: SourceSpan::from(problem.at),
            expected: problem.expected,
        });
        Self {
            problems: located.collect(),
            file,
        }
    }
}

/// The number of the line a byte is in, from 1.
pub(super) fn line(text: &str, at: usize) -> usize {
    text.as_bytes()
        .iter()
        .take(at)
        .filter(|byte| **byte == b'\n')
        .count()
        + 1
}
