//! Writing children as a file says them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use toml::Value;

use crate::control::{Definition, Restart};
use crate::duration;

/// The text of a file of these children: everything that is not as it would be anyway, the paths absolute.
pub(crate) fn file_of(children: &[(String, Definition)]) -> String {
    let mut text = String::new();
    for (id, definition) in children {
        if !text.is_empty() {
            text.push('\n');
        }
        write_child(&mut text, id, definition);
    }
    text
}

fn write_child(text: &mut String, id: &str, definition: &Definition) {
    let Definition {
        command,
        cwd,
        env,
        restart,
        stop_signal,
        allow_new_privileges,
        stop_timeout,
        node,
        labels,
        max_restarts,
        within,
    } = definition;
    let usual = Definition::new(Vec::new(), String::new());
    text.push_str("[[child]]\n");
    let mut line = |key: &str, value: Value| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{key} = {value}");
    };
    line("id", id.into());
    line("command", command.clone().into());
    line("cwd", cwd.as_str().into());
    if !env.is_empty() {
        line("env", table(env));
    }
    if *restart != Restart::Permanent {
        line("restart", restart.as_str().into());
    }
    if *stop_signal != usual.stop_signal {
        line("stop_signal", stop_signal.as_str().into());
    }
    if *allow_new_privileges != usual.allow_new_privileges {
        line("allow_new_privileges", (*allow_new_privileges).into());
    }
    if *stop_timeout != usual.stop_timeout {
        line("stop_timeout", stop_timeout.to_string().into());
    }
    if let Some(node) = node {
        line("node", node.as_str().into());
    }
    if !labels.is_empty() {
        line("labels", table(labels));
    }
    if *max_restarts != usual.max_restarts {
        line("max_restarts", i64::from(*max_restarts).into());
    }
    if *within != usual.within {
        line("within", duration::show(Duration::from_millis(*within)).into());
    }
}

fn table(strings: &BTreeMap<String, String>) -> Value {
    let entries = strings
        .iter()
        .map(|(name, text)| (name.clone(), text.as_str().into()));
    Value::Table(entries.collect())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::apply::ChildFile;
    use crate::control::StopTimeout;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    /// What a file of these children is read as, wherever it lies.
    fn read(children: &[(String, Definition)]) -> Vec<(String, Definition)> {
        let file = ChildFile::parse(&file_of(children), Path::new("/elsewhere")).unwrap();
        file.children
            .into_iter()
            .map(|child| (child.id, child.definition))
            .collect()
    }

    #[test]
    fn what_is_written_is_read_as_it_was() {
        let plain = Definition::new(words(&["sleep", "1"]), "/".to_owned());
        let mut all = Definition::new(
            words(&[
                "/srv/a \"b\"/server",
                "",
                "--text",
                "two\nlines\t\u{1b}[1m\\ 'quoted' \u{202e}é",
            ]),
            "/srv/data dir".to_owned(),
        );
        all.env.insert("A.B c".to_owned(), "=\"'\n\u{7f}".to_owned());
        all.env.insert("EMPTY".to_owned(), String::new());
        all.restart = Restart::Transient;
        all.stop_signal = "SIGINT".to_owned();
        all.allow_new_privileges = true;
        all.stop_timeout = StopTimeout::Kill;
        all.node = Some("n1".to_owned());
        all.labels.insert("disk-type".to_owned(), "ssd".to_owned());
        all.max_restarts = u32::MAX;
        all.within = 90_500;
        let long = Definition {
            stop_timeout: StopTimeout::After(Duration::from_millis(1_500)),
            ..plain.clone()
        };
        let children = [
            ("plain".to_owned(), plain),
            ("all of it".to_owned(), all),
            ("long".to_owned(), long),
        ];
        assert_eq!(read(&children), children);
    }

    #[test]
    fn of_no_children_there_is_nothing_to_write() {
        assert_eq!(file_of(&[]), "");
    }
}
