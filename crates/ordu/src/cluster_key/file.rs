use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use super::error::KeyFileError;

/// A full file of eight keys has less than 2 KiB.
const MAX_LEN: u64 = 16 * 1024;

/// Writes a new file for its owner alone; on error nothing is left behind.
pub(super) fn create(path: &Path, text: &str) -> Result<(), KeyFileError> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => KeyFileError::Exists {
                path: path.to_owned(),
            },
            _ => KeyFileError::Create {
                path: path.to_owned(),
                source,
            },
        })?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    written.map_err(|source| {
        // Half a key is worse than none; that it cannot be removed either adds nothing to the report.
        let _ = std::fs::remove_file(path);
        KeyFileError::Create {
            path: path.to_owned(),
            source,
        }
    })
}

/// Reads a file that only its owner can read.
pub(super) fn read(path: &Path) -> Result<String, KeyFileError> {
    let io = |source| KeyFileError::Read {
        path: path.to_owned(),
        source,
    };
    // Without O_NONBLOCK a pipe in the key's place would hang the boot. A symbolic link is followed: mounted
    // secrets are links; what counts are the rights of what is opened, so they are asked of the open file.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed())
        .open(path)
        .map_err(io)?;
    let own = rustix::process::geteuid().as_raw();
    let metadata = file.metadata().map_err(io)?;
    check(path, &metadata)?;
    check_owner(path, metadata.uid(), own)?;
    let folder = path.canonicalize().map_err(io)?;
    if let Some(folder) = folder.parent() {
        let metadata = folder.metadata().map_err(io)?;
        check_owner(folder, metadata.uid(), own)?;
        check_folder(path, metadata.mode() & 0o7777)?;
    }
    read_text(path, &file)
}

/// Root can read and change everything anyway.
pub(super) fn check_owner(path: &Path, owner: u32, own: u32) -> Result<(), KeyFileError> {
    if owner == own || owner == 0 {
        return Ok(());
    }
    Err(KeyFileError::OtherOwner {
        path: path.to_owned(),
        owner,
        own,
    })
}

/// With the sticky bit, as in `/tmp`, others can add names to a directory but not move ours away.
fn check_folder(path: &Path, mode: u32) -> Result<(), KeyFileError> {
    if mode & 0o002 == 0 || mode & 0o1000 != 0 {
        return Ok(());
    }
    Err(KeyFileError::OpenDirectory {
        path: path.to_owned(),
        mode,
    })
}

fn check(path: &Path, metadata: &Metadata) -> Result<(), KeyFileError> {
    if !metadata.is_file() {
        let got = if metadata.is_dir() {
            "a directory"
        } else {
            "a device, pipe or socket"
        };
        return Err(KeyFileError::NotAFile {
            path: path.to_owned(),
            got,
        });
    }
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeyFileError::TooOpen {
            path: path.to_owned(),
            mode,
        });
    }
    Ok(())
}

fn read_text(path: &Path, file: &File) -> Result<String, KeyFileError> {
    let mut text = String::new();
    let read = file.take(MAX_LEN + 1).read_to_string(&mut text);
    match read {
        Ok(len) if len as u64 > MAX_LEN => Err(KeyFileError::TooLong {
            path: path.to_owned(),
            max: MAX_LEN,
        }),
        Ok(_) => Ok(text),
        Err(source) => Err(KeyFileError::Read {
            path: path.to_owned(),
            source,
        }),
    }
}
