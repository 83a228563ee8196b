//! Which address peers are told to dial.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use super::StartError;

/// Checks a given address as far as it can be before anything is opened or looked up.
pub(super) fn check(given: Option<SocketAddr>, joins: &[String]) -> Result<(), StartError> {
    let joins: Vec<SocketAddr> = joins.iter().filter_map(|join| join.parse().ok()).collect();
    match given.and_then(|addr| Some((addr, problem(addr, &joins)?))) {
        Some((addr, problem)) => Err(StartError::Advertise { addr, problem }),
        None => Ok(()),
    }
}

/// The advertised address, by the first rule that applies: the one given, the one listened on if it is a
/// concrete one, the local address of the way to the first join.
pub(super) fn advertised(
    given: Option<SocketAddr>,
    listening: SocketAddr,
    joins: &[SocketAddr],
) -> Result<SocketAddr, StartError> {
    let mut addr = given.unwrap_or(listening);
    if given.is_none() && addr.ip().is_unspecified() {
        let local = joins.iter().find_map(|join| local_address_towards(*join));
        let problem = if joins.is_empty() {
            "it listens on every address and joins nobody, so it cannot tell which address is its own"
        } else {
            "it listens on every address and none of its joins can be reached from here"
        };
        addr.set_ip(local.ok_or(StartError::Advertise { addr, problem })?);
    }
    if addr.port() == 0 {
        addr.set_port(listening.port());
    }
    match problem(addr, joins) {
        Some(problem) => Err(StartError::Advertise { addr, problem }),
        None => Ok(addr),
    }
}

fn problem(addr: SocketAddr, joins: &[SocketAddr]) -> Option<&'static str> {
    let ip = addr.ip();
    if ip.is_unspecified() {
        Some("it stands for every address of a machine, not for one")
    } else if ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST) {
        Some("it is an address of many machines")
    } else if ip.is_loopback() && joins.iter().any(|join| !join.ip().is_loopback()) {
        Some("it is the loopback address, and the nodes to join are on other machines")
    } else {
        None
    }
}

/// Asks the routing table; nothing is sent.
fn local_address_towards(join: SocketAddr) -> Option<IpAddr> {
    let any: IpAddr = if join.is_ipv4() {
        Ipv4Addr::UNSPECIFIED.into()
    } else {
        Ipv6Addr::UNSPECIFIED.into()
    };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect(join).ok()?;
    socket
        .local_addr()
        .ok()
        .map(|addr| addr.ip())
        .filter(|ip| !ip.is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_given_address_wins_and_takes_the_port_that_is_listened_on() {
        let listening = addr("0.0.0.0:7000");
        assert_eq!(
            advertised(Some(addr("10.1.2.3:0")), listening, &[]).unwrap(),
            addr("10.1.2.3:7000")
        );
        assert_eq!(
            advertised(Some(addr("10.1.2.3:9")), listening, &[]).unwrap(),
            addr("10.1.2.3:9")
        );
    }

    #[test]
    fn a_concrete_listen_address_is_advertised() {
        assert_eq!(
            advertised(None, addr("127.0.0.1:7000"), &[]).unwrap(),
            addr("127.0.0.1:7000")
        );
    }

    #[test]
    fn listening_everywhere_advertises_the_address_towards_the_first_join() {
        let got = advertised(None, addr("0.0.0.0:7000"), &[addr("127.0.0.1:9")]).unwrap();
        assert_eq!(got, addr("127.0.0.1:7000"));
    }

    #[test]
    fn addresses_that_peers_cannot_dial_are_refused() {
        let everywhere = addr("0.0.0.0:7000");
        for (given, listening, joins) in [
            (None, everywhere, vec![]),
            (Some(everywhere), addr("10.0.0.1:7000"), vec![]),
            (Some(addr("[::]:7000")), everywhere, vec![]),
            (Some(addr("224.0.0.1:7000")), everywhere, vec![]),
            (Some(addr("255.255.255.255:7000")), everywhere, vec![]),
            (None, addr("127.0.0.1:7000"), vec![addr("192.0.2.1:7000")]),
        ] {
            let got = advertised(given, listening, &joins);
            assert!(
                matches!(got, Err(StartError::Advertise { .. })),
                "{given:?} {listening}: {got:?}"
            );
        }
    }

    #[test]
    fn a_given_address_that_peers_cannot_dial_is_refused_before_anything_is_opened() {
        let joins = ["192.0.2.1:7000".to_owned(), "node1:7000".to_owned()];
        for given in ["0.0.0.0:7000", "224.0.0.1:7000", "127.0.0.1:7000"] {
            assert!(check(Some(addr(given)), &joins).is_err(), "{given}");
        }
        check(Some(addr("192.0.2.7:0")), &joins).unwrap();
        check(Some(addr("127.0.0.1:0")), &joins[1..]).unwrap();
        check(None, &joins).unwrap();
    }
}
