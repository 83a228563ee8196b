use std::path::Path;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::ChildFile;
use crate::apply::Undone;
use crate::apply::problem::{FileProblems, Lines, Problem};
use crate::control::{Restart, StopTimeout};
use crate::failure::Wrong;

fn parse(text: &str) -> Result<ChildFile, Vec<Problem>> {
    ChildFile::parse(text, Path::new("/srv/app"))
}

/// Each problem as `line: message; expected …`, in the order of the file.
fn problems(text: &str) -> Vec<String> {
    let mut problems = parse(text).unwrap_err();
    problems.sort_by_key(|problem| problem.at.start);
    let lines = Lines::of(text);
    problems
        .iter()
        .map(|p| {
            format!(
                "{}: {}; expected {}",
                lines.number(p.at.start),
                p.message,
                p.expected
            )
        })
        .collect()
}

#[test]
fn a_child_needs_no_more_than_an_id_and_a_command() {
    let file = parse("[[child]]\nid = \"a\"\ncommand = [\"sleep\", \"1\"]\n").unwrap();
    let child = &file.children[0];
    assert_eq!((child.id.as_str(), child.definition.command.len()), ("a", 2));
    assert_eq!(child.definition.restart, Restart::Permanent);
    assert_eq!(child.definition.cwd, "/srv/app");
}

#[test]
fn everything_that_is_said_is_taken() {
    let text = r#"
        [[child]]
        id = "a"
        command = ["./server", "--port", "80"]
        restart = "transient"
        stop_signal = "INT"
        allow_new_privileges = true
        stop_timeout = "infinity"
        env = { MODE = "fast" }
        cwd = "data"
        node = "n2"
        max_restarts = 7
        within = "1m"
    "#;
    let definition = parse(text).unwrap().children.remove(0).definition;
    assert_eq!(definition.command[0], "/srv/app/data/server");
    assert_eq!(definition.restart, Restart::Transient);
    assert_eq!(
        (definition.stop_signal.as_str(), definition.stop_timeout),
        ("INT", StopTimeout::Infinity)
    );
    assert!(definition.allow_new_privileges);
    assert_eq!(definition.env["MODE"], "fast");
    assert_eq!(
        (definition.cwd.as_str(), definition.node.as_deref()),
        ("/srv/app/data", Some("n2"))
    );
    assert_eq!(
        (definition.max_restarts, Duration::from_millis(definition.within)),
        (7, Duration::from_mins(1))
    );
}

#[test]
fn all_problems_come_at_once_each_with_its_line_and_what_was_expected() {
    let text = r#"title = "x"
[[child]]
id = "a"
comand = ["sleep"]
restart = "always"
[[child]]
id = "a"
command = "sleep 5"
stop_timeout = 5
[[child]]
command = ["sleep", 5]
env = { A = 1 }
stop_signal = "SIGNOTHING"
max_restarts = -1
within = "0s"
"#;
    assert_eq!(
        problems(text),
        [
            "1: unknown key \"title\" in the file; expected one of child",
            "2: [[child]] has no \"command\"; expected a line `command = …` under it",
            "4: unknown key \"comand\" in [[child]], did you mean \"command\"?; expected one of id, command, restart, stop_signal, \
             allow_new_privileges, stop_timeout, env, cwd, node, labels, max_restarts, within",
            "5: wrong value of \"restart\"; expected \"permanent\" or \"transient\" or \"temporary\"",
            "7: duplicate id \"a\"; expected another id than that of the child at line 3",
            "8: wrong value of \"command\"; expected an array of strings, the program and its arguments; \
             never a shell's command line",
            "9: wrong value of \"stop_timeout\"; expected a time such as \"500ms\", \"10s\", \"1m30s\" or \
             \"1h\", or \"infinity\", or \"kill\", as a string; found an integer",
            "10: [[child]] has no \"id\"; expected a line `id = …` under it",
            "11: wrong value of \"command\"; expected a string",
            "12: wrong value of \"env\"; expected a string as the value of A",
            "13: wrong value of \"stop_signal\"; expected a signal such as \"SIGTERM\"",
            "14: wrong value of \"max_restarts\"; expected a whole number from 0 to 4294967295",
            "15: wrong value of \"within\"; expected a time such as \"500ms\", \"10s\", \"1m30s\" or \"1h\", \
             longer than 0",
        ]
    );
}

#[test]
fn a_file_that_is_no_toml_says_where_it_stops_being_one() {
    let problems = problems("[[child]]\nid = \n");
    assert!(
        problems[0].starts_with("2: ") && problems[0].ends_with("expected valid TOML"),
        "{problems:?}"
    );
}

#[test]
fn a_file_without_children_is_good_and_empty() {
    assert!(parse("").unwrap().children.is_empty());
}

#[test]
fn each_part_of_a_value_that_is_wrong_is_told() {
    let text = r#"[[child]]
id = "a"
command = ["server", 5, "a\u0000b", true]
env = { PORT = 80, DEBUG = true, "A=B" = "x", OK = "y" }
[[child]]
id = "b"
command = ["", 7]
"#;
    assert_eq!(
        problems(text),
        [
            "3: wrong value of \"command\"; expected a string",
            "3: wrong value of \"command\"; expected a string without NUL",
            "3: wrong value of \"command\"; expected a string",
            "4: wrong value of \"env\"; expected a string as the value of PORT",
            "4: wrong value of \"env\"; expected a string as the value of DEBUG",
            "4: wrong value of \"env\"; expected a name without '=' and NUL",
            "7: wrong value of \"command\"; expected a program to run, as the first string of the array",
            "7: wrong value of \"command\"; expected a string",
        ]
    );
}

#[test]
fn what_is_nested_without_end_is_one_problem() {
    for deep in [
        "[".repeat(20_000),
        format!("{}1{}", "{a=".repeat(20_000), "}".repeat(20_000)),
    ] {
        let problems = problems(&format!("[[child]]\nid = \"a\"\ncommand = {deep}\n"));
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(
            problems[0].starts_with("3: ") && problems[0].ends_with("at most 80 deep"),
            "{problems:?}"
        );
    }
}

#[test]
fn a_command_that_no_node_would_take_is_told_by_its_line() {
    let text = format!(
        "[[child]]\nid = \"a\"\ncommand = [\"cat\", \"{}\"]\n",
        "x".repeat(50_000)
    );
    let problems = problems(&text);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(
        problems[0].starts_with("3: the command and its variables take 50")
            && problems[0].contains("expected at most 49152"),
        "{problems:?}"
    );
}

#[test]
fn a_nul_is_refused_wherever_it_stands() {
    let text = "[[child]]\nid = \"a\"\ncommand = [\"a\"]\ncwd = \"b\\u0000c\"\n";
    assert_eq!(
        problems(text),
        ["4: wrong value of \"cwd\"; expected a directory, without NUL"]
    );
}

#[test]
fn a_key_that_stands_twice_hides_no_other_problem() {
    let text = r#"[[child]]
id = "a"
id = "b"
command = 3
env = { A = "1", A = "2", B = 2 }
[[child]]
id = "a"
"#;
    let [twice, command, again, env, missing, duplicate] = &problems(text)[..] else {
        panic!("{:?}", problems(text))
    };
    assert_eq!(
        twice,
        "3: duplicate key \"id\"; expected each key once in its table"
    );
    assert!(command.starts_with("4: wrong value of \"command\""), "{command}");
    assert_eq!(
        again,
        "5: duplicate key \"A\"; expected each key once in its table"
    );
    assert!(env.starts_with("5: wrong value of \"env\""), "{env}");
    assert!(
        missing.starts_with("6: [[child]] has no \"command\""),
        "{missing}"
    );
    assert!(duplicate.starts_with("7: duplicate id \"a\""), "{duplicate}");
}

#[test]
fn each_label_that_is_none_is_told_beside_the_others() {
    let text = r#"[[child]]
id = "a"
command = ["true"]
env = { "" = "x", "A=" = "x" }
labels = { "" = "x", "disk size" = "x", disk = 7, zone = " a", "a=b" = "x" }
"#;
    let label = "5: wrong value of \"labels\"; expected";
    assert_eq!(
        problems(text),
        [
            "4: wrong value of \"env\"; expected a name of a variable before the '=', not an empty one"
                .to_owned(),
            "4: wrong value of \"env\"; expected a name without '=' and NUL".to_owned(),
            format!("{label} a name of a label, of 1 to 63 bytes, before the '='"),
            format!(
                "{label} a label: the name of a label \"disk size\" contains ' '; expected ASCII letters, digits, '-', '_', '.' \
                 and '/'"
            ),
            format!("{label} a string as the value of disk"),
            format!(
                "{label} a label: the value of a label \" a\" begins or ends with white space (' '); expected none at its ends"
            ),
            format!(
                "{label} a label: the name of a label \"a=b\" contains '='; expected ASCII letters, digits, '-', '_', '.' and '/'"
            ),
        ]
    );
}

/// The time that this thread computes for that, which it does not while others have the machine.
fn effort(work: impl Fn()) -> Duration {
    let now = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        Duration::try_from(time).unwrap()
    };
    let before = now();
    work();
    now().saturating_sub(before)
}

#[test]
fn a_file_of_four_times_as_many_children_good_or_bad_or_twice_takes_no_more_than_so_much_longer() {
    type Child = fn(usize) -> String;
    let children: [(&str, Child); 4] = [
        ("good", |n| {
            format!("[[child]]\nid = \"c{n}\"\ncommand = [\"sleep\", \"1\"]\n")
        }),
        ("without a command", |n| format!("[[child]]\nid = \"c{n}\"\n")),
        ("twice", |n| {
            format!("[[child]]\nid = \"c{}\"\ncommand = [\"sleep\"]\n", n / 2)
        }),
        ("twice a key", |_| {
            "[[child]]\nid = \"c\"\nid = \"d\"\ncommand = [\"sleep\"]\n".to_owned()
        }),
    ];
    for (what, child) in children {
        let effort = |number: usize| {
            let text: String = (0..number).map(child).collect();
            let read = || match parse(&text) {
                Ok(file) => assert_eq!(file.children.len(), number),
                Err(problems) => {
                    let all = FileProblems::new(Path::new("f"), &text, problems, Undone::Apply);
                    assert!(all.to_string().contains("problems"), "{all}");
                }
            };
            // The least is the least disturbed.
            (0..3).map(|_| effort(read)).min().unwrap()
        };
        let (few, many) = (effort(2_000), effort(8_000));
        assert!(
            many < 8 * few,
            "{what}: 2,000 children took {few:?}, and 8,000 took {many:?}"
        );
    }
}

#[test]
fn a_file_is_read_in_the_time_that_is_given_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("children.toml");
    let child = |n| format!("[[child]]\nid = \"c{n}\"\ncommand = [\"sleep\"]\n");
    let text: String = (0..50_000).map(child).collect();
    std::fs::write(&path, text).unwrap();
    // Enough to read its bytes, and not to understand them.
    let limit = Duration::from_millis(5);
    let failure = ChildFile::load(&path, limit).unwrap_err();
    assert_eq!(failure.wrong(), Some(Wrong::Timeout), "{failure}");
    let said = failure.to_string();
    assert!(said.ends_with("; nothing was applied"), "{said}");
}
