use std::io::IsTerminal as _;

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Registry, fmt, reload};

use crate::failure::Failure;
use crate::output::Colour;

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
        let format = fmt::layer()
            .with_writer(std::io::stderr)
            .with_ansi(Colour::of_stderr() == Colour::Always && std::io::stderr().is_terminal())
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

fn filter(text: Option<&str>) -> Result<EnvFilter, String> {
    EnvFilter::try_new(text.unwrap_or(USUAL))
        .map_err(|error| format!("expected a filter such as \"debug\" or \"warn,ordu=trace\": {error}"))
}
