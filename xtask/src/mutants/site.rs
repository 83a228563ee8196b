//! A place in a source that can be changed, and into what.

use std::ops::Range;

/// How a change is put into the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// An expression stands for an expression.
    Expression,
    /// A block stands for the block of a closure that says what it returns.
    Block,
    /// Statements, perhaps none, stand for a statement.
    Statement,
    /// A statement is put at the beginning of a function; nothing is replaced.
    Entry,
}

/// What was found in one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// What kind of change it is.
    pub(super) operator: &'static str,
    /// The bytes that are replaced.
    pub(super) range: Range<usize>,
    /// What stands there instead.
    pub(super) after: String,
    pub(super) form: Form,
    /// The function it is in, with its type.
    pub(super) function: String,
}

/// A place in the workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Site {
    /// From 1, in the order of the sources.
    pub(super) number: u32,
    /// Which of the folders it is in.
    pub(super) folder: usize,
    /// From the root of the workspace.
    pub(super) file: String,
    pub(super) line: usize,
    /// How many of the same text are before it in its function.
    pub(super) nth: usize,
    /// What stands there, in one line.
    pub(super) before: String,
    pub(super) found: Found,
}

impl Site {
    /// What tells it from every other, also after the sources around it have changed.
    pub(super) fn key(&self) -> String {
        let Found {
            operator, function, ..
        } = &self.found;
        let (before, after) = (&self.before, self.after());
        format!(
            "{}|{function}|{operator}|{before}|{after}|{}",
            self.file, self.nth
        )
    }

    /// What stands there instead, in one line.
    pub(super) fn after(&self) -> String {
        one_line(&self.found.after)
    }

    /// Where it is, for people.
    pub(super) fn place(&self) -> String {
        format!("{}:{} {}", self.file, self.line, self.found.function)
    }

    /// What is changed, for people.
    pub(super) fn change(&self) -> String {
        let after = self.after();
        let (before, after) = (short(&self.before), short(&after));
        match (before.is_empty(), after.is_empty()) {
            (true, _) => format!("begins with `{after}`"),
            (_, true) => format!("without `{before}`"),
            _ => format!("`{before}` is `{after}`"),
        }
    }
}

/// Text without line breaks and indentation.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn short(text: &str) -> String {
    const LONGEST: usize = 70;
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(LONGEST - 1).collect();
    short.push('…');
    short
}
