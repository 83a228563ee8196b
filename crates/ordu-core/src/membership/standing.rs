use crate::Time;

/// Where this node itself stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Booted at this time and has not caught up with anybody (S4.6).
    Joining { since: Time },
    /// Takes children and decides.
    Ready,
    /// Was declared down by others at this time: decides nothing until it has caught up with one of them
    /// (S4.6). What runs here runs on.
    CatchingUp { since: Time },
    /// Stops its children and will leave; the time is when it stops waiting for the others to know. Who had not caught up
    /// then, or was declared down since, decides nothing, even where nobody is ready (S5.12).
    Leaving { until: Time, caught_up: bool },
    /// Has said that it left, and goes once the others have that, or at this time: what is sent last may be lost with the
    /// connection, and it would look like a death (S5.10).
    Left { until: Time },
    /// Was told that it has ended: stops its copies, and ends once others hold all that it holds (S2.4). The time is when
    /// it stops waiting for the copies.
    HandingOver { until: Time },
    /// It is over.
    Gone,
}

impl Standing {
    /// Whether the node may start and claim children.
    pub(crate) fn may_act(self) -> bool {
        self == Self::Ready
    }

    pub(crate) fn is_leaving(self) -> bool {
        matches!(
            self,
            Self::Leaving { .. } | Self::Left { .. } | Self::HandingOver { .. } | Self::Gone
        )
    }
}
