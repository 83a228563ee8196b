//! Frames on a stream: four bytes of length, most significant first, then that many bytes.

use bytes::{BufMut as _, Bytes, BytesMut};

/// The longest frame, in bytes, without its length: a longer one no core would take.
pub(crate) use ordu_core::MAX_FRAME;

/// What a frame or datagram takes of a queue beyond its own bytes: room for its bookkeeping, so that empty
/// ones are not free.
pub(super) const OVERHEAD: usize = 64;

const HEADER: usize = 4;

/// Frames shorter than this are copied together, longer ones are passed on as they are.
const COPIED: usize = 8 * 1024;

/// A frame longer than [`MAX_FRAME`] was announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a frame of at most {MAX_FRAME} bytes, got one of {announced}")]
pub(super) struct Oversize {
    pub(super) announced: u32,
}

/// Puts the frames of a stream together again, whatever pieces it comes in.
///
/// Holds at most one frame, and of that no more than twice what has come of it: a length alone costs nothing.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    header: [u8; HEADER],
    header_len: usize,
    /// Bytes still missing of the frame whose header is complete.
    missing: usize,
    body: Vec<u8>,
}

impl Decoder {
    /// Takes bytes off the front of `input` until a frame is complete (`Some`) or `input` is empty (`None`).
    ///
    /// After an error the stream cannot be made sense of any more.
    pub(super) fn next_frame(&mut self, input: &mut Bytes) -> Result<Option<Vec<u8>>, Oversize> {
        if self.header_len < HEADER {
            let head = input.split_to(input.len().min(HEADER - self.header_len));
            self.header[self.header_len..self.header_len + head.len()].copy_from_slice(&head);
            self.header_len += head.len();
            if self.header_len < HEADER {
                return Ok(None);
            }
            self.missing = body_len(self.header)?;
        }
        let part = input.split_to(input.len().min(self.missing));
        self.missing -= part.len();
        self.body.extend_from_slice(&part);
        if self.missing > 0 {
            return Ok(None);
        }
        self.header_len = 0;
        Ok(Some(std::mem::take(&mut self.body)))
    }

    /// Whether the stream may end here.
    pub(super) fn is_between_frames(&self) -> bool {
        self.header_len == 0
    }
}

fn body_len(header: [u8; HEADER]) -> Result<usize, Oversize> {
    let announced = u32::from_be_bytes(header);
    match usize::try_from(announced) {
        Ok(len) if len <= MAX_FRAME => Ok(len),
        _ => Err(Oversize { announced }),
    }
}

/// Turns frames, none longer than [`MAX_FRAME`], into chunks for a stream. `frames` is empty afterwards.
pub(super) fn encode(frames: &mut Vec<Vec<u8>>, chunks: &mut Vec<Bytes>) {
    let mut copied = BytesMut::new();
    for frame in frames.drain(..) {
        let len = u32::try_from(frame.len()).expect("a frame is at most MAX_FRAME long");
        copied.put_u32(len);
        if frame.len() < COPIED {
            copied.extend_from_slice(&frame);
        } else {
            chunks.push(copied.split().freeze());
            chunks.push(Bytes::from(frame));
        }
    }
    if !copied.is_empty() {
        chunks.push(copied.freeze());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames() -> Vec<Vec<u8>> {
        [0, 1, 3, 4, 5, COPIED - 1, COPIED, COPIED + 1, 0]
            .map(|len| vec![7; len])
            .to_vec()
    }

    fn encoded(mut frames: Vec<Vec<u8>>) -> Vec<u8> {
        let mut chunks = Vec::new();
        encode(&mut frames, &mut chunks);
        assert!(frames.is_empty());
        chunks.concat()
    }

    fn decoded(decoder: &mut Decoder, mut input: Bytes) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        while !input.is_empty() {
            frames.extend(decoder.next_frame(&mut input).unwrap());
        }
        frames
    }

    #[test]
    fn frames_come_out_as_they_went_in_whatever_pieces_the_stream_comes_in() {
        let stream = encoded(frames());
        for piece in [1, 2, 3, 5, 7, 1000, stream.len()] {
            let mut decoder = Decoder::default();
            let out: Vec<_> = stream
                .chunks(piece)
                .flat_map(|piece| decoded(&mut decoder, Bytes::copy_from_slice(piece)))
                .collect();
            assert_eq!(out, frames());
            assert!(decoder.is_between_frames());
        }
    }

    #[test]
    fn a_stream_cut_anywhere_but_between_frames_is_known_to_be_cut() {
        let stream = encoded(vec![vec![1; 3], vec![2; 5]]);
        let whole = [0, 7, 16];
        for cut in 0..=stream.len() {
            let mut decoder = Decoder::default();
            decoded(&mut decoder, Bytes::copy_from_slice(&stream[..cut]));
            assert_eq!(decoder.is_between_frames(), whole.contains(&cut), "cut at {cut}");
        }
    }

    #[test]
    fn the_longest_frame_is_taken_and_one_byte_more_is_refused_before_any_of_it_is_kept() {
        let longest = u32::try_from(MAX_FRAME).unwrap();
        let mut decoder = Decoder::default();
        assert_eq!(
            decoder.next_frame(&mut Bytes::copy_from_slice(&longest.to_be_bytes())),
            Ok(None)
        );
        assert_eq!(decoder.body.capacity(), 0);

        for announced in [longest + 1, u32::MAX] {
            let mut input = Bytes::copy_from_slice(&announced.to_be_bytes());
            assert_eq!(
                Decoder::default().next_frame(&mut input),
                Err(Oversize { announced })
            );
        }
    }
}
