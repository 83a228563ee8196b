//! What goes to standard output: data. What is said about it goes to standard error.

mod colour;
mod table;

use std::io::{ErrorKind, IsTerminal as _, Write as _};

use ordu::printable;
use serde::Serialize;

use crate::failure::Failure;

pub(crate) use colour::{Colour, Ink};
pub(crate) use table::Table;

/// Standard output.
#[derive(Debug)]
pub(crate) struct Output {
    terminal: bool,
    colour: Colour,
}

impl Output {
    pub(crate) fn stdout() -> Self {
        Self {
            terminal: std::io::stdout().is_terminal(),
            colour: Colour::of_stdout(),
        }
    }

    /// Whether a person reads it.
    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal
    }

    pub(crate) fn colour(&self) -> Colour {
        self.colour
    }

    /// Writes one JSON value and a line end.
    pub(crate) fn json<T: Serialize + ?Sized>(&self, value: &T) -> Result<(), Failure> {
        let rendered = if self.terminal {
            serde_json::to_string_pretty(value)
        } else {
            serde_json::to_string(value)
        };
        let text = rendered.map_err(|error| Failure::failed(format!("JSON: {error}")))?;
        write(text + "\n")
    }

    /// Writes a table: aligned and with a head for a person, else one row a line with tabs between.
    pub(crate) fn table(&self, table: &Table) -> Result<(), Failure> {
        write(if self.terminal {
            table.aligned(self.colour)
        } else {
            table.plain()
        })
    }
}

/// Text that carries what people, children and peers wrote, as a terminal may have it: only the line ends are ours.
pub(crate) fn without_tricks(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(printable).collect();
    lines.join("\n")
}

/// Says something on standard error, and ends the line.
pub(crate) fn say(text: impl AsRef<str>) {
    say_lines(without_tricks(text.as_ref()) + "\n");
}

/// Says whole lines on standard error, which are fit for a terminal. One that takes nothing, since its reader has gone or
/// its disk is full, costs what is said and nothing else.
pub(crate) fn say_lines(text: impl AsRef<str>) {
    let _ = std::io::stderr().lock().write_all(text.as_ref().as_bytes());
}

/// Writes to standard output. A reader that has gone away ends the command in peace.
pub(crate) fn write(text: impl AsRef<[u8]>) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    let written = stdout.write_all(text.as_ref()).and_then(|()| stdout.flush());
    written.map_err(|error| unwritten(&error))
}

/// What it means that standard output took no more.
pub(crate) fn unwritten(error: &std::io::Error) -> Failure {
    match error.kind() {
        ErrorKind::BrokenPipe => Failure::ReaderGone,
        _ => Failure::failed(format!("standard output: {error}")),
    }
}
