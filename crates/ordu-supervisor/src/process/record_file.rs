use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

/// How much room each of the two files has beyond its text: enough for some hundred lines.
const RESERVE: usize = 64 << 10;

/// A text in a file, replaced as one act or added to, with room in reserve: what fits in that can be written also when
/// the disk has become full.
///
/// There are two files, which change places when the text is replaced, so that neither gives its room back. What follows
/// a text are NULs, to be written over. Where files cannot change places (or a file system does not write in place) the
/// reserve is one for so long as there is room to make it.
#[derive(Debug)]
pub(super) struct RecordFile {
    path: PathBuf,
    spare: PathBuf,
    /// The file to add to and where; `None` before the text is first replaced, and after an addition that failed.
    end: Option<(File, u64)>,
}

impl RecordFile {
    pub(super) fn new(path: PathBuf) -> Self {
        let mut spare = OsString::from(path.clone());
        spare.push(".new");
        Self {
            path,
            spare: spare.into(),
            end: None,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Its text; `None` if there is no such file.
    pub(super) fn read(&self) -> io::Result<Option<String>> {
        match fs::read(&self.path) {
            Ok(bytes) => {
                let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
                Ok(Some(String::from_utf8_lossy(text).into_owned()))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Replaces the text as one act, so a reader finds the old or the new one.
    pub(super) fn replace(&mut self, text: &str) -> io::Result<()> {
        self.end = None;
        let file = write_over(&self.spare, text.as_bytes())?;
        if !exchange(&self.spare, &self.path)? {
            fs::rename(&self.spare, &self.path)?;
            // Without it, the next text needs room of the disk.
            let _ = write_over(&self.spare, b"");
        }
        self.end = Some((file, text.len() as u64));
        Ok(())
    }

    /// Adds to the text. After a failure, and before the text was ever replaced, nothing can be added: it is `false` then
    /// until the text is replaced.
    pub(super) fn append(&mut self, line: &str) -> bool {
        let Some((file, end)) = &mut self.end else {
            return false;
        };
        if file.write_all_at(line.as_bytes(), *end).is_err() {
            self.end = None;
            return false;
        }
        *end += line.len() as u64;
        true
    }

    /// Both files are to be no more.
    pub(super) fn remove(self) {
        // Nothing is lost if this fails: whoever reads them finds that nothing of it is so any more.
        let _ = fs::remove_file(&self.path);
        let _ = fs::remove_file(&self.spare);
    }
}

/// Writes `text` where another text may be, in the room that the file has and, if the disk has it, a reserve.
fn write_over(path: &Path, text: &[u8]) -> io::Result<File> {
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)?;
    let old = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    let room = text.len() + RESERVE;
    file.write_all(text)?;
    if room < old {
        file.set_len(room as u64)?;
    }
    let kept = old.min(room);
    if let Some(rest) = kept.checked_sub(text.len()) {
        file.write_all(&vec![0; rest])?;
    }
    // What is not had now may be at the next text.
    let _ = file.write_all(&vec![0; room - kept.max(text.len())]);
    Ok(file)
}

/// Has two files change places; `false` if there is only one yet, or this file system cannot.
fn exchange(one: &Path, other: &Path) -> io::Result<bool> {
    match renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(true),
        Err(Errno::NOENT | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    fn record() -> (tempfile::TempDir, RecordFile) {
        let folder = tempfile::tempdir().unwrap();
        let record = RecordFile::new(folder.path().join("record"));
        (folder, record)
    }

    #[test]
    fn a_text_is_what_was_last_put_there_and_what_was_added_whatever_was_there_before() {
        let (_folder, mut record) = record();
        assert_eq!(record.read().unwrap(), None);
        assert!(!record.append("lost"), "there is no text to add to");
        for text in [
            "a long text\n".repeat(20_000).as_str(),
            "short\n",
            "",
            "longer again\n",
        ] {
            record.replace(text).unwrap();
            assert_eq!(record.read().unwrap().unwrap(), text);
            assert!(record.append("one\n") && record.append("two\n"));
            assert_eq!(record.read().unwrap().unwrap(), format!("{text}one\ntwo\n"));
        }
    }

    #[test]
    fn both_files_keep_their_room_when_the_text_is_replaced() {
        let (_folder, mut record) = record();
        record.replace("first\n").unwrap();
        let rooms = |record: &RecordFile| {
            [&record.path, &record.spare].map(|path| {
                let about = fs::metadata(path).unwrap();
                assert!(about.blocks() * 512 >= RESERVE as u64, "{about:?}");
                about.ino()
            })
        };
        let [one, other] = rooms(&record);
        record.replace("second\n").unwrap();
        assert_eq!(rooms(&record), [other, one]);
    }
}
