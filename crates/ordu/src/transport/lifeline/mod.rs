//! Lifelines: an idle TCP connection beside each QUIC connection (S6.3).
//!
//! A process that is killed says nothing on QUIC, and UDP has nobody who would; but its kernel closes its TCP
//! connections at once, so the peer knows within a round trip that something happened. An end without a
//! good-bye is a hint to probe, no proof: middleboxes reset connections too.
//!
//! ```text
//! dialler                                    accepter
//!    │  connect, 32 bytes of proof ──────────►  │ looks up which connection they prove
//!    │  ◄──────────────────────────────── ACK   │
//!    │                 (silence)                │
//!    │  BYE, or the end without it              │
//! ```
//!
//! The proof is exported from the TLS session of the QUIC connection, so only its two ends know it.

mod accept;
mod dial;
mod listen;
mod registry;
mod watch;

pub(super) use accept::accept;
pub(super) use dial::dial;
pub(super) use listen::listen;
pub(super) use registry::{Registration, Registry};

use quinn::Connection;

const PROOF_LEN: usize = 32;

/// What binds a lifeline to its connection.
pub(super) type Proof = [u8; PROOF_LEN];

/// The accepter knows the proof.
pub(super) const ACK: u8 = b'+';

/// The connection ends in good order, and its lifeline with it.
pub(super) const BYE: u8 = b'-';

/// The proof of a connection; `None` only for one whose handshake is not done.
pub(super) fn proof_of(quic: &Connection) -> Option<Proof> {
    let mut proof = [0; PROOF_LEN];
    quic.export_keying_material(&mut proof, b"EXPORTER-ordu-lifeline-v1", b"")
        .ok()?;
    Some(proof)
}
