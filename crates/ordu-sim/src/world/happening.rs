use ordu_core::{Channel, Input, ProbeId, StartId};

use super::dialling::HandshakeId;
use super::link::{LinkId, Side};
use super::workers::Step;
use crate::{Boot, CopyId, Fault, HostId};

/// What can be on the world's agenda.
#[derive(Debug)]
pub(super) enum Happening {
    /// A process may have something due.
    Timer(Boot),
    /// A process is told something by its own kernel or shell.
    Feed(Boot, Input),
    /// A slow process gets to what waits for it.
    Late(Boot),
    /// The first packet of a handshake arrives.
    Hello(HandshakeId),
    /// It is sent again if nobody answered.
    HelloAgain(HandshakeId, u32),
    /// The answer to it arrives.
    Welcome(HandshakeId, Boot),
    /// A dial is given up.
    DialDeadline(HandshakeId),
    /// The dialler's last packet of a handshake arrives, or is repeated.
    Finish(LinkId, u32),
    /// A datagram arrives.
    Datagram(LinkId, Side, Vec<u8>),
    /// The first frame of a stream arrives.
    Frame(LinkId, Side, Channel, u64),
    /// A closed end has waited long enough for its last frames.
    Linger(LinkId, Side),
    /// A closed end's notice arrives.
    CloseNotice(LinkId, Side),
    /// An end may have heard nothing for too long.
    Idle(LinkId, Side),
    /// The lifeline of a connection is up.
    LifelineUp(LinkId),
    /// The kernel of a dead process tells the other end of a lifeline.
    LifelineEnd(LinkId, Side, u32),
    /// A TCP connection attempt arrives.
    Probe(Boot, ProbeId, HostId),
    /// A worker gets somewhere.
    Worker(Boot, StartId, u32, Step),
    /// A keeper has ended what its dead node left.
    OrphanEnds(CopyId),
    /// A node looks up the addresses of whom it was told to dial.
    LookUp(HostId),
    /// Something goes wrong.
    Inflict(Fault),
    /// Another tenth of a second has passed.
    Tick,
}
