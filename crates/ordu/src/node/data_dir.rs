use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::StartError;

/// The data directory of a running node. The lock goes with it, and with the process at the latest.
#[derive(Debug)]
pub(super) struct DataDir {
    path: PathBuf,
    lock: File,
}

impl DataDir {
    /// Creates it, for its owner alone, unless it is there, and locks it. One that others can write to is refused.
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
        let found = path.metadata().map_err(error)?;
        let own = rustix::process::geteuid().as_raw();
        if let Some(problem) = problem(found.uid(), found.mode(), own) {
            return Err(StartError::DataDirUnsafe { path, problem });
        }
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

/// Whoever can write there can have this node kill any process of its user, and can replace its files.
fn problem(owner: u32, mode: u32, own: u32) -> Option<String> {
    let mode = mode & 0o7777;
    if owner != own {
        Some(format!(
            "it belongs to user {owner} and this node runs as user {own}; give the node a directory of its own"
        ))
    } else if mode & 0o022 != 0 {
        Some(format!(
            "others can write to it (its mode is {mode:04o}); take that right away with `chmod go-w`"
        ))
    } else {
        None
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
    fn a_directory_that_others_can_write_to_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let parent = tempfile::tempdir().unwrap();
        let set =
            |mode| std::fs::set_permissions(parent.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        for mode in [0o770, 0o702, 0o1777] {
            set(mode);
            let error = DataDir::open(parent.path()).unwrap_err();
            assert!(matches!(error, StartError::DataDirUnsafe { .. }), "{error}");
        }
        set(0o755);
        DataDir::open(parent.path()).unwrap();
    }

    #[test]
    fn a_directory_of_another_user_is_refused() {
        assert!(problem(1000, 0o700, 1001).is_some());
        assert!(problem(1000, 0o700, 0).is_some(), "for root as well");
        assert_eq!(problem(1000, 0o700, 1000), None);
    }

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
