use super::{Invariant, Verdict};
use crate::oracle::History;
use crate::{Fact, What};

/// Frames are at most 64 KiB and datagrams fit QUIC's first packets.
#[derive(Debug)]
pub(super) struct BoundedMessages;

impl Invariant for BoundedMessages {
    fn name(&self) -> &'static str {
        "bounded-messages"
    }

    fn rule(&self) -> &'static str {
        "S10"
    }

    fn observe(&mut self, _: &History, fact: &Fact) -> Verdict {
        match &fact.what {
            What::Oversized { boot, what, bytes } => Err(format!("{boot} sent a {what} of {bytes} bytes")),
            _ => Ok(()),
        }
    }
}
