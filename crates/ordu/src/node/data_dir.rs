use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::StartError;

/// The data directory of a running node. The lock goes with it, and with the process at the latest.
#[derive(Debug)]
pub(super) struct DataDir {
    path: PathBuf,
    lock: File,
}

impl DataDir {
    /// Creates it, for its owner alone, unless it is there, and locks it.
    pub(super) fn open(path: &Path) -> Result<Self, StartError> {
        let error = |source| StartError::DataDir {
            path: path.to_owned(),
            source,
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(error)?;
        // Children run in directories of their own and must find it from there.
        let path = path.canonicalize().map_err(error)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path.join("lock"))
            .map_err(error)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, lock }),
            Err(TryLockError::WouldBlock) => Err(StartError::DataDirInUse { path }),
            Err(TryLockError::Error(source)) => Err(error(source)),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for DataDir {
    /// Closing the file is not enough: a process that is being started at this moment has a copy of it until
    /// its program runs, and would hold the lock that long.
    fn drop(&mut self) {
        // A file that cannot be unlocked is unlocked when its last copy is closed.
        let _ = self.lock.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_made_and_kept_from_a_second_node() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a/b");
        let first = DataDir::open(&path).unwrap();
        assert!(first.path().is_absolute());

        assert!(matches!(
            DataDir::open(&path),
            Err(StartError::DataDirInUse { .. })
        ));

        drop(first);
        DataDir::open(&path).unwrap();
    }
}
