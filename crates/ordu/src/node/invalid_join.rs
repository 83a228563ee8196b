use std::net::SocketAddr;

/// An address to join at is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot join at {address:?}: expected `host:port`, such as `10.0.0.7:7600` or `node1.example:7600`")]
#[non_exhaustive]
pub struct InvalidJoin {
    /// What was given.
    pub address: String,
}

impl InvalidJoin {
    /// Whether `address` is one to join at, without looking it up.
    pub fn check(address: &str) -> Result<(), Self> {
        let is_good = address.parse::<SocketAddr>().is_ok()
            || address.rsplit_once(':').is_some_and(|(host, port)| {
                !host.is_empty() && !host.contains(':') && port.parse::<u16>().is_ok_and(|port| port != 0)
            });
        if is_good {
            return Ok(());
        }
        Err(Self {
            address: address.to_owned(),
        })
    }
}
