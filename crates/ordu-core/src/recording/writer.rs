use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::mem;

use super::{Entry, FORMAT, Header, MAGIC, OutputsDigest, VERSION, frame, state_digest};
use crate::{Input, Node, Now, Output};

/// Writes a recording into memory, from where [`drain_into`](Self::drain_into) hands it on piece by piece.
#[derive(Debug)]
pub struct Writer {
    bytes: Vec<u8>,
    outputs: OutputsDigest,
}

impl Writer {
    /// The beginning of a recording of a node that is made of this.
    pub fn begin(header: &Header) -> Self {
        let mut bytes = Vec::with_capacity(1024);
        bytes.extend(MAGIC);
        bytes.extend(FORMAT.to_le_bytes());
        let bytes = frame::append(header, frame::append(&VERSION, bytes));
        Self {
            bytes,
            outputs: OutputsDigest::default(),
        }
    }

    /// The node is handed this next. To be called before it is: the input that ends a node with a panic is the
    /// one that is wanted most.
    pub fn input(&mut self, now: Now, input: &Input) {
        let input = Cow::Borrowed(input);
        self.entry(&Entry::Input { now, input });
    }

    /// The node put this out in answer.
    pub fn output(&mut self, output: &Output) {
        self.outputs.add(output);
    }

    /// The node put out nothing more in answer.
    pub fn answered(&mut self) {
        let (count, digest) = self.outputs.take();
        self.entry(&Entry::Outputs { count, digest });
    }

    /// The node ended in peace and is handed nothing more.
    pub fn end(&mut self, node: &Node) {
        let state = state_digest(node);
        self.entry(&Entry::End { state });
    }

    /// Any entry, as it is: for tools that change recordings.
    pub fn entry(&mut self, entry: &Entry<'_>) {
        self.bytes = frame::append(entry, mem::take(&mut self.bytes));
    }

    /// Appends what was written since it was last asked to `buffer`, and keeps its own memory for what comes.
    pub fn drain_into(&mut self, buffer: &mut Vec<u8>) {
        buffer.append(&mut self.bytes);
    }
}
