//! Wakers that do not panic.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use super::panics::{contain, contain_of};
use super::shared::Shared;

/// Waits for what many may wait for. Tokio wakes them one after the other: a waker that panics, as one of an executor of
/// the user's own may, would end whoever does the waking, and leave the others asleep.
///
/// With the child whose waker it is, if it is one's.
pub(super) async fn shielded<F: Future>(future: F, child: Option<&Arc<Shared>>) -> F::Output {
    let mut future = pin!(future);
    let mut shield: Option<Arc<Shield>> = None;
    poll_fn(move |cx| {
        let shield = match &mut shield {
            Some(shield) if shield.waker.will_wake(cx.waker()) => shield,
            other => other.insert(Arc::new(Shield {
                waker: cx.waker().clone(),
                child: child.cloned(),
            })),
        };
        let waker = Waker::from(Arc::clone(shield));
        future.as_mut().poll(&mut Context::from_waker(&waker))
    })
    .await
}

struct Shield {
    waker: Waker,
    child: Option<Arc<Shared>>,
}

impl Wake for Shield {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        match &self.child {
            Some(child) => contain_of(child, "a waker in a child", || self.waker.wake_by_ref()),
            None => contain("a waker", || self.waker.wake_by_ref()),
        }
    }
}
