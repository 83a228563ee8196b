/// What a node still has to do with its peers, as found when they were last looked at.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Unfinished {
    /// States were not exchanged with every peer yet.
    pub(crate) exchanges: bool,
    /// The detector does not list every peer, or suspects somebody.
    pub(crate) acquaintances: bool,
}
