//! What a child is started with, and how a failed start is reported.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;

use ordu_supervisor::process::{Output, ProcessExit, SpawnError, SpawnRequest, environment};
use tokio::io::AsyncReadExt;

use crate::scene::{Scene, children_of, control_group_directory, look, open_descriptors, skip, until};

crate::tests![
    output_and_exit_code_arrive,
    merged_output_comes_through_one_pipe_in_order,
    a_missing_program_is_reported_as_the_system_says_and_leaves_nothing,
    a_missing_working_directory_is_told_from_a_missing_program,
    a_file_that_is_not_executable_is_reported,
    requests_that_make_no_sense_are_refused,
    an_incarnation_that_runs_is_not_started_twice,
    a_child_has_only_its_own_descriptors,
    a_child_has_exactly_the_environment_it_was_given,
    a_child_leads_its_own_group_and_starts_in_its_directory,
    a_child_has_default_signals_and_no_new_privileges,
    a_child_may_gain_privileges_where_that_is_allowed,
    a_program_that_cannot_be_run_leaves_no_control_group_behind,
    the_limit_of_open_files_is_the_one_asked_for,
    a_large_environment_arrives_whole,
    a_keeper_has_no_descriptors_of_its_agent,
];

async fn output_of(scene: &mut Scene, request: SpawnRequest) -> String {
    let incarnation = request.incarnation;
    let mut request = request;
    request.output = Output::Merged;
    let mut process = scene.keeper.spawn(request).await.unwrap();
    let mut text = String::new();
    process
        .stdout
        .as_mut()
        .unwrap()
        .read_to_string(&mut text)
        .await
        .unwrap();
    assert_eq!(scene.exit_of(incarnation).await, ProcessExit::Code(0), "{text}");
    text
}

async fn output_and_exit_code_arrive(mut scene: Scene) {
    let mut request = scene.script(1, "echo out; echo err >&2; exit 7");
    request.output = Output::Separate;

    let process = scene.keeper.spawn(request).await.unwrap();

    let (mut out, mut err) = (String::new(), String::new());
    process.stdout.unwrap().read_to_string(&mut out).await.unwrap();
    process.stderr.unwrap().read_to_string(&mut err).await.unwrap();
    assert_eq!((out.as_str(), err.as_str()), ("out\n", "err\n"));
    assert_eq!(scene.exit_of(1).await, ProcessExit::Code(7));
}

async fn merged_output_comes_through_one_pipe_in_order(mut scene: Scene) {
    let request = scene.script(1, "for i in 1 2 3; do echo $i; echo e$i >&2; done");

    assert_eq!(output_of(&mut scene, request).await, "1\ne1\n2\ne2\n3\ne3\n");
}

async fn a_missing_program_is_reported_as_the_system_says_and_leaves_nothing(scene: Scene) {
    for program in ["no-such-program", "/no/such/program", "./no-such-program"] {
        let error = scene
            .keeper
            .spawn(SpawnRequest::new(1, [program]))
            .await
            .unwrap_err();

        assert!(matches!(&error, SpawnError::Program { .. }), "{error:?}");
        assert_eq!(error.os_error().unwrap().kind(), ErrorKind::NotFound, "{program}");
        assert!(error.to_string().contains("No such file or directory"), "{error}");
    }
    assert_eq!(children_of(scene.keeper.pid()), []);
}

async fn a_missing_working_directory_is_told_from_a_missing_program(scene: Scene) {
    let mut request = scene.script(1, "exit 0");
    request.cwd = Some("/no/such/directory".into());
    let error = scene.keeper.spawn(request.clone()).await.unwrap_err();
    assert!(matches!(&error, SpawnError::WorkingDirectory { .. }), "{error:?}");
    assert_eq!(error.os_error().unwrap().kind(), ErrorKind::NotFound);

    request.cwd = Some("/etc/passwd".into());
    let error = scene.keeper.spawn(request).await.unwrap_err();
    assert!(matches!(&error, SpawnError::WorkingDirectory { .. }), "{error:?}");
    assert_eq!(error.os_error().unwrap().kind(), ErrorKind::NotADirectory);
    assert_eq!(children_of(scene.keeper.pid()), []);
}

async fn a_file_that_is_not_executable_is_reported(scene: Scene) {
    let error = scene
        .keeper
        .spawn(SpawnRequest::new(1, ["/etc/passwd"]))
        .await
        .unwrap_err();

    assert_eq!(error.os_error().unwrap().kind(), ErrorKind::PermissionDenied);
}

async fn requests_that_make_no_sense_are_refused(scene: Scene) {
    let nothing = SpawnRequest::new::<&str>(1, []);
    let nul = SpawnRequest::new(1, ["echo", "a\0b"]);
    let mut misnamed = SpawnRequest::new(1, ["echo"]);
    misnamed.env.push(("A=B".into(), "c".into()));

    for request in [nothing, nul, misnamed] {
        let error = scene.keeper.spawn(request).await.unwrap_err();
        assert!(matches!(error, SpawnError::Invalid(_)), "{error:?}");
    }
}

async fn an_incarnation_that_runs_is_not_started_twice(mut scene: Scene) {
    scene.start(1, "exec sleep 100").await;

    let error = scene.keeper.spawn(scene.script(1, "exit 0")).await.unwrap_err();
    assert!(matches!(error, SpawnError::AlreadyRuns(1)), "{error:?}");

    scene.keeper.kill(1).unwrap();
    scene.exit_of(1).await;
    scene.start(1, "exit 0").await;
    assert_eq!(scene.exit_of(1).await, ProcessExit::Code(0));
}

async fn a_child_has_only_its_own_descriptors(scene: Scene) {
    // Descriptors that this process and other children have open meanwhile must not leak in.
    let mut other = scene.script(1, "exec sleep 100");
    other.output = Output::Separate;
    let _other = scene.keeper.spawn(other).await.unwrap();
    let _file = fs::File::open("/etc/passwd").unwrap();

    let mut request = SpawnRequest::new(2, ["sleep", "100"]);
    request.output = Output::Merged;
    let process = scene.keeper.spawn(request).await.unwrap();

    // While its program is loaded, the loader has libraries open.
    let own = |found: &BTreeMap<u32, String>| found.keys().copied().eq([0, 1, 2]);
    let found = until("it has three descriptors", || {
        let found = descriptors(process.pid);
        own(&found).then_some(found)
    })
    .await;
    assert_eq!(found[&0], "/dev/null");
    assert!(
        found[&1].starts_with("pipe:") && found[&1] == found[&2],
        "{found:?}"
    );
}

fn descriptors(pid: u32) -> BTreeMap<u32, String> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    // One may be closed meanwhile.
    let open = paths.filter_map(|path| Some((fs::read_link(&path).ok()?, path)));
    open.map(|(target, path)| {
        let number = path.file_name().unwrap().to_str().unwrap().parse().unwrap();
        (number, target.into_os_string().into_string().unwrap())
    })
    .collect()
}

const FORGED: &str = "00000000000000000000000000000000.00000000000000000000000000000000";

async fn a_child_has_exactly_the_environment_it_was_given(mut scene: Scene) {
    let mut request = SpawnRequest::new(1, ["/usr/bin/env"]);
    request.env = environment([("COLOUR", "green"), ("ORDU_MARK", FORGED)], [("ORDU_ID", "web")]);

    let printed = output_of(&mut scene, request).await;

    let path = std::env::var("PATH").unwrap();
    let mut lines: Vec<&str> = printed.lines().collect();
    lines.sort_unstable();
    let mark = lines.remove(2);
    assert_eq!(lines, ["COLOUR=green", "ORDU_ID=web", &format!("PATH={path}")]);
    let mark = mark.strip_prefix("ORDU_MARK=").unwrap();
    assert!(mark.len() == 65 && mark != FORGED, "{mark}");
}

async fn a_child_leads_its_own_group_and_starts_in_its_directory(mut scene: Scene) {
    let process = scene.start(1, "pwd > here; exec sleep 100").await;
    let here = until("the directory", || {
        fs::read_to_string(scene.path("here"))
            .ok()
            .filter(|text| text.ends_with('\n'))
    });

    let expected = fs::canonicalize(scene.path("")).unwrap();
    assert_eq!(fs::canonicalize(here.await.trim()).unwrap(), expected);
    let (_, parent, group) = look(process.pid).unwrap();
    assert_eq!((parent, group), (scene.keeper.pid(), process.pid));
    scene.keeper.kill(1).unwrap();
    scene.exit_of(1).await;
}

async fn a_child_has_default_signals_and_no_new_privileges(mut scene: Scene) {
    let request = SpawnRequest::new(1, ["cat", "/proc/self/status"]);

    let status = output_of(&mut scene, request).await;

    let field = |name: &str| {
        status
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .unwrap()
            .trim()
    };
    // The C library keeps 32 and 33 to itself and ignores them in what it spawns, such as the keeper.
    let of_the_library = 0b11 << 31;
    for set in ["SigBlk:", "SigIgn:", "SigCgt:", "SigPnd:", "ShdPnd:"] {
        let signals = u64::from_str_radix(field(set), 16).unwrap();
        assert_eq!(signals & !of_the_library, 0, "{set} {signals:x}");
    }
    assert_eq!(field("NoNewPrivs:"), "1");
}

async fn a_child_may_gain_privileges_where_that_is_allowed(mut scene: Scene) {
    let own = fs::read_to_string("/proc/self/status").unwrap();
    if !own.lines().any(|line| line == "NoNewPrivs:\t0") {
        let test = "a_child_may_gain_privileges_where_that_is_allowed";
        return skip(test, "this process may gain none itself");
    }
    let mut request = SpawnRequest::new(1, ["grep", "NoNewPrivs", "/proc/self/status"]);
    request.allow_new_privileges = true;

    assert_eq!(output_of(&mut scene, request).await, "NoNewPrivs:\t0\n");
}

async fn a_program_that_cannot_be_run_leaves_no_control_group_behind(scene: Scene) {
    let process = scene.start(1, "exec sleep 100").await;
    if !process.in_control_group {
        let test = "a_program_that_cannot_be_run_leaves_no_control_group_behind";
        return skip(test, "no cgroup v2 that this user may make groups in");
    }
    let group = control_group_directory(process.pid);
    let groups = || {
        fs::read_dir(group.parent().unwrap())
            .unwrap()
            .flatten()
            .filter(|entry| entry.path().is_dir())
            .count()
    };
    assert_eq!(groups(), 1);

    scene
        .keeper
        .spawn(SpawnRequest::new(2, ["/no/such/program"]))
        .await
        .unwrap_err();

    assert_eq!(groups(), 1);
}

async fn the_limit_of_open_files_is_the_one_asked_for(mut scene: Scene) {
    let mut request = scene.script(1, "ulimit -S -n");
    request.open_files = Some(77);
    assert_eq!(output_of(&mut scene, request).await, "77\n");

    let own = fs::read_to_string("/proc/self/limits").unwrap();
    let own = own
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))
        .unwrap();
    let request = scene.script(2, "ulimit -S -n");
    let unchanged = output_of(&mut scene, request).await;
    assert_eq!(unchanged.trim(), own.split_ascii_whitespace().next().unwrap());
}

async fn a_large_environment_arrives_whole(mut scene: Scene) {
    let mut request = scene.script(1, "echo ${#V1} ${#V15}; echo \"$V7\" | head -c 3");
    for number in 0..16 {
        request
            .env
            .push((format!("V{number}").into(), "v".repeat(100_000).into()));
    }

    assert_eq!(output_of(&mut scene, request).await, "100000 100000\nvvv");

    let mut request = scene.script(2, "exit 0");
    request.env.push(("V".into(), "v".repeat(1_000_000).into()));
    let error = scene.keeper.spawn(request).await.unwrap_err();
    assert_eq!(error.os_error().unwrap().kind(), ErrorKind::ArgumentListTooLong);
}

async fn a_keeper_has_no_descriptors_of_its_agent(scene: Scene) {
    // /dev/null three times or the test's standard error, the socket, two ends of a pipe, the timer, and
    // /dev/null once more to give to children.
    assert_eq!(open_descriptors(scene.keeper.pid()), 8);
}
