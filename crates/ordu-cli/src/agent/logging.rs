use std::io::{self, IsTerminal as _, Write};

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Registry, fmt, reload};

use crate::failure::Failure;
use crate::output::{Colour, without_tricks};

/// What is logged unless somebody says otherwise.
const USUAL: &str = "info";

/// The variable that wins over the file.
const VARIABLE: &str = "ORDU_LOG";

/// What the agent says of itself on standard error, and how much of it.
#[derive(Debug)]
pub(super) struct Logging {
    filter: reload::Handle<EnvFilter, Registry>,
    /// `ORDU_LOG` says what is logged, whatever the file says.
    is_fixed: bool,
}

impl Logging {
    /// Begins to log: from `info` up, or as `ORDU_LOG` says (`ORDU_LOG=debug`, `ORDU_LOG=warn,ordu::transport=trace`),
    /// or, without that, as `written` does.
    pub(super) fn begin(written: Option<&str>) -> Result<Self, Failure> {
        let said = std::env::var(VARIABLE).ok().filter(|said| !said.is_empty());
        let filter = filter(said.as_deref().or(written))
            .map_err(|error| Failure::usage(format!("{VARIABLE}: {error}")))?;
        let (layer, handle) = reload::Layer::new(filter);
        let coloured = Colour::of_stderr() == Colour::Always && io::stderr().is_terminal();
        let format = fmt::layer()
            .with_writer(move || WithoutTricks {
                to: io::stderr(),
                coloured,
            })
            .with_ansi(coloured)
            // Without a terminal there is nobody left to tell that the terminal is gone.
            .log_internal_errors(false)
            .with_target(false);
        // There is one already only when a test set it up.
        let _ = tracing_subscriber::registry().with(layer).with(format).try_init();
        Ok(Self {
            filter: handle,
            is_fixed: said.is_some(),
        })
    }

    /// Logs as the file says by now, unless `ORDU_LOG` does.
    pub(super) fn change(&self, written: Option<&str>) {
        if self.is_fixed {
            tracing::warn!("what is logged stays as {VARIABLE} says");
        } else if let Ok(filter) = filter(written) {
            // It fails only once nothing is logged any more.
            let _ = self.filter.reload(filter);
        }
    }
}

/// Records carry what people, children and peers wrote, such as why one failed.
#[derive(Debug)]
struct WithoutTricks<W> {
    to: W,
    /// The records have colours: then the escape characters are those of the colours, for of those that were in a text
    /// whoever formats it has written out each.
    coloured: bool,
}

impl<W: Write> Write for WithoutTricks<W> {
    /// A whole record.
    fn write(&mut self, record: &[u8]) -> io::Result<usize> {
        const ESCAPE: char = '\x1b';
        let record_text = String::from_utf8_lossy(record);
        let shown = if self.coloured {
            let pieces: Vec<String> = record_text.split(ESCAPE).map(without_tricks).collect();
            pieces.join("\x1b")
        } else {
            without_tricks(&record_text)
        };
        self.to.write_all(shown.as_bytes())?;
        Ok(record.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

fn filter(text: Option<&str>) -> Result<EnvFilter, String> {
    EnvFilter::try_new(text.unwrap_or(USUAL))
        .map_err(|error| format!("expected a filter such as \"debug\" or \"warn,ordu=trace\": {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_turns_no_text_and_hides_none_with_and_without_colours() {
        for (coloured, expected) in [
            (true, "\x1b[32m INFO\x1b[0m a\\u{202e}b\\u{3164}\nnext\n"),
            (false, "\\u{1b}[32m INFO\\u{1b}[0m a\\u{202e}b\\u{3164}\nnext\n"),
        ] {
            let mut to = Vec::new();
            let mut writer = WithoutTricks {
                to: &mut to,
                coloured,
            };
            let record = "\x1b[32m INFO\x1b[0m a\u{202e}b\u{3164}\nnext\n";
            writer.write_all(record.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(to).unwrap(), expected);
        }
    }
}
