use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use ordu_core::recording::{Header, Writer};
use ordu_core::{Input, Node, Now, Output};

use super::RecordingFile;
use super::backlog::Backlog;
use crate::node::StartError;

/// How long the end of a node waits for the disk to take in the rest.
const REST_LIMIT: Duration = Duration::from_secs(1);

/// Records one node. It costs the loop an encoding of each input and output, and never a wait for the disk; what
/// goes wrong with the disk ends the recording and nothing else.
#[derive(Debug)]
pub(crate) struct Recorder {
    writer: Writer,
    backlog: Arc<Backlog>,
    path: PathBuf,
    /// Nobody writes any more.
    over: bool,
}

impl Recorder {
    /// Starts to record into a file.
    pub(crate) fn start(file: &RecordingFile, header: &Header) -> Result<Self, StartError> {
        let path = file.path();
        let recorder = file
            .writer()
            .and_then(|writer| Self::write_to(writer, path.to_owned(), header))
            .map_err(|source| StartError::Recording {
                path: path.to_owned(),
                source,
            })?;
        tracing::warn!(
            file = %path.display(),
            "all that goes into this node is recorded, the arguments and environments of children among it"
        );
        Ok(recorder)
    }

    fn write_to(file: impl Write + Send + 'static, path: PathBuf, header: &Header) -> io::Result<Self> {
        let backlog = Arc::new(Backlog::default());
        let (from, shown) = (Arc::clone(&backlog), path.clone());
        thread::Builder::new()
            .name("ordu-recorder".into())
            .spawn(move || write(&from, file, &shown))?;
        let mut recorder = Self {
            writer: Writer::begin(header),
            backlog,
            path,
            over: false,
        };
        recorder.push();
        Ok(recorder)
    }

    /// The node is handed this next.
    pub(crate) fn input(&mut self, now: Now, input: &Input) {
        if !self.over {
            self.writer.input(now, input);
            // Before the node sees it, so that it is in the file if the node fails at it.
            self.push();
        }
    }

    /// The node put this out in answer.
    pub(crate) fn output(&mut self, output: &Output) {
        if !self.over {
            self.writer.output(output);
        }
    }

    /// The node put out nothing more.
    pub(crate) fn answered(&mut self) {
        if !self.over {
            self.writer.answered();
            self.push();
        }
    }

    /// The node has ended; all is written when this returns, unless the disk takes longer than a second.
    pub(crate) fn end(mut self, node: &Node) {
        if !self.over {
            self.writer.end(node);
            self.push();
        }
    }

    fn push(&mut self) {
        let Self { writer, backlog, .. } = self;
        match backlog.push(|bytes| writer.drain_into(bytes)) {
            Ok(written) => self.over = !written,
            Err(_too_slow) => {
                failed(&self.path, "the disk takes it in too slowly");
                self.over = true;
            }
        }
    }
}

/// Also where the loop panics: the last input is the one that matters.
impl Drop for Recorder {
    fn drop(&mut self) {
        self.backlog.close();
        if !self.over && !self.backlog.await_done(REST_LIMIT) {
            failed(&self.path, "the disk did not take in the rest in time");
        }
    }
}

/// The thread's whole life.
fn write(backlog: &Backlog, mut file: impl Write, path: &Path) {
    let mut buffer = Vec::new();
    loop {
        let more = backlog.take(&mut buffer);
        if let Err(error) = file.write_all(&buffer) {
            failed(path, &error.to_string());
            break;
        }
        buffer.clear();
        if !more {
            break;
        }
    }
    backlog.done();
}

fn failed(path: &Path, why: &str) {
    tracing::error!(
        file = %path.display(), why,
        "THE RECORDING OF THIS NODE ENDS HERE; the node itself goes on"
    );
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use ordu_core::recording::{Entry, Recording};
    use ordu_core::{Config, Limits, NodeId, NodeName, Timing};

    use super::*;

    fn header() -> Header {
        Header {
            config: Config {
                name: NodeName::new("a").unwrap(),
                addr: ([10, 0, 0, 1], 7600).into(),
                labels: std::collections::BTreeMap::new(),
                capacity: None,
                kinds: Vec::new(),
                hordes: Vec::new(),
                seeds: Vec::new(),
                timing: Timing::default(),
                limits: Limits::default(),
            },
            id: NodeId(1),
            seed: 1,
        }
    }

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A disk that is full from the first byte.
    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn all_is_written_when_the_end_returns() {
        let kept = Kept::default();
        let mut recorder = Recorder::write_to(kept.clone(), PathBuf::new(), &header()).unwrap();
        let mut node = Node::new(header().config, header().id, header().seed);
        recorder.input(Now::default(), &Input::Timer);
        node.handle(Now::default(), Input::Timer);
        while let Some(output) = node.poll_output() {
            recorder.output(&output);
        }
        recorder.answered();
        recorder.end(&node);

        let bytes = kept.0.lock().unwrap();
        let entries: Vec<_> = Recording::open(&bytes).unwrap().map(Result::unwrap).collect();
        assert!(
            matches!(
                entries[..],
                [
                    Entry::Input { .. },
                    Entry::Outputs { count: 1.., .. },
                    Entry::End { .. }
                ]
            ),
            "{entries:?}"
        );
    }

    #[test]
    fn the_input_at_which_a_loop_panics_is_written() {
        let kept = Kept::default();
        let mut recorder = Recorder::write_to(kept.clone(), PathBuf::new(), &header()).unwrap();
        recorder.input(Now::default(), &Input::Leave);
        drop(recorder);

        let bytes = kept.0.lock().unwrap();
        let last = Recording::open(&bytes).unwrap().last().unwrap().unwrap();
        assert!(
            matches!(&last, Entry::Input { input, .. } if **input == Input::Leave),
            "{last:?}"
        );
    }

    #[test]
    fn a_full_disk_ends_the_recording_and_the_node_goes_on() {
        let mut recorder = Recorder::write_to(Full, PathBuf::new(), &header()).unwrap();
        assert!(recorder.backlog.await_done(Duration::from_secs(20)), "it gave up");
        recorder.input(Now::default(), &Input::Timer);
        assert!(recorder.over);
        recorder.answered();
        drop(recorder);
    }
}
