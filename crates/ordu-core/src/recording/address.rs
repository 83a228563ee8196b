//! Socket addresses with all that belongs to them: serde's own encoding leaves out the flow label and the scope
//! of an IPv6 address, without which a link-local address (`fe80::1%eth0`) is another one.

use core::net::{IpAddr, SocketAddr, SocketAddrV6};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Serialize, Deserialize)]
struct Exact {
    ip: IpAddr,
    port: u16,
    flowinfo: u32,
    scope_id: u32,
}

impl From<&SocketAddr> for Exact {
    fn from(addr: &SocketAddr) -> Self {
        let (flowinfo, scope_id) = match addr {
            SocketAddr::V4(_) => (0, 0),
            SocketAddr::V6(addr) => (addr.flowinfo(), addr.scope_id()),
        };
        Self {
            ip: addr.ip(),
            port: addr.port(),
            flowinfo,
            scope_id,
        }
    }
}

impl From<Exact> for SocketAddr {
    fn from(exact: Exact) -> Self {
        match exact.ip {
            IpAddr::V4(ip) => Self::from((ip, exact.port)),
            IpAddr::V6(ip) => SocketAddrV6::new(ip, exact.port, exact.flowinfo, exact.scope_id).into(),
        }
    }
}

pub(crate) fn serialize<S: Serializer>(addr: &SocketAddr, serializer: S) -> Result<S::Ok, S::Error> {
    Exact::from(addr).serialize(serializer)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    Exact::deserialize(deserializer).map(SocketAddr::from)
}

/// The same for several.
pub(crate) mod several {
    use alloc::vec::Vec;

    use super::{Deserialize, Deserializer, Exact, Serializer, SocketAddr};

    pub(crate) fn serialize<S: Serializer>(addrs: &[SocketAddr], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(addrs.iter().map(Exact::from))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<SocketAddr>, D::Error> {
        let exact = Vec::<Exact>::deserialize(deserializer)?;
        Ok(exact.into_iter().map(SocketAddr::from).collect())
    }
}
