use std::collections::BTreeMap;

use super::agents::Agents;
use super::snapshot::{NodeRow, Snapshot};
use crate::commands::{children_table, member_ink};
use crate::control::ChildRow;
use crate::failure::Failure;
use crate::output::{Ink, Output, Table, say_lines, without_tricks, write};

/// Shows what is where: a table that is drawn over itself for a person, else a line for each change.
#[derive(Debug)]
pub(super) struct Screen {
    output: Output,
    head: String,
    drawn: usize,
    shown: BTreeMap<String, String>,
}

impl Screen {
    pub(super) fn new(agents: &Agents) -> Self {
        Self {
            output: Output::stdout(),
            head: head(agents),
            drawn: 0,
            shown: BTreeMap::new(),
        }
    }

    pub(super) fn draw(&mut self, snapshot: &Snapshot) -> Result<(), Failure> {
        if self.output.is_terminal() {
            self.redraw(snapshot)
        } else {
            self.changes(snapshot)
        }
    }

    /// Says something that stays, above the table.
    pub(super) fn note(&mut self, text: &str) -> Result<(), Failure> {
        if self.drawn > 0 {
            write(format!("\x1b[{}A\r\x1b[J", self.drawn))?;
            self.drawn = 0;
        }
        say_lines(text);
        Ok(())
    }

    fn redraw(&mut self, snapshot: &Snapshot) -> Result<(), Failure> {
        let colour = self.output.colour();
        let nodes = nodes_table(&snapshot.nodes).aligned(colour);
        let children = children_table(&snapshot.children).aligned(colour);
        let text = format!("{}\n{nodes}\n{children}", self.head);
        let told = rustix::termios::tcgetwinsize(std::io::stdout()).map_or(0, |size| size.ws_row);
        let lines: Vec<&str> = text.lines().take(room(told)).collect();
        // Without wrapping a line is a row of the screen; each is cleared to its end, and all below.
        let mut drawing = match self.drawn {
            0 => "\x1b[?7l".to_owned(),
            drawn => format!("\x1b[?7l\x1b[{drawn}A\r"),
        };
        for line in &lines {
            drawing.push_str(line);
            drawing.push_str("\x1b[K\n");
        }
        drawing.push_str("\x1b[J\x1b[?7h");
        self.drawn = lines.len();
        write(drawing)
    }

    fn changes(&mut self, snapshot: &Snapshot) -> Result<(), Failure> {
        if self.shown.is_empty() {
            write(&self.head)?;
        }
        let mut now = BTreeMap::new();
        now.extend(
            snapshot
                .nodes
                .iter()
                .map(|node| (format!("node {}", node.name), node_line(node))),
        );
        now.extend(
            snapshot
                .children
                .iter()
                .map(|child| (format!("child {}", child.id), child_line(child))),
        );
        for (what, line) in &now {
            if self.shown.get(what) != Some(line) {
                write(without_tricks(&format!("{what}: {line}\n")))?;
            }
        }
        for what in self.shown.keys().filter(|what| !now.contains_key(*what)) {
            write(without_tricks(&format!("{what}: gone\n")))?;
        }
        self.shown = now;
        Ok(())
    }
}

/// How many lines a terminal of so many rows has room for, above that of the cursor. One that tells of none, as some do
/// that nobody has set, has as many as most.
fn room(rows: u16) -> usize {
    let rows = if rows == 0 { 24 } else { rows };
    usize::from(rows).saturating_sub(1)
}

fn head(agents: &Agents) -> String {
    let Some(first) = agents.iter().next() else {
        return String::new();
    };
    let text = format!(
        "{} nodes of a cluster run here. Ctrl-C ends all of it. In another terminal:\n\
         \x20   export PATH={}:$PATH ORDU_SOCKET={}\n\
         \x20   ordu ps; ordu members; ordu logs -f ID; ordu start ID -- COMMAND; kill -9 PID\n",
        agents.len(),
        agents.program_folder().display(),
        first.socket().display(),
    );
    without_tricks(&text)
}

fn nodes_table(nodes: &[NodeRow]) -> Table {
    let mut table = Table::new(&["NODE", "STATE", "PID", "CHILDREN", "ORDU_SOCKET"]);
    for node in nodes {
        table.row([
            (Ink::Plain, node.name.clone()),
            (member_ink(&node.state), node.state.clone()),
            (
                Ink::Plain,
                node.pid.map_or_else(|| "-".into(), |pid| pid.to_string()),
            ),
            (Ink::Plain, node.children.to_string()),
            (Ink::Faint, node.socket.display().to_string()),
        ]);
    }
    table
}

fn node_line(node: &NodeRow) -> String {
    match node.pid {
        Some(pid) => format!("{}, pid {pid}, socket {}", node.state, node.socket.display()),
        None => node.state.clone(),
    }
}

fn child_line(child: &ChildRow) -> String {
    let node = child.node.as_deref().unwrap_or("-");
    let pid = child.os_pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string());
    format!(
        "{} on {node}, pid {pid}, epoch {}, restarts {}",
        child.doing(),
        child.epoch,
        child.restarts
    )
}

#[cfg(test)]
mod tests {
    use super::room;

    #[test]
    fn a_terminal_that_does_not_tell_its_size_is_drawn_on_all_the_same() {
        assert_eq!([0, 1, 2, 50].map(room), [23, 0, 1, 49]);
    }
}
