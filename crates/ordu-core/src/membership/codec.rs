use bytes::{Buf, BufMut};
use foca::{Codec, Header, Member};
use serde::{Serialize, de::DeserializeOwned};

use super::Identity;

/// How the failure detector's packets are written: as postcard has it.
///
/// foca's own codec for postcard puts every field into the packet by itself, which is most of what a packet costs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PacketCodec;

/// The longest header: two identities with names of 63 bytes, and a few numbers.
const LONGEST: usize = 512;

fn encode(value: &impl Serialize, mut buf: impl BufMut) -> postcard::Result<()> {
    let mut room = [0; LONGEST];
    let bytes = postcard::to_slice(value, &mut room)?;
    if buf.remaining_mut() < bytes.len() {
        return Err(postcard::Error::SerializeBufferFull);
    }
    buf.put_slice(bytes);
    Ok(())
}

fn decode<T: DeserializeOwned>(mut buf: impl Buf) -> postcard::Result<T> {
    // foca hands over what is contiguous.
    let (value, rest) = postcard::take_from_bytes(buf.chunk())?;
    let taken = buf.chunk().len() - rest.len();
    buf.advance(taken);
    Ok(value)
}

impl Codec<Identity> for PacketCodec {
    type Error = postcard::Error;

    fn encode_header(&mut self, header: &Header<Identity>, buf: impl BufMut) -> postcard::Result<()> {
        encode(header, buf)
    }

    fn decode_header(&mut self, buf: impl Buf) -> postcard::Result<Header<Identity>> {
        decode(buf)
    }

    fn encode_member(&mut self, member: &Member<Identity>, buf: impl BufMut) -> postcard::Result<()> {
        encode(member, buf)
    }

    fn decode_member(&mut self, buf: impl Buf) -> postcard::Result<Member<Identity>> {
        decode(buf)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use foca::Message;

    use super::*;
    use crate::{NodeId, NodeName};

    fn longest() -> Identity {
        Identity {
            id: NodeId(u128::MAX),
            seniority: NodeId(u128::MAX - 1),
            generation: u32::MAX,
            name: NodeName::new("n".repeat(NodeName::MAX_LEN)).unwrap(),
            addr: "[2001:db8:ffff:ffff:ffff:ffff:ffff:ffff]:65535".parse().unwrap(),
        }
    }

    #[test]
    fn the_longest_header_survives_the_packet_and_what_follows_it_is_left() {
        let header = Header {
            src: longest(),
            src_incarnation: u16::MAX,
            dst: longest(),
            message: Message::PingReq {
                target: longest(),
                probe_number: u8::MAX,
            },
        };
        let mut packet = Vec::new();
        PacketCodec.encode_header(&header, &mut packet).unwrap();
        packet.push(7);
        let mut rest = packet.as_slice();
        assert_eq!(PacketCodec.decode_header(&mut rest), Ok(header));
        assert_eq!(rest, [7]);
    }

    #[test]
    fn a_member_that_does_not_fit_leaves_no_half_of_it_behind() {
        let mut packet = Vec::new();
        let room = (&mut packet).limit(20);
        assert!(
            PacketCodec
                .encode_member(&Member::alive(longest()), room)
                .is_err()
        );
        assert!(packet.is_empty());
    }
}
