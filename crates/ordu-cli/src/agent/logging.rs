use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::output::Colour;

/// Sends what the agent says of itself to standard error: from `info` up, or as `ORDU_LOG` says
/// (`ORDU_LOG=debug`, `ORDU_LOG=warn,ordu::transport=trace`).
pub(super) fn init() {
    let filter = EnvFilter::try_from_env("ORDU_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let format = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(Colour::of_stderr() == Colour::Always && std::io::stderr().is_terminal())
        .with_target(false);
    // There is one already only when a test set it up.
    let _ = format.try_init();
}
