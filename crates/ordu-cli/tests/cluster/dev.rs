//! `ordu dev`: a cluster that ends with the one who started it.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{Copies, eventually, is_alive, kill, program, unique_mark};

/// A running `ordu dev` whose children can be counted.
struct Dev {
    process: Child,
    folder: tempfile::TempDir,
    mark: String,
    ids: Vec<String>,
}

impl Dev {
    fn start() -> Self {
        Self::start_with("[\"sleep\", \"86400\"]", "5s")
    }

    /// The same with this command and time to stop.
    fn start_with(command: &str, stop_timeout: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mark = unique_mark();
        let ids: Vec<String> = (0..6).map(|number| format!("c{number}")).collect();
        let child = |id| {
            format!(
                "[[child]]\nid = \"{id}\"\ncommand = {command}\nstop_timeout = \"{stop_timeout}\"\n\
                 env = {{ TEST_MARK = \"{mark}\" }}\n"
            )
        };
        let file = folder.path().join("children.toml");
        std::fs::write(&file, ids.iter().map(child).collect::<String>()).unwrap();
        let process = program()
            .args(["dev", "-f"])
            .arg(&file)
            // Where it puts what it needs, so that what it leaves behind is found.
            .env("TMPDIR", folder.path())
            .stdin(Stdio::null())
            .stdout(File::create(folder.path().join("out")).unwrap())
            .stderr(File::create(folder.path().join("err")).unwrap())
            .spawn()
            .unwrap();
        let dev = Self {
            process,
            folder,
            mark,
            ids,
        };
        dev.await_one_each();
        dev
    }

    fn said(&self) -> String {
        let read = |name| std::fs::read_to_string(self.folder.path().join(name)).unwrap();
        read("out") + &read("err")
    }

    fn copies(&self) -> Copies {
        Copies::of(&self.mark)
    }

    #[track_caller]
    fn await_one_each(&self) {
        eventually(Duration::from_secs(30), "each child runs once", || {
            self.copies()
                .one_each(&self.ids)
                .map_err(|otherwise| otherwise + "\n" + &self.said())
        });
    }

    /// The process id of a node, as it is told on the screen.
    fn pid_of(&self, node: &str) -> u32 {
        let line = format!("node {node}: alive, pid ");
        let find = || {
            let said = self.said();
            let (_, rest) = said.split_once(&line).ok_or_else(|| said.clone())?;
            rest.split(',')
                .next()
                .unwrap()
                .parse()
                .map_err(|error| format!("{error}: {rest}"))
        };
        eventually(Duration::from_secs(20), &line, find).0
    }

    /// What its nodes left in the directory for temporary files.
    fn left_behind(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().path());
        entries
            .filter(|path| {
                path.file_name()
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .starts_with("ordu-dev-")
            })
            .collect()
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        for copy in self.copies().0.into_values().flatten() {
            let _ = Pid::from_raw(copy.pid.cast_signed()).map(|pid| kill_process(pid, Signal::KILL));
        }
    }
}

#[test]
fn ctrl_c_ends_every_node_and_child_and_leaves_nothing_behind() {
    let mut dev = Dev::start();
    let nodes = ["n1", "n2", "n3"].map(|node| dev.pid_of(node));

    kill(dev.process.id(), Signal::INT);

    let status = dev.process.wait().unwrap();
    assert_eq!(status.code(), Some(0), "{}", dev.said());
    assert_eq!(dev.copies().0.len(), 0, "children are left: {:?}", dev.copies());
    assert!(!nodes.iter().any(|pid| is_alive(*pid)), "a node is left");
    assert_eq!(dev.left_behind(), Vec::<PathBuf>::new());
}

#[test]
fn a_killed_node_is_shown_as_down_and_its_children_on_the_others() {
    let dev = Dev::start();
    kill(dev.pid_of("n2"), Signal::KILL);

    eventually(Duration::from_secs(10), "n2 is shown as down", || {
        if dev.said().contains("node n2: down") {
            Ok(())
        } else {
            Err(dev.said())
        }
    });
    eventually(Duration::from_secs(10), "its children run elsewhere", || {
        let copies = dev.copies();
        match copies
            .one_each(&dev.ids)?
            .into_values()
            .find(|copy| copy.node == "n2")
        {
            Some(copy) => Err(format!("{copy:?}")),
            None => Ok(()),
        }
    });
}

#[test]
fn when_it_is_killed_itself_every_node_and_child_ends() {
    let mut dev = Dev::start();
    let nodes = ["n1", "n2", "n3"].map(|node| dev.pid_of(node));

    dev.process.kill().unwrap();
    dev.process.wait().unwrap();

    eventually(Duration::from_secs(10), "all have ended", || {
        match (
            dev.copies().0.len(),
            nodes.iter().filter(|pid| is_alive(**pid)).count(),
        ) {
            (0, 0) => Ok(()),
            left => Err(format!("children and nodes left: {left:?}")),
        }
    });
}

#[test]
fn when_it_is_killed_itself_a_node_that_was_leaving_ends_too() {
    let mut dev = Dev::start_with(r#"["sh", "-c", "trap '' TERM; exec sleep 86400"]"#, "infinity");
    let nodes = ["n1", "n2", "n3"].map(|node| dev.pid_of(node));
    kill(nodes[1], Signal::TERM);
    eventually(Duration::from_secs(10), "n2 leaves", || {
        let said = dev.said();
        if said.contains("node n2: draining") || said.contains("node n2: left") {
            Ok(())
        } else {
            Err(said)
        }
    });

    dev.process.kill().unwrap();
    dev.process.wait().unwrap();

    eventually(Duration::from_secs(10), "all have ended", || {
        match (
            dev.copies().0.len(),
            nodes.iter().filter(|pid| is_alive(**pid)).count(),
        ) {
            (0, 0) => Ok(()),
            left => Err(format!("children and nodes left: {left:?}")),
        }
    });
}
