//! The one task of each run of a child: its start, then its body, then the end of what belongs to it.

use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::child::BodyEnd;
use super::ctx::Ctx;
use super::ending::Ending;
use super::factory::Factory;
use super::mailbox::{News, Up};
use super::panics::{Guarded, catch, contain};
use super::shared::Shared;
use super::start::{BoxFuture, StartError, Started, Starting};
use crate::decisions::ExitReason;

/// One run of a child, from the call of its start function on. All of the child's code runs here, never in its
/// supervisor's task, which so cannot be held up by it.
///
/// What came of the start and the end are told exactly once, whatever happens: also when the child panics, is
/// aborted, or is dropped without ever having run; and only when nothing is left of what came to its end.
pub(super) struct ChildTask {
    step: Step,
    shared: Arc<Shared>,
    /// Whether the body lets others pass before its first step. On one thread it would hold them up later.
    lets_pass: bool,
}

enum Step {
    Begin(Factory, u32),
    Starting(BoxFuture<Result<Started, StartError>>),
    Running(BoxFuture<BodyEnd>),
    Ending(Ending),
    /// Between two of them, after the start or (`up`) the body: seen only if something panicked there.
    Between {
        up: bool,
    },
}

impl ChildTask {
    pub(super) fn new(shared: Arc<Shared>, start: Factory, restarts: u32, lets_pass: bool) -> Self {
        Self {
            step: Step::Begin(start, restarts),
            shared,
            lets_pass,
        }
    }

    /// Calls the start function.
    fn begin(&self, start: &Factory, restarts: u32) -> Starting {
        let Some(start) = start.get() else {
            return Starting::Now(Ok(Started::Ignore));
        };
        let ctx = Ctx {
            shared: Arc::clone(&self.shared),
            restarts,
        };
        catch(|| start.start(ctx)).unwrap_or_else(|panic| Starting::Now(Err(StartError::Failed(panic))))
    }

    /// The start is over: what is next, and whether the child is up.
    fn start_over(&mut self, outcome: Result<Started, StartError>) -> bool {
        let start = mem::replace(&mut self.step, Step::Between { up: false });
        let outcome = match catch(|| drop(start)) {
            Ok(()) => outcome,
            Err(panic) => {
                contain("what a start had come to, when it was dropped,", || {
                    match outcome {
                        // Each for itself: one panic must not meet another.
                        Ok(Started::Running(child, info)) => {
                            drop(info.map(Guarded::new));
                            child.abandon(&self.shared);
                        }
                        Ok(Started::Ignore) | Err(_) => {}
                    }
                });
                Err(StartError::Failed(panic))
            }
        };
        let running = match outcome {
            Ok(Started::Running(child, info)) => {
                let info = info.map(Guarded::new);
                // Asked before anything of it runs: from here on no abort can come in between.
                if self.shared.came_up() {
                    let running = child.run(&self.shared);
                    running.map(|(control, body)| (control, info, body))
                } else {
                    // Told to end meanwhile, which found a start: it counts as one that was aborted.
                    drop(info);
                    contain("a body, when it was dropped,", || child.abandon(&self.shared));
                    Err(StartError::Failed(ExitReason::Killed))
                }
            }
            Ok(Started::Ignore) => {
                self.end(self.news(Ok(Up::Ignored)));
                return false;
            }
            Err(error) => Err(error),
        };
        match running {
            Ok((control, info, body)) => {
                self.step = Step::Running(body);
                self.shared.news.tell(self.news(Ok(Up::Running(control, info))));
                true
            }
            Err(error) => {
                self.end_start(error);
                false
            }
        }
    }

    fn end_start(&mut self, error: StartError) {
        self.end(self.news(Err(error)));
    }

    fn news(&self, outcome: Result<Up, StartError>) -> News {
        News::Started {
            incarnation: self.shared.incarnation,
            outcome,
        }
    }

    /// Drops the body, whose drop may panic, and begins the end.
    fn body_over(&mut self, end: BodyEnd) {
        let body = mem::replace(&mut self.step, Step::Between { up: true });
        let reason = match catch(|| drop(body)) {
            Ok(()) => end.reason(&self.shared),
            Err(panic) => panic,
        };
        let incarnation = self.shared.incarnation;
        self.end(News::Exited { incarnation, reason });
    }

    fn end(&mut self, news: News) {
        self.step = Step::Ending(Ending::new(Arc::clone(&self.shared), news));
    }
}

impl Future for ChildTask {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        loop {
            let outcome = match &mut this.step {
                Step::Begin(start, restarts) => {
                    let (start, restarts) = (start.take(), *restarts);
                    match this.begin(&start, restarts) {
                        Starting::Now(outcome) => outcome,
                        Starting::Later(start) => {
                            this.step = Step::Starting(start);
                            continue;
                        }
                    }
                }
                Step::Starting(start) => match catch(|| start.as_mut().poll(cx)) {
                    Ok(polled) => ready!(polled),
                    Err(panic) => Err(StartError::Failed(panic)),
                },
                Step::Running(body) => {
                    let end = match catch(|| body.as_mut().poll(cx)) {
                        Ok(polled) => ready!(polled),
                        Err(panic) => BodyEnd::from(panic),
                    };
                    this.body_over(end);
                    continue;
                }
                Step::Ending(ending) => return Pin::new(ending).poll(cx),
                Step::Between { .. } => return Poll::Ready(()),
            };
            if this.start_over(outcome) && this.lets_pass {
                // Whoever was woken by the news waits behind this task where no other thread may take it from:
                // the body, which may be long in its first step, lets it pass.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
    }
}

impl Drop for ChildTask {
    fn drop(&mut self) {
        match self.step {
            Step::Begin(..) | Step::Starting(_) => {
                let _: bool = self.start_over(Err(StartError::Failed(ExitReason::Killed)));
            }
            Step::Running(_) => self.body_over(BodyEnd::from(self.shared.aborted_reason())),
            // Goes on by itself.
            Step::Ending(_) => {}
            Step::Between { up: false } => self.end_start(StartError::Failed(panicked())),
            Step::Between { up: true } => self.body_over(BodyEnd::from(panicked())),
        }
    }
}

/// Why a run is over if its own task failed; tokio has the panic.
fn panicked() -> ExitReason {
    ExitReason::Panic("what it left panicked when it was dropped".to_owned())
}

#[cfg(all(test, target_pointer_width = "64"))]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use tokio::sync::mpsc::unbounded_channel;
    use tokio::sync::oneshot;
    use tokio::time::timeout;

    use super::*;
    use crate::decisions::Incarnation;
    use crate::driver::ChildSpec;
    use crate::driver::mailbox::{Message, NewsSink, SupervisorId};

    /// With the 104 bytes that tokio adds these are 256; the next size of a task is 384.
    const ROOM: usize = 152;

    /// A run whose task panicked where nothing was expected to.
    #[tokio::test]
    async fn a_task_that_is_dropped_between_two_steps_tells_what_it_has_not_told_yet() {
        for up in [false, true] {
            let (sender, mut told) = unbounded_channel::<Message<()>>();
            let news = NewsSink::new(sender);
            let shared = Shared::new(SupervisorId::new(), "a".into(), Incarnation::new(1), None, news);
            let spec = ChildSpec::task("a", async |_ctx| ());
            let mut task = ChildTask::new(shared, spec.start, 0, false);
            task.step = Step::Between { up };
            drop(task);
            let Some(Message::News(news)) = told.recv().await else {
                panic!("nothing was told")
            };
            match news {
                News::Started { outcome, .. } => assert!(!up && outcome.is_err()),
                News::Exited { reason, .. } => assert!(up && !reason.is_normal()),
                _ => panic!("something else was told"),
            }
        }
    }

    /// As when a runtime ends over it, and nobody is left who knows how the child is made to end.
    #[tokio::test]
    async fn a_thread_is_told_to_stop_when_the_task_that_waits_for_it_is_dropped() {
        let (tell, told) = oneshot::channel();
        let spec = ChildSpec::thread_once("a", move |_ctx, stop| {
            stop.wait();
            tell.send(()).unwrap();
        });
        let news = NewsSink::new::<()>(unbounded_channel::<Message<()>>().0);
        let shared = Shared::new(SupervisorId::new(), "a".into(), Incarnation::new(1), None, news);
        let mut task = Box::pin(ChildTask::new(shared, spec.start, 0, false));
        let is_pending = poll_fn(|cx| Poll::Ready(task.as_mut().poll(cx).is_pending())).await;
        assert!(is_pending, "the thread runs");
        drop(task);
        timeout(Duration::from_secs(10), told).await.unwrap().unwrap();
    }

    #[test]
    fn the_task_of_a_child_stays_small() {
        let news = NewsSink::new::<()>(unbounded_channel::<Message<()>>().0);
        let shared = Shared::new(SupervisorId::new(), "a".into(), Incarnation::new(1), None, news);
        let spec = ChildSpec::task("a", async |_ctx| ());
        let task = ChildTask::new(Arc::clone(&shared), spec.start, 0, false);
        let size = size_of_val(&shared.scope(task));
        assert!(size <= ROOM, "{size} bytes");
    }
}
