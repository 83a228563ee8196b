//! When a child that ended is started again.

/// When a child that ended by itself is started again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Restart {
    /// Always, also after a normal end.
    #[default]
    Permanent,
    /// Only after an abnormal end (see [`ExitReason::is_normal`](super::ExitReason::is_normal)).
    Transient,
    /// Never. The supervisor forgets a temporary child as soon as it ends.
    Temporary,
}

impl Restart {
    /// Whether a child of this kind that ended with `reason` is started again.
    ///
    /// ```
    /// use ordu_supervisor::decisions::{ExitReason, Restart};
    ///
    /// assert!(Restart::Permanent.applies_to(&ExitReason::Normal));
    /// assert!(!Restart::Transient.applies_to(&ExitReason::Shutdown));
    /// ```
    pub fn applies_to(self, reason: &super::ExitReason) -> bool {
        match self {
            _ if reason.hands_over() => false,
            Self::Permanent => true,
            Self::Transient => !reason.is_normal(),
            Self::Temporary => false,
        }
    }
}
