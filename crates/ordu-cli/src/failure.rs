use std::process::ExitCode;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};
use ordu::cluster_key::KeyFileError;
use serde::{Deserialize, Serialize};

use crate::apply::Undone;
use crate::output::{Colour, say_lines, without_tricks};

/// How a command went wrong: one exit code each, and the word for it on the control socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Wrong {
    /// It was tried and did not work.
    Failed = 1,
    /// It was asked for in the wrong way: an option, or a file it names, cannot be taken as it is.
    Usage = 2,
    /// No agent answers.
    Unreachable = 3,
    /// There is no such child.
    NotFound = 4,
    /// The caller may not.
    Denied = 5,
    /// Time ran out; it may have been done.
    Timeout = 6,
    /// Some of it was done.
    Partial = 7,
}

/// Why a command ends without having done what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// With a message and an exit code.
    #[error("{message}")]
    Plain {
        /// The exit code.
        wrong: Wrong,
        /// What happened.
        message: String,
        /// What to do about it.
        help: Option<String>,
    },
    /// A file has problems, each with its place.
    #[error("{0}")]
    Report(Box<dyn Diagnostic + Send + Sync>),
    /// Nobody reads what the command writes any more, which is no failure: `ordu ps | head -1`.
    #[error("the reader has gone")]
    ReaderGone,
}

impl Failure {
    pub(crate) fn new(wrong: Wrong, message: impl Into<String>) -> Self {
        Self::Plain {
            wrong,
            message: message.into(),
            help: None,
        }
    }

    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::new(Wrong::Failed, message)
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Wrong::Usage, message)
    }

    /// Adds what to do about it.
    pub(crate) fn with_help(mut self, advice: impl Into<String>) -> Self {
        if let Self::Plain { help, .. } = &mut self {
            *help = Some(advice.into());
        }
        self
    }

    /// Adds what comes of nothing because of it; a report says that itself.
    pub(crate) fn and_so(mut self, undone: Undone) -> Self {
        if let Self::Plain { message, .. } = &mut self {
            let undone = undone.to_string();
            if !message.ends_with(&undone) {
                message.push_str("; ");
                message.push_str(&undone);
            }
        }
        self
    }

    /// How it went wrong, if it did.
    pub(crate) fn wrong(&self) -> Option<Wrong> {
        match self {
            Self::Plain { wrong, .. } => Some(*wrong),
            Self::Report(_) => Some(Wrong::Usage),
            Self::ReaderGone => None,
        }
    }

    /// The exit code of the program.
    pub(crate) fn exit_code(&self) -> ExitCode {
        self.wrong()
            .map_or(ExitCode::SUCCESS, |wrong| ExitCode::from(wrong as u8))
    }

    /// Says it on standard error.
    pub(crate) fn report(&self) {
        say_lines(self.render());
    }

    /// What there is to say, in whole lines, for standard error.
    pub(crate) fn render(&self) -> String {
        match self {
            Self::ReaderGone => String::new(),
            Self::Plain { message, help, .. } => {
                let help = help
                    .as_ref()
                    .map_or_else(String::new, |help| format!("      {help}\n"));
                without_tricks(&format!("ordu: {message}\n{help}"))
            }
            Self::Report(diagnostic) => graphical(diagnostic.as_ref()),
        }
    }
}

/// A key that cannot be taken is asked for in the wrong way; one that cannot be written did not work.
impl From<KeyFileError> for Failure {
    fn from(error: KeyFileError) -> Self {
        let wrong = match error {
            KeyFileError::Exists { .. } | KeyFileError::Create { .. } => Wrong::Failed,
            _ => Wrong::Usage,
        };
        Self::new(wrong, error.to_string())
    }
}

fn graphical(diagnostic: &dyn Diagnostic) -> String {
    let theme = match Colour::of_stderr() {
        Colour::Always => GraphicalTheme::unicode(),
        Colour::Never => GraphicalTheme::none(),
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_wrap_lines(false)
        .with_links(false)
        .with_context_lines(1);
    let mut text = String::new();
    match handler.render_report(&mut text, diagnostic) {
        Ok(()) => text,
        Err(std::fmt::Error) => format!("ordu: {diagnostic}\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_said_in_a_message_moves_no_cursor() {
        let failure = Failure::failed("it ended: \x1b[2Jok\u{202e}\nsecond line").with_help("do this");
        assert_eq!(
            failure.render(),
            "ordu: it ended: \\u{1b}[2Jok\\u{202e}\nsecond line\n      do this\n"
        );
    }
}
