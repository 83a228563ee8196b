use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{
    DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt,
};
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;

use crate::failure::{Failure, Wrong};

/// The socket that commands come through: its owner's alone, in a directory that is its owner's alone.
///
/// Whoever can open it can run commands on the cluster, so nothing is left to the umask or to others' good
/// will. A lock beside it says whether its agent is alive; without one, a socket that is there is stale.
#[derive(Debug)]
pub(super) struct Endpoint {
    listener: UnixListener,
    path: PathBuf,
    _lock: File,
}

impl Endpoint {
    /// Listens at `path`. The directory is made if it is not there.
    pub(super) fn bind(path: &Path) -> Result<Self, Failure> {
        let path = std::path::absolute(path).map_err(|error| refused(path, &error.to_string()))?;
        let folder = path
            .parent()
            .ok_or_else(|| refused(&path, "it is no path of a file"))?;
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|error| refused(&path, &format!("cannot make {}: {error}", folder.display())))?;
        check_folder(&path, folder)?;
        let lock = lock(&path)?;
        remove_stale(&path)?;
        let listener = UnixListener::bind(&path).map_err(|error| refused(&path, &error.to_string()))?;
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600))
            .map_err(|error| refused(&path, &error.to_string()))?;
        Ok(Self {
            listener,
            path,
            _lock: lock,
        })
    }

    pub(super) fn listener(&self) -> &UnixListener {
        &self.listener
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        // While the lock is held nobody else can have put a socket of theirs there.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// The directory is ours alone, and nobody can put another one in its place.
fn check_folder(path: &Path, folder: &Path) -> Result<(), Failure> {
    let real = folder
        .canonicalize()
        .map_err(|error| refused(path, &error.to_string()))?;
    let metadata = real
        .metadata()
        .map_err(|error| refused(path, &error.to_string()))?;
    let (owner, mode, own) = (
        metadata.uid(),
        metadata.mode() & 0o7777,
        rustix::process::geteuid().as_raw(),
    );
    if owner != own || mode & 0o077 != 0 {
        let found = format!("{} is of user {owner} with mode {mode:04o}", real.display());
        return Err(
            refused(path, &format!("{found}; expected user {own} and mode 0700"))
                .with_help("whoever can reach the socket can run commands; give it a directory of its own"),
        );
    }
    for above in real.ancestors().skip(1) {
        let mode = above
            .metadata()
            .map_err(|error| refused(path, &error.to_string()))?
            .mode();
        // With the sticky bit, as in /tmp, others can add names but not move ours away.
        if mode & 0o002 != 0 && mode & 0o1000 == 0 {
            return Err(refused(
                path,
                &format!("everybody can write to {}", above.display()),
            ));
        }
    }
    Ok(())
}

fn lock(path: &Path) -> Result<File, Failure> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&name)
        .map_err(|error| refused(path, &format!("cannot open {}: {error}", name.display())))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(refused(path, "another agent listens there")
            .with_help("stop it first, or give this one another --socket")),
        Err(TryLockError::Error(error)) => Err(refused(path, &error.to_string())),
    }
}

fn remove_stale(path: &Path) -> Result<(), Failure> {
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(refused(path, &error.to_string())),
        Ok(metadata) if metadata.file_type().is_socket() => {
            std::fs::remove_file(path).map_err(|error| refused(path, &error.to_string()))
        }
        Ok(_) => Err(refused(
            path,
            "there is something that is no socket; it was not touched",
        )),
    }
}

fn refused(path: &Path, why: &str) -> Failure {
    Failure::new(
        Wrong::Failed,
        format!("cannot listen for commands at {}: {why}", path.display()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(mode: u32) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(mode)).unwrap();
        folder
    }

    #[tokio::test]
    async fn the_socket_and_its_directory_are_their_owners_alone() {
        let folder = folder(0o700);
        let path = folder.path().join("new/ordu.sock");
        let endpoint = Endpoint::bind(&path).unwrap();
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o600);
        assert_eq!(path.parent().unwrap().metadata().unwrap().mode() & 0o777, 0o700);

        drop(endpoint);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_directory_that_others_can_enter_is_refused() {
        let folder = folder(0o755);
        let refused = Endpoint::bind(&folder.path().join("ordu.sock"))
            .unwrap_err()
            .to_string();
        assert!(
            refused.contains("mode 0755") && refused.contains("expected"),
            "{refused}"
        );
    }

    #[tokio::test]
    async fn a_directory_below_one_that_everybody_can_write_to_is_refused() {
        let folder = folder(0o777);
        let refused = Endpoint::bind(&folder.path().join("own/ordu.sock"))
            .unwrap_err()
            .to_string();
        assert!(refused.contains("everybody can write to"), "{refused}");
    }

    #[tokio::test]
    async fn a_stale_socket_is_replaced_and_a_live_one_is_refused() {
        let folder = folder(0o700);
        let path = folder.path().join("ordu.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());

        let _live = Endpoint::bind(&path).unwrap();
        let refused = Endpoint::bind(&path).unwrap_err().to_string();
        assert!(refused.contains("another agent"), "{refused}");
    }

    #[tokio::test]
    async fn a_file_in_the_sockets_place_is_not_touched() {
        let folder = folder(0o700);
        let path = folder.path().join("ordu.sock");
        std::fs::write(&path, "precious").unwrap();
        assert!(Endpoint::bind(&path).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    }
}
