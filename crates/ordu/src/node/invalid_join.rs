/// An address to join at is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot join at {address:?}: expected `host:port`, such as `10.0.0.7:7600` or `node1.example:7600`")]
#[non_exhaustive]
pub struct InvalidJoin {
    /// What was given.
    pub address: String,
}
