//! Operating-system processes under a supervisor. Real processes, so a `main` of its own that begins with the
//! keeper.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_types
)]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed, Trial};
use ordu_supervisor::process::{KeeperConfig, keeper};
use ordu_supervisor::{
    ChildState, DynamicSupervisor, Event, EventStream, ExitReason, ProcessCommand, Processes, Report,
    Restart, Shutdown, StartChildError, Supervisor, SupervisorHandle,
};

fn main() {
    keeper::init();
    let tests = vec![
        trial("a_process_that_fails_is_restarted_with_its_exit_code_told", fails),
        trial(
            "a_process_that_ignores_its_stop_signal_is_killed_after_its_timeout",
            stubborn,
        ),
        trial("a_process_that_obeys_counts_as_shut_down", obeys),
        trial("a_program_that_does_not_exist_is_a_failed_start", missing),
        trial("the_output_of_a_process_is_read_to_its_end", output),
        trial(
            "hundreds_of_short_lived_processes_leave_no_descriptor_behind",
            short_lived,
        ),
        trial(
            "a_killed_keeper_is_replaced_and_its_processes_restarted",
            lost_keeper,
        ),
        trial(
            "a_start_under_way_when_the_keeper_hangs_is_made_by_the_next_keeper",
            start_of_a_hung_keeper,
        ),
        trial("dropping_everything_ends_the_processes", dropped),
        trial(
            "the_process_of_a_start_that_is_cut_short_is_gone_before_that_start_is_over",
            cut_short,
        ),
    ];
    libtest_mimic::run(&Arguments::from_args(), tests).exit();
}

fn trial<F>(name: &str, test: fn(Processes) -> F) -> Trial
where
    F: Future<Output = ()> + 'static,
{
    Trial::test(name, move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let processes = Processes::start(KeeperConfig::default()).await?;
            tokio::time::timeout(Duration::from_mins(1), test(processes)).await?;
            Ok::<_, Failed>(())
        })
    })
}

fn shell(script: &str) -> ProcessCommand {
    ProcessCommand::new(["sh", "-c", script])
}

async fn next_report(events: &mut EventStream) -> Report<ordu_supervisor::ChildId> {
    loop {
        match events.next().await {
            Some(Event::Report(Report::Progress(_))) => {}
            Some(Event::Report(report)) => return report,
            Some(_) => {}
            None => panic!("the supervisor ended"),
        }
    }
}

async fn fails(processes: Processes) {
    let spec = processes.child("a", shell("read line; exit 7").env("UNUSED", "1"));
    let supervisor = Supervisor::builder()
        .intensity(1000, Duration::from_mins(1))
        .start()
        .await
        .unwrap();
    let mut events = supervisor.subscribe();
    supervisor.start_child(spec).await.unwrap();
    assert_eq!(
        next_report(&mut events).await.reason(),
        Some(&ExitReason::ExitCode(7))
    );
    while supervisor.which_children().await.unwrap()[0].restarts < 2 {
        next_report(&mut events).await;
    }
    supervisor.stop().await.unwrap();
}

/// Starts the child and waits until it has said that it is up.
async fn up(supervisor: &SupervisorHandle, processes: &Processes, script: &str, limit: Shutdown) {
    let (sender, mut said) = tokio::sync::mpsc::unbounded_channel();
    let command = shell(script).on_output(move |_| {
        let _ = sender.send(());
    });
    supervisor
        .start_child(processes.child("a", command).shutdown(limit))
        .await
        .unwrap();
    said.recv().await.unwrap();
}

async fn stubborn(processes: Processes) {
    let supervisor = Supervisor::builder().start().await.unwrap();
    let limit = Shutdown::Timeout(Duration::from_millis(200));
    up(
        &supervisor,
        &processes,
        "trap '' TERM; echo up; while :; do sleep 1; done",
        limit,
    )
    .await;
    let mut events = supervisor.subscribe();
    let before = Instant::now();
    supervisor.terminate_child("a").await.unwrap();
    assert!(before.elapsed() >= Duration::from_millis(200));
    assert!(matches!(
        next_report(&mut events).await,
        Report::ShutdownError(_, ExitReason::Killed)
    ));
}

async fn obeys(processes: Processes) {
    let supervisor = Supervisor::builder().start().await.unwrap();
    let mut events = supervisor.subscribe();
    up(
        &supervisor,
        &processes,
        "echo up; exec sleep 1000",
        Shutdown::Infinity,
    )
    .await;
    supervisor.terminate_child("a").await.unwrap();
    supervisor.stop().await.unwrap();
    while let Some(event) = events.next().await {
        assert!(
            !matches!(event, Event::Report(Report::ShutdownError(..))),
            "{event:?}"
        );
    }
}

async fn missing(processes: Processes) {
    let supervisor = Supervisor::builder().start().await.unwrap();
    let spec = processes.child("a", ProcessCommand::new(["/no/such/program"]));
    let error = supervisor.start_child(spec).await.unwrap_err();
    assert!(
        matches!(&error, StartChildError::Failed(ExitReason::Error(text)) if text.contains("/no/such/program"))
    );
    assert_eq!(supervisor.count_children().await.unwrap().specs, 0);
}

async fn output(processes: Processes) {
    let read = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&read);
    let command = shell("head -c 1000000 /dev/zero; head -c 1000000 /dev/zero >&2")
        .on_output(move |bytes| *counted.lock().unwrap() += bytes.len());
    let supervisor = Supervisor::builder().start().await.unwrap();
    supervisor
        .start_child(processes.child("a", command).restart(Restart::Temporary))
        .await
        .unwrap();
    while *read.lock().unwrap() < 2_000_000 {
        tokio::task::yield_now().await;
    }
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

async fn short_lived(processes: Processes) {
    let supervisor = Supervisor::builder().start().await.unwrap();
    let before = descriptors();
    for number in 0..300 {
        let spec = processes
            .child(number.to_string(), ProcessCommand::new(["true"]))
            .restart(Restart::Temporary);
        supervisor.start_child(spec).await.unwrap();
    }
    while supervisor.count_children().await.unwrap().specs > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Other tests of this program start keepers at the same time.
    let deadline = Instant::now() + Duration::from_secs(20);
    while descriptors() > before + 50 && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(descriptors() <= before + 50);
}

async fn lost_keeper(processes: Processes) {
    let supervisor = Supervisor::builder()
        .intensity(10, Duration::from_mins(1))
        .start()
        .await
        .unwrap();
    let (sender, mut said) = tokio::sync::mpsc::unbounded_channel();
    // The child's parent is the keeper.
    let command = shell("echo $PPID; exec sleep 1000").on_output(move |bytes| {
        drop(sender.send(String::from_utf8_lossy(bytes).trim().to_owned()));
    });
    supervisor
        .start_child(processes.child("a", command))
        .await
        .unwrap();
    let keeper = said.recv().await.unwrap();
    signal("-KILL", &keeper);
    let next = said.recv().await.unwrap();
    assert_ne!(next, keeper);
    let children = supervisor.which_children().await.unwrap();
    assert!(matches!(children[0].state, ChildState::Running(_)));
    supervisor.stop().await.unwrap();
}

async fn start_of_a_hung_keeper(processes: Processes) {
    let supervisor = Supervisor::builder()
        .intensity(0, Duration::from_mins(1))
        .start()
        .await
        .unwrap();
    let (sender, mut said) = tokio::sync::mpsc::unbounded_channel();
    let command = |id: &str| {
        let sender = sender.clone();
        let command = shell("echo $PPID; exec sleep 1000").on_output(move |bytes| {
            drop(sender.send(String::from_utf8_lossy(bytes).trim().to_owned()));
        });
        processes.child(id, command).restart(Restart::Temporary)
    };
    supervisor.start_child(command("a")).await.unwrap();
    let keeper = said.recv().await.unwrap();
    signal("-STOP", &keeper);

    supervisor.start_child(command("b")).await.unwrap();

    assert_ne!(said.recv().await.unwrap(), keeper);
    let children = supervisor.which_children().await.unwrap();
    assert_eq!(children.len(), 1, "{children:?}");
    assert!(matches!(children[0].state, ChildState::Running(_)));
    supervisor.stop().await.unwrap();
}

fn signal(name: &str, pid: &str) {
    let status = std::process::Command::new("kill").args([name, pid]).status();
    assert!(status.unwrap().success(), "kill {name} {pid}");
}

async fn dropped(processes: Processes) {
    let supervisor = Supervisor::builder().start().await.unwrap();
    let (sender, mut said) = tokio::sync::mpsc::unbounded_channel();
    let command = shell("echo $$; exec sleep 1000").on_output(move |bytes| {
        drop(sender.send(String::from_utf8_lossy(bytes).trim().to_owned()));
    });
    supervisor
        .start_child(processes.child("a", command))
        .await
        .unwrap();
    drop(processes);
    let pid = said.recv().await.unwrap();
    supervisor.kill();
    supervisor.exited().await;
    while std::fs::exists(format!("/proc/{pid}")).unwrap() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The processes that were started with this argument.
fn running_with(argument: &str) -> usize {
    let directory = std::fs::read_dir("/proc").unwrap();
    let commands = directory
        .flatten()
        .filter_map(|entry| std::fs::read_to_string(entry.path().join("cmdline")).ok());
    commands
        .filter(|command| command.split('\0').any(|word| word == argument))
        .count()
}

async fn cut_short(processes: Processes) {
    // Longer each time, so that starts are cut short at every step of their way.
    for step in 0..60 {
        let supervisor = DynamicSupervisor::builder().start().unwrap();
        let command = ProcessCommand::new(["sleep", "98765.375"]);
        let starts: Vec<_> = (0..5)
            .map(|number| supervisor.start_child(processes.child(number.to_string(), command.clone())))
            .collect();
        let until = Instant::now() + Duration::from_micros(step * 100);
        while Instant::now() < until {
            tokio::task::yield_now().await;
        }
        supervisor.kill();
        assert_eq!(supervisor.exited().await.zombies, []);
        assert_eq!(running_with("98765.375"), 0, "after {step} steps");
        drop(starts);
    }
}
