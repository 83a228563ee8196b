use std::fmt::Write as _;

use super::node::Node;

/// What a person would see who types these commands to a node, with all that differs from run to run replaced.
pub(crate) fn transcript(node: &Node, commands: &[&str]) -> String {
    let mut text = String::new();
    for command in commands {
        let words = command.split(' ').filter(|word| !word.is_empty());
        let said = node.ordu(words);
        let _ = writeln!(text, "$ ordu {command}");
        text.push_str(&said.stdout);
        for line in said.stderr.lines() {
            let _ = writeln!(text, "! {line}");
        }
        if said.code != 0 {
            let _ = writeln!(text, "exit {}", said.code);
        }
    }
    let folder = node.socket.parent().unwrap().to_str().unwrap();
    replace_numbers(
        &text
            .replace(folder, "DIR")
            .replace(&node.addr.to_string(), "ADDR"),
    )
}

/// Ids and tokens, epochs, process ids: by their length, as hexadecimal or decimal words.
fn replace_numbers(text: &str) -> String {
    let mut replaced = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_alphanumeric()) {
        let (before, word) = rest.split_at(start);
        let end = word
            .find(|c: char| !c.is_ascii_alphanumeric())
            .unwrap_or(word.len());
        let (word, after) = word.split_at(end);
        let hexadecimal = word.bytes().all(|byte| byte.is_ascii_hexdigit());
        let decimal = word.bytes().all(|byte| byte.is_ascii_digit());
        replaced.push_str(before);
        replaced.push_str(match word.len() {
            48 if hexadecimal => "FENCE",
            32 if hexadecimal => "NODE-ID",
            13 if decimal => "EPOCH",
            // Process ids have two digits or more on any machine that builds this; what is counted here has one.
            2..=7 if decimal && is_pid(&replaced) => "PID",
            _ => word,
        });
        rest = after;
    }
    replaced + rest
}

/// Whether the number that comes next is a process id, by what stands before it.
fn is_pid(before: &str) -> bool {
    ["pid ", "\"os_pid\":", "running\t"]
        .iter()
        .any(|words| before.ends_with(words))
        || {
            let line = before.rsplit('\n').next().unwrap_or_default();
            line.starts_with("pid ") && line.trim_end() == "pid"
        }
}
