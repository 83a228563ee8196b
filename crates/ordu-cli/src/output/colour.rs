use std::io::IsTerminal as _;

/// Whether to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colour {
    /// Yes.
    Always,
    /// No: it goes to a file or a pipe, or `NO_COLOR` is set.
    Never,
}

/// What a piece of text means, in colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ink {
    /// As it is.
    Plain,
    /// The head of a table.
    Head,
    /// As it should be.
    Good,
    /// On the way.
    Passing,
    /// Not as it should be.
    Bad,
    /// Less important.
    Faint,
}

impl Colour {
    pub(crate) fn of_stdout() -> Self {
        Self::of(std::io::stdout().is_terminal())
    }

    pub(crate) fn of_stderr() -> Self {
        Self::of(std::io::stderr().is_terminal())
    }

    /// See <https://no-color.org>: set and not empty means no colour.
    fn of(terminal: bool) -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if terminal && !refused {
            Self::Always
        } else {
            Self::Never
        }
    }

    /// The text, coloured if it is to be.
    pub(crate) fn paint(self, ink: Ink, text: &str) -> String {
        let code = match ink {
            Ink::Plain => "",
            Ink::Head => "1",
            Ink::Good => "32",
            Ink::Passing => "33",
            Ink::Bad => "31",
            Ink::Faint => "2",
        };
        match self {
            Self::Always if !code.is_empty() => format!("\x1b[{code}m{text}\x1b[0m"),
            _ => text.to_owned(),
        }
    }
}
