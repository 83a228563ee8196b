//! What can be wrong with a child spec or a supervisor's flags.

use alloc::string::String;

use super::{AutoShutdown, ChildPolicy, Intensity, Restart};

/// What is wrong with a child spec. Mistakes that Rust's types rule out have no variant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpecError {
    /// The id is empty (OTP's `missing_id`).
    #[error("a child spec needs an id that is not empty")]
    MissingId,
    /// Two specs of one list have this id (`duplicate_child_name`).
    #[error("two child specs have the id {0:?}")]
    DuplicateChildName(String),
    /// A significant child under a supervisor that never shuts down by itself, or under a dynamic one
    /// (`bad_combination` of `auto_shutdown` and `significant`).
    #[error("a significant child needs a supervisor with auto_shutdown; this one never shuts down by itself")]
    SignificantWithoutAutoShutdown,
    /// A significant child that is always restarted can never end (`bad_combination` of `restart` and
    /// `significant`).
    #[error("a significant child must be transient or temporary, this one is permanent")]
    SignificantPermanent,
    /// The period of the child's own budget is zero (`invalid_period`).
    #[error("the period of a restart budget must be above zero")]
    InvalidBudgetPeriod,
    /// Its start function can be called once, so it must be temporary.
    #[error(
        "a child whose start function can be called once must be temporary: leave its restart type as it is, or \
         make the spec of a function that can be called again"
    )]
    StartsOnce,
}

/// What is wrong with a supervisor's flags. Mistakes that Rust's types rule out have no variant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FlagsError {
    /// The period of the restart intensity is zero (`invalid_period`).
    #[error("the period of a restart intensity must be above zero")]
    InvalidPeriod,
}

impl Intensity {
    pub(crate) fn validate(self) -> Result<(), FlagsError> {
        if self.period.is_zero() {
            Err(FlagsError::InvalidPeriod)
        } else {
            Ok(())
        }
    }
}

impl ChildPolicy {
    /// Checks this policy against the supervisor's `auto_shutdown`; `None` if that is not known yet, as in
    /// OTP's `check_childspecs/1`.
    ///
    /// ```
    /// use ordu_supervisor::decisions::{AutoShutdown, ChildPolicy, Restart, SpecError};
    ///
    /// let policy = ChildPolicy { significant: true, restart: Restart::Transient, ..ChildPolicy::worker() };
    /// assert_eq!(policy.validate(None), Ok(()));
    /// assert_eq!(policy.validate(Some(AutoShutdown::Never)), Err(SpecError::SignificantWithoutAutoShutdown));
    /// ```
    pub fn validate(&self, auto_shutdown: Option<AutoShutdown>) -> Result<(), SpecError> {
        if self.significant && auto_shutdown == Some(AutoShutdown::Never) {
            return Err(SpecError::SignificantWithoutAutoShutdown);
        }
        if self.significant && self.restart == Restart::Permanent {
            return Err(SpecError::SignificantPermanent);
        }
        if self.budget.is_some_and(|budget| budget.validate().is_err()) {
            return Err(SpecError::InvalidBudgetPeriod);
        }
        Ok(())
    }
}
