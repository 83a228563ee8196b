//! What the log says: every line names the supervisor and the child it is about.

use std::io;
use std::sync::{Arc, Mutex};

use ordu_supervisor::{ChildSpec, DynamicSupervisor, ExitReason, Restart, Supervisor};
use tracing::Level;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::util::SubscriberInitExt;

use crate::support::{Stage, boom};

/// What is logged in this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// The only line with all these words, once there is one.
    async fn line<const N: usize>(&self, words: [&str; N]) -> String {
        loop {
            let written = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
            let mut lines = written
                .lines()
                .filter(|line| words.iter().all(|words| line.contains(words)));
            if let Some(line) = lines.next() {
                assert_eq!(lines.next(), None, "one line is enough");
                return line.to_owned();
            }
            tokio::task::yield_now().await;
        }
    }

    /// Until what is given back is dropped. New spans are written as lines, too.
    fn listen(&self) -> DefaultGuard {
        tracing_subscriber::fmt()
            .with_ansi(false)
            .with_max_level(Level::TRACE)
            .with_span_events(FmtSpan::NEW)
            .with_writer(self.clone())
            .finish()
            .set_default()
    }
}

impl io::Write for Log {
    fn write(&mut self, written: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(written);
        Ok(written.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// The path of a supervisor after the number of the root.
fn path_in(line: &str) -> &str {
    let (_, path) = line.split_once("supervisor=#").expect("no supervisor");
    let path = path.split(' ').next().unwrap();
    path.trim_start_matches(|character: char| character.is_ascii_digit())
}

#[tokio::test]
async fn the_crash_of_a_nested_child_is_logged_with_the_path_of_its_supervisor() {
    let log = Log::default();
    let _listening = log.listen();
    let stage = Stage::new();
    let worker = stage.actor("worker");
    let pool = ChildSpec::supervisor("pool", move || Supervisor::builder().child(worker.clone()));
    let app = ChildSpec::supervisor("app", move || Supervisor::builder().child(pool.clone()));
    let supervisor = Supervisor::builder().child(app).start().await.unwrap();
    stage.end("worker", boom());
    let line = log.line(["child failed"]).await;
    assert_eq!(path_in(&line), "/app/pool", "{line}");
    assert!(
        line.contains(" child=worker incarnation=1 reason=error: boom"),
        "{line}"
    );
    supervisor.stop().await.unwrap();
}

#[tokio::test]
async fn a_name_with_control_characters_is_logged_in_one_line() {
    let log = Log::default();
    let _listening = log.listen();
    let supervisor = DynamicSupervisor::builder().start().unwrap();
    let child = ChildSpec::task("a\n2026 ERROR forged\u{1b}[2J", async |_ctx| boom());
    let temporary = child.restart(Restart::Temporary);
    supervisor.start_child(temporary).await.unwrap();
    let line = log.line(["child failed"]).await;
    assert!(
        line.contains(r" child=a\n2026 ERROR forged\u{1b}[2J incarnation=1"),
        "{line}"
    );
    assert_eq!(path_in(&line), "");
    supervisor.stop().await.unwrap();
}

/// Panics when it is dropped.
struct Boom;

impl Drop for Boom {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

#[tokio::test]
async fn a_panic_that_was_contained_is_logged_with_whom_it_came_from() {
    let log = Log::default();
    let _listening = log.listen();
    let supervisor = DynamicSupervisor::builder().start().unwrap();
    let captured = Boom;
    let child = ChildSpec::task("child", move |_ctx| {
        let _ = &captured;
        async { ExitReason::Normal }
    });
    supervisor
        .start_child(child.restart(Restart::Temporary))
        .await
        .unwrap();
    let line = log.line(["what a start function captured"]).await;
    assert_eq!(path_in(&line), "", "{line}");
    assert!(line.contains("reason=panic: dropped"), "{line}");
    supervisor.stop().await.unwrap();
}

#[cfg(tokio_unstable)]
#[tokio::test]
async fn tasks_bear_names_that_say_where_in_the_tree_they_are() {
    let log = Log::default();
    let _listening = log.listen();
    let worker = ChildSpec::trapping("worker", async |ctx| {
        ctx.spawn(std::future::pending());
        ctx.stopped().await;
    });
    let app = ChildSpec::supervisor("app", move || Supervisor::builder().child(worker.clone()));
    let supervisor = Supervisor::builder().child(app).start().await.unwrap();
    let spawned = "}: tokio::task: new";
    let line = log.line(["task.name=helper of ", spawned]).await;
    let (_, path) = line.split_once("task.name=helper of ").expect("no name");
    let root = path.split('/').next().unwrap();
    for name in [
        "supervisor ROOT",
        "child ROOT/app",
        "supervisor ROOT/app",
        "child ROOT/app/worker",
        "helper of ROOT/app/worker",
    ] {
        let name = name.replace("ROOT", root);
        log.line([&format!("task.name={name} "), spawned]).await;
    }
    supervisor.stop().await.unwrap();
}
