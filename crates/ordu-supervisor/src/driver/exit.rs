//! How a supervisor ended.

use std::fmt;

use super::child_id::ChildRef;
use super::text::OneLine;
use crate::decisions::{ExitReason, ShutdownInfo};

/// How a supervisor ended.
///
/// Its reason alone does not tell giving up from an orderly end: both are [`ExitReason::Shutdown`], as in OTP.
/// A program that ends with its root supervisor asks [`into_result`](Self::into_result):
///
/// ```
/// use ordu_supervisor::{ChildSpec, Supervisor};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # async fn program() -> Result<(), Box<dyn std::error::Error>> {
/// let root = Supervisor::builder()
///     .child(ChildSpec::task("unlucky", async |_ctx| Err::<(), _>("no luck")))
///     .start()
///     .await?;
/// root.exited().await.into_result()?; // from `main`: exit code 1
/// # Ok(())
/// # }
/// # assert_eq!(program().await.unwrap_err().to_string(), "the supervisor gave up: too many restarts");
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SupervisorExit {
    /// The reason it gave its parent.
    pub reason: ExitReason,
    /// Whether there were too many restarts.
    pub gave_up: bool,
    /// Children that were killed and had not ended. They may still be running.
    pub zombies: Vec<ChildRef>,
}

impl SupervisorExit {
    /// An end of which nothing more is known.
    pub(super) fn with(reason: ExitReason) -> Self {
        Self {
            reason,
            gave_up: false,
            zombies: Vec::new(),
        }
    }

    /// Whether it ended as somebody wanted: it was stopped, or its significant children were done. Not if it
    /// gave up, was killed, failed to start, or was stopped with a reason that is not normal.
    pub fn is_orderly(&self) -> bool {
        let failed_to_start = matches!(
            self.reason,
            ExitReason::ShutdownWith(ShutdownInfo::FailedToStartChild { .. })
        );
        self.reason.is_normal() && !self.gave_up && !failed_to_start
    }

    /// An end that is not [orderly](Self::is_orderly) as an error.
    pub fn into_result(self) -> Result<(), Self> {
        if self.is_orderly() { Ok(()) } else { Err(self) }
    }
}

impl fmt::Display for SupervisorExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.gave_up {
            f.write_str("the supervisor gave up: too many restarts")?;
        } else {
            write!(f, "the supervisor ended ({})", OneLine(&self.reason))?;
        }
        match self.zombies.len() {
            0 => Ok(()),
            1 => write!(f, ", and left {}, which cannot be killed", self.zombies[0]),
            many => write!(f, ", and left {many} children which cannot be killed"),
        }
    }
}

impl std::error::Error for SupervisorExit {}

impl PartialEq<ExitReason> for SupervisorExit {
    fn eq(&self, reason: &ExitReason) -> bool {
        self.reason == *reason
    }
}
