//! What a child's body may return.

use std::fmt::Display;

use crate::decisions::ExitReason;

/// What a child's body may return: nothing, a result, or an [`ExitReason`].
///
/// ```
/// use ordu_supervisor::{ExitReason, IntoExit};
///
/// assert_eq!(().into_exit(), ExitReason::Normal);
/// assert_eq!(Err::<(), _>("disk full").into_exit(), ExitReason::error("disk full"));
/// ```
pub trait IntoExit {
    /// The reason with which the child ended.
    fn into_exit(self) -> ExitReason;

    /// Whether it says nothing of how the child ended, as `()` does: then the end of a child that was asked to
    /// stop is [`ExitReason::Shutdown`]. A reason that is spelled out stays as it is, `Normal` too.
    fn says_nothing(&self) -> bool {
        false
    }
}

impl IntoExit for () {
    fn into_exit(self) -> ExitReason {
        ExitReason::Normal
    }

    fn says_nothing(&self) -> bool {
        true
    }
}

impl IntoExit for ExitReason {
    fn into_exit(self) -> ExitReason {
        self
    }
}

impl<T: IntoExit, E: Display> IntoExit for Result<T, E> {
    fn into_exit(self) -> ExitReason {
        match self {
            Ok(value) => value.into_exit(),
            // The alternate form has the causes too where an error type offers them.
            Err(error) => ExitReason::Error(format!("{error:#}")),
        }
    }

    fn says_nothing(&self) -> bool {
        self.as_ref().is_ok_and(T::says_nothing)
    }
}

/// The type of what never returns, by the only name it has yet.
type Never = <fn() -> ! as Returns>::Output;

/// A function type, for what it returns.
#[doc(hidden)]
pub trait Returns {
    /// That.
    type Output;
}

impl<T> Returns for fn() -> T {
    type Output = T;
}

// A body that is a loop without an end.
impl IntoExit for Never {
    fn into_exit(self) -> ExitReason {
        self
    }
}

impl IntoExit for std::convert::Infallible {
    fn into_exit(self) -> ExitReason {
        match self {}
    }
}
