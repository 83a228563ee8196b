//! What the log says: every line names the supervisor and the child it is about.

use std::io;
use std::sync::{Arc, Mutex};

use ordu_supervisor::{Child, ChildSpec, DynamicSupervisor, ExitReason, Restart, StartError, Supervisor};
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
        line.ends_with(r#" child=worker incarnation=1 reason="error: boom""#),
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
        line.contains(r#" child="a\n2026 ERROR forged\u{1b}[2J" incarnation=1"#),
        "{line}"
    );
    assert_eq!(path_in(&line), "");
    supervisor.stop().await.unwrap();
}

/// What somebody would like to be read as something else.
const FORGED: [&str; 4] = [
    "x\n2026-11-28T00:00:00Z ERROR ordu_supervisor: FORGED supervisor=#0",
    "db incarnation=7 reason=normal supervisor=#9/FORGED",
    "a\" child=\"FORGED",
    "FORGED\r\u{1b}[2J\u{202e}\u{200b}\u{feff}\u{ad}\u{61c}\\",
];

/// Whether a line has no field and no character but those that it should.
fn is_honest(line: &str) -> bool {
    let mut quoted = false;
    let mut escaped = false;
    let mut outside = String::new();
    for character in line.chars() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if !quoted => outside.push(character),
            _ => {}
        }
    }
    !quoted && !outside.contains("FORGED") && line.chars().all(|character| matches!(character, ' '..='~'))
}

#[tokio::test]
async fn no_text_that_a_child_brings_makes_a_line_say_something_else() {
    for text in FORGED {
        let log = Log::default();
        let _listening = log.listen();
        let inner = move || {
            let fails = ChildSpec::task(text, move |_ctx| async move { Err::<(), _>(text) });
            let panics = ChildSpec::task("panics", move |_ctx| async move {
                std::panic::panic_any(text.to_owned())
            });
            let says = ChildSpec::task("says", move |_ctx| async move { ExitReason::shutdown_with(text) });
            let deaf = ChildSpec::thread("deaf", move |_ctx, stop| {
                stop.wait();
                Err::<(), _>(text)
            });
            let children = [fails, panics].map(|spec| spec.restart(Restart::Temporary));
            Supervisor::builder().children(children).child(says).child(deaf)
        };
        let nested = ChildSpec::supervisor(text, inner);
        let supervisor = Supervisor::builder().child(nested).start().await.unwrap();
        supervisor.exited().await;
        let cannot = ChildSpec::new(text, move |_ctx| async move {
            Err::<Child, _>(StartError::failed(text))
        });
        let outer = ChildSpec::supervisor(text, move || Supervisor::builder().child(cannot.clone()));
        let error = Supervisor::builder().child(outer).start().await.unwrap_err();
        assert!(is_plain(&error.to_string()), "{error}");
        let written = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert!(written.lines().count() >= 8, "{written}");
        for line in written.lines().filter(|line| !line.contains("task.name")) {
            assert!(is_honest(line), "{line}");
        }
    }
}

/// Whether it is one line of what can be seen.
fn is_plain(text: &str) -> bool {
    text.chars().all(|character| matches!(character, ' '..='~'))
}

#[tokio::test]
async fn what_is_said_of_errors_is_one_line() {
    for text in FORGED {
        let supervisor = DynamicSupervisor::builder().start().unwrap();
        let fails = ChildSpec::new(text, move |_ctx| async move {
            Err::<Child, _>(StartError::failed(text))
        });
        let error = supervisor.start_child(fails.clone()).await.unwrap_err();
        assert!(is_plain(&error.to_string()), "{error}");
        let runs = ChildSpec::task(text, async |_ctx| std::future::pending::<()>().await);
        let started = supervisor.start_child(runs).await.unwrap();
        let child = started.child().unwrap();
        assert!(is_plain(&child.to_string()), "{child}");
        let (job, result) = ChildSpec::job("job", move |_ctx| async move { Err::<(), _>(text) });
        supervisor.start_child(job).await.unwrap();
        assert!(result.await.is_err());
        supervisor.stop_with(ExitReason::error(text), None).await.unwrap();
        let exit = supervisor.exited().await;
        assert!(is_plain(&exit.to_string()), "{exit}");
        let twins = [fails.clone(), fails];
        let error = Supervisor::builder().children(twins).start().await.unwrap_err();
        assert!(is_plain(&error.to_string()), "{error}");
    }
}

#[tokio::test]
async fn lines_are_logged_under_the_name_of_this_crate() {
    let log = Log::default();
    let _listening = log.listen();
    let supervisor = DynamicSupervisor::builder().start().unwrap();
    supervisor.start_child(Stage::new().actor("a")).await.unwrap();
    let line = log.line(["child started"]).await;
    assert!(line.contains(" DEBUG ordu_supervisor: child started "), "{line}");
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
    assert!(line.contains(r#"reason="panic: dropped""#), "{line}");
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
