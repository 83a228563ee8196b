//! When the end of a significant child ends its supervisor.

/// When the end of a significant child ends its supervisor.
///
/// Only an end *by itself* that is not followed by a restart counts: a child stopped through the supervisor,
/// or restarted, never triggers it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum AutoShutdown {
    /// Never; no child may be significant.
    #[default]
    Never,
    /// As soon as one significant child ended.
    AnySignificant,
    /// When a significant child ended and no other significant child runs or is being restarted.
    AllSignificant,
}
