use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// Which addresses packets of a socket can get to at all, by their family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reach {
    listening: SocketAddr,
    ipv4: bool,
    ipv6: bool,
}

impl Reach {
    /// Of a socket on `listening`; `only_ipv6` is its option of this name, for one of IPv6.
    pub(crate) fn of(listening: SocketAddr, only_ipv6: bool) -> Self {
        let ipv6 = listening.is_ipv6();
        let both = match listening.ip() {
            IpAddr::V4(_) => true,
            IpAddr::V6(ip) => !only_ipv6 && (ip == Ipv6Addr::UNSPECIFIED || ip.to_ipv4_mapped().is_some()),
        };
        Self {
            listening,
            ipv4: both,
            ipv6,
        }
    }

    /// Where the socket listens.
    pub(crate) fn listening(&self) -> SocketAddr {
        self.listening
    }

    /// Whether packets can get there.
    pub(crate) fn includes(&self, addr: SocketAddr) -> bool {
        if addr.is_ipv4() { self.ipv4 } else { self.ipv6 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_reaches_its_own_family_and_one_on_every_address_of_ipv6_both() {
        for (listening, only_ipv6, ipv4, ipv6) in [
            ("127.0.0.1:1", false, true, false),
            ("0.0.0.0:1", false, true, false),
            ("[::]:1", false, true, true),
            ("[::]:1", true, false, true),
            ("[::1]:1", false, false, true),
            ("[2001:db8::1]:1", false, false, true),
        ] {
            let reach = Reach::of(listening.parse().unwrap(), only_ipv6);
            assert_eq!(
                reach.includes("192.0.2.1:1".parse().unwrap()),
                ipv4,
                "{listening}"
            );
            assert_eq!(
                reach.includes("[2001:db8::2]:1".parse().unwrap()),
                ipv6,
                "{listening}"
            );
        }
    }
}
