//! Callers of an agent that mean it no good, or are broken: they cost their own connections and nothing else.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::fd::AsFd as _;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::harness::{Cluster, eventually, kill, ordu, ordu_with_input, root_or_skip, skip};
use crate::web::get;

/// What a command may take on a machine that builds something beside.
const PROMPT: Duration = Duration::from_secs(8);

/// As many as this test needs for its own ends of the connections.
fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Nofile, raised).unwrap();
}

/// One node with HTTP, at most so many open files, and the address of its HTTP.
fn cluster(open_files: u32) -> (Cluster, String) {
    raise_open_files();
    let mut cluster = Cluster::empty();
    let node = cluster.add_node();
    let http = format!("{}:7700", node.addr.ip());
    node.with_arg("--http").with_arg(&http);
    let limited = format!("ulimit -n {open_files} && exec \"$0\" \"$@\"");
    node.in_wrapper(["sh", "-c", &limited]);
    cluster.start_all();
    (cluster, http)
}

#[test]
fn idle_connections_to_http_keep_neither_commands_nor_restarts_nor_http_from_working() {
    let (cluster, http) = cluster(1_024);
    let node = &cluster.nodes[0];
    cluster.start_child(node, "web").ok();
    let idle: Vec<TcpStream> = (0..1_100).map(|_| TcpStream::connect(&http).unwrap()).collect();

    node.ordu(["ps"]).ok();
    let before = cluster.copies().one_each(&["web".to_owned()]).unwrap()["web"].pid;
    kill(before, Signal::KILL);
    eventually(PROMPT, "the child is started again", || {
        let copies = cluster.copies().one_each(&["web".to_owned()])?;
        if copies["web"].pid == before {
            Err("it is still the old one".to_owned())
        } else {
            Ok(())
        }
    });
    cluster.start_child(node, "another").ok();
    let mut watcher = TcpStream::connect(&http).unwrap();
    write!(watcher, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = String::new();
    watcher.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer:?}");
    drop(idle);
}

#[test]
fn half_sent_requests_keep_no_other_command_waiting() {
    let (cluster, _) = cluster(4_096);
    let node = &cluster.nodes[0];
    let half: Vec<UnixStream> = (0..300)
        .map(|_| {
            let mut caller = UnixStream::connect(&node.socket).unwrap();
            caller.write_all(b"{\"op\":\"chil").unwrap();
            caller
        })
        .collect();
    let begun = Instant::now();
    node.ordu(["ps"]).ok();
    assert!(begun.elapsed() < PROMPT, "{:?}", begun.elapsed());
    drop(half);
}

#[test]
fn readers_of_output_that_do_not_read_keep_no_other_reader_out() {
    let (cluster, _) = cluster(1_024);
    let node = &cluster.nodes[0];
    let mark = format!("TEST_MARK={}", cluster.mark());
    // More than the system keeps for a reader that does not read.
    let talk = "seq 1 100000; exec sleep 86400";
    node.ordu(["start", "talker", "--env", &mark, "--", "sh", "-c", talk])
        .ok();
    eventually(PROMPT, "it has said all", || {
        let said = node.ordu(["logs", "talker", "--lines", "1"]);
        if said.stdout.trim() == "100000" {
            Ok(())
        } else {
            Err(format!("{said:?}"))
        }
    });

    let stuck: Vec<UnixStream> = (0..300)
        .map(|_| {
            let mut reader = UnixStream::connect(&node.socket).unwrap();
            let request = b"{\"op\":\"logs\",\"id\":\"talker\",\"lines\":null,\"follow\":true}\n";
            reader.write_all(request).unwrap();
            reader
        })
        .collect();
    let said = node.ordu(["logs", "talker", "--lines", "1"]).ok();
    assert_eq!(said.stdout, "100000\n");
    node.ordu(["ps"]).ok();
    drop(stuck);
}

/// A network of its own, with a loopback alone, in which no end of a connection is kept more than a page. Dropping it
/// removes it.
struct Narrow(String);

impl Narrow {
    /// Says why it cannot be had.
    fn new() -> Result<Self, String> {
        let narrow = Self(format!("ordu{}narrow", std::process::id()));
        let name = narrow.0.as_str();
        run("ip", &["netns", "add", name])?;
        run("ip", &["-n", name, "link", "set", "lo", "up"])?;
        let buffers =
            "cd /proc/sys/net/ipv4 && echo 4096 4096 4096 > tcp_rmem && echo 4096 4096 4096 > tcp_wmem";
        run("ip", &["netns", "exec", name, "sh", "-c", buffers])?;
        Ok(narrow)
    }

    /// Does this there, on a thread of its own.
    fn within<T: Send>(&self, what: impl FnOnce() -> T + Send) -> T {
        let place = std::fs::File::open(format!("/run/netns/{}", self.0)).unwrap();
        std::thread::scope(|scope| {
            let there = scope.spawn(move || {
                move_into_link_name_space(place.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
                what()
            });
            there.join().unwrap()
        })
    }
}

impl Drop for Narrow {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.0]).output();
    }
}

fn run(program: &str, args: &[&str]) -> Result<(), String> {
    match Command::new(program).args(args).output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// The connections to port 7700 that an agent still has, by the word of the system.
fn http_connections(agent: u32) -> usize {
    let all = std::fs::read_to_string(format!("/proc/{agent}/net/tcp")).unwrap();
    let is_ours = |line: &&str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        fields[1].ends_with(":1E14") && fields[3] == "01"
    };
    all.lines().skip(1).filter(is_ours).count()
}

#[test]
fn a_reader_of_http_that_does_not_read_costs_its_own_connection_and_that_for_15_seconds() {
    const TEST: &str = "a reader of HTTP that does not read";
    const STATED: Duration = Duration::from_secs(15);
    const HTTP: &str = "127.0.0.1:7700";
    if !root_or_skip(TEST, "only root can make a network with small buffers") {
        return;
    }
    let narrow = match Narrow::new() {
        Ok(narrow) => narrow,
        Err(why) => return skip(TEST, &why),
    };
    let mut cluster = Cluster::empty();
    let node = cluster.add_node();
    node.in_namespace(&narrow.0, "127.0.0.1:7600".parse().unwrap(), Vec::new());
    node.with_arg("--http").with_arg(HTTP);
    cluster.start_all();
    let node = &cluster.nodes[0];
    let child = |number: usize| {
        let mark = cluster.mark();
        format!(
            "[[child]]\nid = \"{number:0>200}\"\ncommand = [\"sleep\", \"86400\"]\nenv = {{ TEST_MARK = \"{mark}\" }}\n"
        )
    };
    let path = cluster.folder.path().join("children.toml");
    std::fs::write(&path, (0..60).map(child).collect::<String>()).unwrap();
    node.ordu(["apply", "--wait", "0s", "-f", path.to_str().unwrap()])
        .ok();
    let ask = || {
        let mut reader = TcpStream::connect(HTTP).unwrap();
        write!(reader, "GET /v1/children HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        reader
    };
    let read = |mut reader: TcpStream| {
        let mut answer = Vec::new();
        // One that was cut off may end with an error.
        let _ = reader.read_to_end(&mut answer);
        answer.len()
    };

    let begun = Instant::now();
    let slow = narrow.within(ask);
    let whole = narrow.within(|| read(ask()));
    node.ordu(["ps"]).ok();
    assert!(
        begun.elapsed() < PROMPT,
        "the others waited for {:?}",
        begun.elapsed()
    );
    assert!(whole > 3 * 4096, "an answer of {whole} bytes fits on the way");
    assert_eq!(http_connections(node.pid()), 1, "the slow one was let go early");

    eventually(
        STATED + PROMPT,
        "the slow one is let go",
        || match http_connections(node.pid()) {
            0 => Ok(()),
            more => Err(format!("{more} connections")),
        },
    );
    assert!(begun.elapsed() >= STATED, "let go after {:?}", begun.elapsed());
    let got = read(slow);
    assert!(got < whole, "it has got all of it: {got} of {whole} bytes");
}

#[test]
fn whoever_is_denied_is_told_so_every_time_and_the_agent_logs_it() {
    const NOBODY: u32 = 65_534;
    if !root_or_skip("denied callers", "only root can call as somebody else") {
        return;
    }
    let mut cluster = Cluster::empty();
    // A program and a socket that anybody can reach, as after a careless chmod.
    let program = cluster.folder.path().join("ordu");
    std::fs::copy(env!("CARGO_BIN_EXE_ordu"), &program).unwrap();
    let folder = cluster.folder.path().join("door");
    std::fs::create_dir(&folder).unwrap();
    std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o700)).unwrap();
    cluster.add_node().socket = folder.join("ordu.sock");
    cluster.start_all();
    let open = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    };
    open(cluster.folder.path(), 0o711);
    open(&folder, 0o711);
    open(&program, 0o755);
    open(&cluster.nodes[0].socket, 0o666);

    let callers: Vec<_> = (0..60)
        .map(|_| {
            let mut command = Command::new(&program);
            command
                .args(["start", "web", "--socket"])
                .arg(&cluster.nodes[0].socket);
            // Long enough that it is still being sent when the answer is there.
            command
                .args(["--", "true", &"x".repeat(100_000)])
                .uid(NOBODY)
                .gid(NOBODY);
            command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::piped());
            command.spawn().unwrap()
        })
        .collect();
    for caller in callers {
        let said = caller.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&said.stderr);
        assert_eq!(said.status.code(), Some(5), "{stderr}");
        assert!(stderr.contains("you are user 65534"), "{stderr}");
    }
    let log = cluster.nodes[0].log();
    let told = log
        .lines()
        .filter(|line| line.contains("a caller was denied"))
        .count();
    assert!((1..=2).contains(&told), "told {told} times:\n{log}");
}

/// Turns the text, hides, is blank, and clears the screen.
const TRICKS: &str = "\u{202e}\u{3164}\u{115f}\u{2800}\u{1b}[2J";

#[test]
fn nothing_that_a_user_gives_reaches_the_terminal_as_anything_but_itself() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (key, nowhere) = (path(&format!("{TRICKS}.key")), path(&format!("no{TRICKS}")));
    let file = path(&format!("{TRICKS}.toml"));
    std::fs::write(
        &file,
        format!(
            "# {TRICKS}\n[[child]] # {TRICKS}\n\"{TRICKS}\" = \"{TRICKS}\"\nid = \"{TRICKS}\" # {TRICKS}\n\
             command = [3]\nenv = {{ \"{TRICKS}=\" = 3, \"{TRICKS}\" = 3 }}\n\
             labels = {{ \"{TRICKS}\" = 3, a = \"{TRICKS}\" }}\nstop_signal = \"{TRICKS}\"\nwithin = \"{TRICKS}\"\n"
        ),
    )
    .unwrap();
    let settings = path("agent.toml");
    let text =
        format!("name = \"{TRICKS}\"\nlisten = \"{TRICKS}\"\nlog = \"{TRICKS}\"\njoin = [\"{TRICKS}\"]\n");
    std::fs::write(&settings, text).unwrap();
    let unclosed = path("unclosed.toml");
    std::fs::write(
        &unclosed,
        format!("a = \"{TRICKS}\n{TRICKS}\n\"{TRICKS}\" = 1 {TRICKS}\n"),
    )
    .unwrap();
    let agent = [
        "agent",
        "--key",
        &nowhere,
        "--name",
        "a",
        "--listen",
        "127.0.0.1:0",
        "--data-dir",
        &nowhere,
    ];
    let with = |more: &[&str]| {
        agent
            .iter()
            .chain(more)
            .map(|word| (*word).to_owned())
            .collect::<Vec<_>>()
    };
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let env = format!("{TRICKS}=\0");
    let option = format!("--{TRICKS}");
    let similar = format!("--timeout{TRICKS}");
    let commands = [
        words(&["keygen", &key]),
        words(&["keygen", &key]),
        words(&["keygen", &path("key"), "--cluster", TRICKS]),
        words(&[TRICKS]),
        words(&["ps", &option]),
        words(&["ps", &similar]),
        words(&["ps", TRICKS]),
        words(&["ps", "--timeout", TRICKS]),
        words(&["ps", "--socket", &nowhere]),
        words(&["ps", "--socket", &nowhere, "--horde", TRICKS]),
        words(&["completions", TRICKS]),
        words(&["start", TRICKS, "--restart", TRICKS, "--", "true"]),
        words(&["start", TRICKS, "--stop-timeout", TRICKS, "--", "true"]),
        words(&["start", TRICKS, "--label", TRICKS, "--", "true"]),
        words(&["start", "a", "--label", &format!("{TRICKS}=1"), "--", "true"]),
        words(&[
            "start",
            "a",
            "--env",
            &env.replace('\0', ""),
            "--max-restarts",
            TRICKS,
            "--",
            "true",
        ]),
        words(&["stop", TRICKS, "--socket", &nowhere]),
        words(&["apply", "-f", &nowhere]),
        words(&["apply", "-f", &file]),
        words(&["apply", "-f", &unclosed]),
        words(&["dev", "-f", &file]),
        words(&["dev", "--nodes", TRICKS]),
        words(&[
            "agent",
            "--config",
            &settings,
            "--data-dir",
            &nowhere,
            "--key",
            &nowhere,
        ]),
        words(&["agent", "--config", &nowhere]),
        with(&["--cluster", TRICKS]),
        with(&["--join", TRICKS]),
        with(&["--http", TRICKS]),
        with(&["--log-max-total", TRICKS]),
        with(&["--record", TRICKS]),
        with(&[]),
    ];
    for command in commands {
        let said = ordu(command.iter().map(String::as_str));
        let is_shown = |c: char| c == '\n' || ordu::is_printable(c);
        assert!(said.code != 0 || command[0] == "keygen", "{command:?}: {said:?}");
        for text in [&said.stdout, &said.stderr] {
            assert!(text.chars().all(is_shown), "{command:?}: {text:?}\n{text}");
        }
        assert!(
            said.stderr.contains("\\u{202e}") || command[0] == "agent",
            "{command:?}: {said:?}"
        );
    }
}

#[test]
fn what_an_agent_hears_and_repeats_reaches_no_terminal_as_anything_but_itself() {
    let mut cluster = Cluster::empty();
    let node = cluster.add_node();
    let http = format!("{}:7700", node.addr.ip());
    node.with_arg("--http").with_arg(&http);
    cluster.start_all();
    let node = &cluster.nodes[0];
    let socket = node.socket.to_str().unwrap();

    let command = ["sh", "-c", TRICKS];
    node.ordu(
        ["start", "a", "--cwd", "/", "--env", TRICKS_VARIABLE, "--"]
            .into_iter()
            .chain(command),
    );
    let input = format!(
        "[[child]]\nid = \"b\"\ncommand = [\"/no{}\"]\n",
        TRICKS.replace('\u{1b}', "\\u001b")
    );
    let said = [
        node.ordu(["show", "a"]),
        node.ordu(["show", TRICKS]),
        node.ordu(["logs", TRICKS]),
        node.ordu(["stop", TRICKS, "b"]),
        node.ordu(["rm", "--force", TRICKS]),
        node.ordu(["ps", "--horde", TRICKS]),
        node.ordu(["start", TRICKS, "--", "true"]),
        node.ordu(["start", "b", "--node", TRICKS, "--", "true"]),
        node.ordu(["start", "b", "--stop-signal", TRICKS, "--", "true"]),
        node.ordu(["start", "b", "--", &format!("/no{TRICKS}")]),
        ordu_with_input(["apply", "--socket", socket, "-f", "-"], &input),
    ];

    let is_shown = |c: char| c == '\n' || ordu::is_printable(c);
    for said in said {
        for text in [&said.stdout, &said.stderr] {
            assert!(text.chars().all(is_shown), "{said:?}");
        }
    }
    let target: Vec<String> = TRICKS.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let target = target.concat();
    for path in [
        format!("/v1/children/{target}"),
        format!("/v1/children?{target}=1"),
        format!("/v1/children?horde={target}"),
    ] {
        let (status, text) = get(&http, &path, "localhost");
        assert!(
            status >= 400 && text.chars().all(is_shown),
            "{path}: {status} {text:?}"
        );
    }
    let log = node.log();
    assert!(log.chars().all(is_shown), "{log:?}");
}

/// For the environment of a child.
const TRICKS_VARIABLE: &str = "A\u{202e}\u{3164}=\u{202e}";
