//! What a supervisor tells about its children's failures.

use super::{ChildPolicy, ChildType, ExitReason, Incarnation, Restart, Shutdown};

/// One of the five reports of OTP's supervisor, as a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report<K> {
    /// A child was started, or restarted.
    Progress(Offender<K>),
    /// A start failed.
    StartError(Offender<K>, ExitReason),
    /// A child ended by itself and either failed or is restarted.
    ChildTerminated(Offender<K>, ExitReason),
    /// A child that was told to stop ended in another way than it should have.
    ShutdownError(Offender<K>, ExitReason),
    /// Too many restarts: the supervisor gives up, or, if the child has a budget of its own, gives it up.
    ReachedMaxRestartIntensity(Offender<K>),
}

/// The child a [`Report`] is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offender<K> {
    /// The child's key: its id under a static supervisor.
    pub key: K,
    /// The incarnation it happened to; of a failed restart the last one that ran, if any.
    pub incarnation: Option<Incarnation>,
    /// Its restart type.
    pub restart: Restart,
    /// How it is stopped.
    pub shutdown: Shutdown,
    /// Whether it is significant.
    pub significant: bool,
    /// What it is.
    pub child_type: ChildType,
}

impl<K> Offender<K> {
    pub(crate) fn new(key: K, incarnation: Option<Incarnation>, policy: &ChildPolicy) -> Self {
        Self {
            key,
            incarnation,
            restart: policy.restart,
            shutdown: policy.shutdown,
            significant: policy.significant,
            child_type: policy.child_type,
        }
    }

    /// The same child under another key.
    pub fn map_key<L>(self, rename: impl FnOnce(K) -> L) -> Offender<L> {
        Offender {
            key: rename(self.key),
            incarnation: self.incarnation,
            restart: self.restart,
            shutdown: self.shutdown,
            significant: self.significant,
            child_type: self.child_type,
        }
    }
}

impl<K> Report<K> {
    /// The child it is about.
    pub fn offender(&self) -> &Offender<K> {
        match self {
            Self::Progress(offender)
            | Self::StartError(offender, _)
            | Self::ChildTerminated(offender, _)
            | Self::ShutdownError(offender, _)
            | Self::ReachedMaxRestartIntensity(offender) => offender,
        }
    }

    /// Why, where there is a reason.
    pub fn reason(&self) -> Option<&ExitReason> {
        match self {
            Self::Progress(_) | Self::ReachedMaxRestartIntensity(_) => None,
            Self::StartError(_, reason)
            | Self::ChildTerminated(_, reason)
            | Self::ShutdownError(_, reason) => Some(reason),
        }
    }
}
