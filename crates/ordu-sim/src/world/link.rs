use std::collections::VecDeque;

use ordu_core::{Channel, ConnId};

use crate::{Boot, Moment};

/// One connection, numbered through the whole simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LinkId(pub(super) u64);

/// An end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    Dialler,
    Acceptor,
}

impl Side {
    pub(super) fn other(self) -> Self {
        match self {
            Self::Dialler => Self::Acceptor,
            Self::Acceptor => Self::Dialler,
        }
    }
}

/// One QUIC connection and the TCP connection beside it.
#[derive(Debug)]
pub(super) struct Link {
    ends: [End; 2],
    pub(super) lifeline: bool,
}

/// What one end of a connection knows.
#[derive(Debug)]
pub(super) struct End {
    pub(super) boot: Boot,
    pub(super) state: EndState,
    /// Its number in its process, once it is up there.
    pub(super) conn: Option<ConnId>,
    pub(super) heard: Moment,
    /// Bytes sent since anything was acknowledged: while nothing comes back only a window's worth is sent.
    pub(super) unacknowledged: usize,
    streams: [Stream; 2],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EndState {
    /// The handshake has not come this far.
    Opening,
    Open,
    /// Closed by its own node, which still delivers what it sent before.
    Lingering,
    /// Closed; whatever arrives is answered by a reset.
    Closed,
    /// Its process is gone; nobody answers.
    Dead,
}

/// One direction of one channel: frames in order, the first of them on its way.
#[derive(Debug, Default)]
pub(super) struct Stream {
    pub(super) queue: VecDeque<Frame>,
    /// What the frames of `queue` take.
    bytes: usize,
    /// Arrivals that were scheduled under an older generation no longer count.
    pub(super) generation: u64,
    /// How often the first frame was repeated in vain.
    pub(super) repeats: u32,
}

#[derive(Debug)]
pub(super) struct Frame {
    pub(super) bytes: Vec<u8>,
    pub(super) due: Moment,
    /// When it would arrive if the way had lost none of it.
    pub(super) unlost: Moment,
}

impl Link {
    pub(super) fn new(dialler: Boot, conn: ConnId, acceptor: Boot, now: Moment) -> Self {
        let end = |boot, conn, state| End {
            boot,
            state,
            conn,
            heard: now,
            unacknowledged: 0,
            streams: [Stream::default(), Stream::default()],
        };
        Self {
            ends: [
                end(dialler, Some(conn), EndState::Open),
                end(acceptor, None, EndState::Opening),
            ],
            lifeline: false,
        }
    }

    pub(super) fn end(&self, side: Side) -> &End {
        &self.ends[side as usize]
    }

    pub(super) fn end_mut(&mut self, side: Side) -> &mut End {
        &mut self.ends[side as usize]
    }

    /// Whether nothing can happen on it any more.
    pub(super) fn is_over(&self) -> bool {
        self.ends
            .iter()
            .all(|end| matches!(end.state, EndState::Closed | EndState::Dead))
    }
}

impl Frame {
    /// What a frame of so many bytes takes of a queue: itself and its bookkeeping.
    pub(super) fn cost(bytes: usize) -> usize {
        bytes + 64
    }
}

impl Stream {
    pub(super) fn push(&mut self, frame: Frame) {
        self.bytes += Frame::cost(frame.bytes.len());
        self.queue.push_back(frame);
    }

    pub(super) fn pop(&mut self) -> Option<Frame> {
        let frame = self.queue.pop_front()?;
        self.bytes -= Frame::cost(frame.bytes.len());
        Some(frame)
    }

    /// Drops what will not be sent.
    pub(super) fn keep(&mut self, keeps: impl FnMut(&Frame) -> bool) {
        let mut keeps = keeps;
        self.queue.retain(|frame| keeps(frame));
        self.bytes = self
            .queue
            .iter()
            .map(|frame| Frame::cost(frame.bytes.len()))
            .sum();
    }

    /// The way is quick again: what waits for its turn on it arrives by then. Gives when the first frame does, if that is
    /// news.
    pub(super) fn hurry(&mut self, then: Moment) -> Option<Moment> {
        let before = self.queue.front()?.due;
        for frame in &mut self.queue {
            frame.due = frame.due.min(then);
            frame.unlost = frame.unlost.min(then);
        }
        (then < before).then_some(then)
    }

    /// Nothing sent up to now is late any more because the way lost it: it was repeated and arrives then, or when
    /// it would have anyway. Gives when the first frame does, if that is news.
    pub(super) fn repeat_what_was_lost(&mut self, then: Moment) -> Option<Moment> {
        let before = self.queue.front()?.due;
        for frame in &mut self.queue {
            frame.due = frame.due.min(frame.unlost.max(then));
        }
        self.queue
            .front()
            .map(|frame| frame.due)
            .filter(|due| *due < before)
    }
}

impl End {
    pub(super) fn stream(&mut self, channel: Channel) -> &mut Stream {
        &mut self.streams[channel as usize]
    }

    pub(super) fn streams(&mut self) -> [(Channel, &mut Stream); 2] {
        let [control, bulk] = &mut self.streams;
        [(Channel::Control, control), (Channel::Bulk, bulk)]
    }

    /// What its frames take that have not arrived.
    pub(super) fn unsent(&self) -> usize {
        self.streams.iter().map(|stream| stream.bytes).sum()
    }

    pub(super) fn has_sent_all(&self) -> bool {
        self.streams.iter().all(|stream| stream.queue.is_empty())
    }
}
