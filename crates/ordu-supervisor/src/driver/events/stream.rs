//! The way of events from a supervisor to its listeners.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::mem;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_core::Stream;

use super::Event;
use crate::driver::panics::contain;

/// How many events a listener may lag behind before it misses some, unless it says otherwise.
const BOUND: usize = 1024;

/// The events of one supervisor, from the moment of subscription on. A [`Stream`].
///
/// It holds as many events as its bound says. Whoever is slower misses the oldest, and is told how many by
/// [`Event::Missed`].
pub struct EventStream(Arc<Queue>);

struct Queue(Mutex<State>);

struct State {
    events: VecDeque<Event>,
    bound: usize,
    missed: u64,
    closed: bool,
    reader: Option<Waker>,
}

impl EventStream {
    fn new(bound: usize, closed: bool) -> Self {
        Self(Arc::new(Queue(Mutex::new(State {
            events: VecDeque::new(),
            bound: bound.max(1),
            missed: 0,
            closed,
            reader: None,
        }))))
    }

    /// The next event, or `None` once the supervisor has ended and all was told.
    ///
    /// Dropping this future loses nothing.
    pub async fn next(&mut self) -> Option<Event> {
        poll_fn(|cx| self.poll_event(cx)).await
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let waker = cx.waker().clone();
        let mut state = lock(&self.0.0);
        if state.missed > 0 {
            return Poll::Ready(Some(Event::Missed(mem::take(&mut state.missed))));
        }
        match state.events.pop_front() {
            Some(event) => Poll::Ready(Some(event)),
            None if state.closed => Poll::Ready(None),
            None => {
                let before = state.reader.replace(waker);
                // Wakers are code of others: none is run, or dropped, under a lock.
                drop(state);
                drop(before);
                Poll::Pending
            }
        }
    }
}

impl Stream for EventStream {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.poll_event(cx)
    }
}

impl fmt::Debug for EventStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = lock(&self.0.0);
        f.debug_struct("EventStream")
            .field("waiting", &state.events.len())
            .field("bound", &state.bound)
            .finish_non_exhaustive()
    }
}

impl Queue {
    /// Whoever is to be woken then, once no lock is held.
    fn push(&self, event: Event) -> Option<Waker> {
        let mut state = lock(&self.0);
        if state.events.len() == state.bound {
            state.events.pop_front();
            state.missed += 1;
        }
        state.events.push_back(event);
        state.reader.take()
    }

    /// As [`push`](Self::push).
    fn close(&self) -> Option<Waker> {
        let mut state = lock(&self.0);
        state.closed = true;
        state.reader.take()
    }
}

/// The sending side; costs nothing until somebody listens. Its drop ends all streams.
#[derive(Default)]
pub(in crate::driver) struct Events(Arc<Board>);

/// Those who listened before there was a supervisor. If there never is one, all was told.
#[derive(Debug, Default)]
pub(in crate::driver) struct Listeners(pub(in crate::driver) Events);

impl Clone for Listeners {
    /// They listen to one supervisor; a copy of its builder makes another one.
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// Where handles subscribe.
#[derive(Clone)]
pub(in crate::driver) struct Subscriptions(Arc<Board>);

#[derive(Default)]
struct Board {
    any: AtomicBool,
    queues: Mutex<Queues>,
}

#[derive(Default)]
struct Queues {
    open: Vec<Arc<Queue>>,
    closed: bool,
}

impl Events {
    pub(in crate::driver) fn subscriptions(&self) -> Subscriptions {
        Subscriptions(Arc::clone(&self.0))
    }

    pub(in crate::driver) fn emit(&self, event: impl FnOnce() -> Event) {
        if !self.0.any.load(Ordering::Acquire) {
            return;
        }
        let mut queues = lock(&self.0.queues);
        let unread = queues.take_unread();
        let mut readers = Vec::new();
        if queues.open.is_empty() {
            self.0.any.store(false, Ordering::Release);
        } else {
            let event = event();
            readers.extend(queues.open.iter().filter_map(|queue| queue.push(event.clone())));
        }
        drop(queues);
        let_go(unread);
        wake(readers);
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        let mut queues = lock(&self.0.queues);
        queues.closed = true;
        let open = mem::take(&mut queues.open);
        drop(queues);
        wake(open.iter().filter_map(|queue| queue.close()).collect());
        let_go(open);
    }
}

/// Wakers are code of others: one that panics keeps no other from being woken.
fn wake(readers: Vec<Waker>) {
    for reader in readers {
        contain("a listener's waker", || reader.wake());
    }
}

/// What a queue holds of a listener that is gone is code of others, too.
fn let_go(queues: Vec<Arc<Queue>>) {
    for queue in queues {
        contain("a listener's waker, when it was dropped,", || drop(queue));
    }
}

impl Subscriptions {
    pub(in crate::driver) fn subscribe(&self) -> EventStream {
        self.subscribe_with(BOUND)
    }

    pub(in crate::driver) fn subscribe_with(&self, bound: usize) -> EventStream {
        let mut queues = lock(&self.0.queues);
        let stream = EventStream::new(bound, queues.closed);
        let mut unread = Vec::new();
        if !queues.closed {
            unread = queues.take_unread();
            queues.open.push(Arc::clone(&stream.0));
            self.0.any.store(true, Ordering::Release);
        }
        drop(queues);
        let_go(unread);
        stream
    }
}

impl Queues {
    /// The queues whose stream was dropped.
    fn take_unread(&mut self) -> Vec<Arc<Queue>> {
        self.open
            .extract_if(.., |queue| Arc::strong_count(queue) == 1)
            .collect()
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} listeners", lock(&self.0.queues).open.len())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
