use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use ordu_core::{NodeId, NodeName};

use crate::node::StartError;

/// A new file for a recording, its owner's alone. Removed again unless it is to be kept.
#[derive(Debug)]
pub(crate) struct RecordingFile {
    path: PathBuf,
    file: File,
    kept: bool,
}

impl RecordingFile {
    /// Creates `path`, or, if that is a directory, a file in it that no other start has.
    pub(crate) fn create(path: &Path, name: &NodeName, id: NodeId) -> Result<Self, StartError> {
        let path = if path.is_dir() {
            path.join(format!("{name}-{id}.rec"))
        } else {
            path.to_owned()
        };
        let created = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path);
        match created {
            Ok(file) => Ok(Self {
                path,
                file,
                kept: false,
            }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(StartError::RecordingExists { path })
            }
            Err(source) => Err(StartError::Recording { path, source }),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What to write to.
    pub(super) fn writer(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// The node starts: from now on the file stays.
    pub(crate) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for RecordingFile {
    fn drop(&mut self) {
        if !self.kept {
            // One that cannot be removed is in nobody's way but that of the next start, which says so.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn create(path: &Path) -> Result<RecordingFile, StartError> {
        RecordingFile::create(path, &NodeName::new("n1").unwrap(), NodeId(7))
    }

    #[test]
    fn a_recording_is_its_owners_alone_and_replaces_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("n1.rec");
        create(&path).unwrap().keep();

        let mode = path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let error = create(&path).unwrap_err();
        assert!(matches!(error, StartError::RecordingExists { .. }), "{error}");
        assert!(error.to_string().contains("directory"), "{error}");
    }

    #[test]
    fn a_link_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(dir.path().join("elsewhere"), &link).unwrap();
        assert!(matches!(create(&link), Err(StartError::RecordingExists { .. })));
        assert!(!dir.path().join("elsewhere").exists());
    }

    #[test]
    fn in_a_directory_each_start_has_a_file_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let file = create(dir.path()).unwrap();
        let name = "n1-00000000000000000000000000000007.rec";
        assert_eq!(file.path(), dir.path().join(name));
    }

    #[test]
    fn a_start_that_fails_leaves_no_recording() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("n1.rec");
        drop(create(&path).unwrap());
        assert!(!path.exists());
    }

    #[test]
    fn a_recording_that_cannot_be_created_says_where_and_why() {
        let error = create(Path::new("/nowhere/n1.rec")).unwrap_err();
        assert!(error.to_string().contains("/nowhere/n1.rec"), "{error}");
    }
}
