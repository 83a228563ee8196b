use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};

use super::error::ListenError;

/// How many ports are tried when any will do.
const TRIES: u32 = 64;

/// The two sockets of a node, on one port number.
pub(super) struct Ports {
    pub(super) addr: SocketAddr,
    /// QUIC.
    pub(super) udp: UdpSocket,
    /// Lifelines.
    pub(super) tcp: TcpListener,
}

impl Ports {
    /// Opens both on `addr`; with port 0, on one that is free for both.
    pub(super) fn open(addr: SocketAddr) -> Result<Self, ListenError> {
        if addr.port() != 0 {
            return Self::open_port(addr).map_err(|(protocol, source)| bind_error(protocol, addr, source));
        }
        for _ in 0..TRIES {
            // The system picks a TCP port; whether UDP has the same free is then seen.
            match Self::open_port(addr) {
                Err(("UDP", error)) if error.kind() == io::ErrorKind::AddrInUse => {}
                other => return other.map_err(|(protocol, source)| bind_error(protocol, addr, source)),
            }
        }
        Err(ListenError::NoCommonPort { addr, tries: TRIES })
    }

    fn open_port(addr: SocketAddr) -> Result<Self, (&'static str, io::Error)> {
        // TcpListener sets SO_REUSEADDR, so a node killed and started again gets its port back at once.
        let tcp = TcpListener::bind(addr).map_err(|error| ("TCP", error))?;
        tcp.set_nonblocking(true).map_err(|error| ("TCP", error))?;
        let addr = tcp.local_addr().map_err(|error| ("TCP", error))?;
        let udp = UdpSocket::bind(addr).map_err(|error| ("UDP", error))?;
        Ok(Self { addr, udp, tcp })
    }
}

fn bind_error(protocol: &'static str, addr: SocketAddr, source: io::Error) -> ListenError {
    ListenError::Bind {
        protocol,
        addr,
        source,
    }
}
