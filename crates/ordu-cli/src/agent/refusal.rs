use ordu::CallError;

use crate::control::Reply;
use crate::failure::Wrong;

/// Why a request is not answered with what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) wrong: Wrong,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(wrong: Wrong, message: impl Into<String>) -> Self {
        Self {
            wrong,
            message: message.into(),
        }
    }
}

impl From<CallError> for Refusal {
    fn from(error: CallError) -> Self {
        let wrong = match error {
            CallError::NotFound { .. } | CallError::NoSuchMember { .. } => Wrong::NotFound,
            // The first two are told when the time of a call is up, the third when it was up too late to call it off.
            CallError::NotReady { .. } | CallError::NotDecider { .. } | CallError::Unknown { .. } => {
                Wrong::Timeout
            }
            CallError::Invalid(_) => Wrong::Usage,
            _ => Wrong::Failed,
        };
        Self::new(wrong, error.to_string())
    }
}

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Self {
        Self::Error {
            wrong: refusal.wrong,
            message: refusal.message,
        }
    }
}
