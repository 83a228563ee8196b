use std::ffi::OsString;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};

use super::error::KeyFileError;

/// A full file of eight keys has less than 2 KiB.
const MAX_LEN: u64 = 16 * 1024;

/// As many links on one path as the system follows.
const MAX_LINKS: usize = 40;

/// Writes a new file for its owner alone; on error nothing is left behind.
///
/// Where it would be refused when it is read it is not made.
pub(super) fn create(path: &Path, text: &str) -> Result<(), KeyFileError> {
    match check_way(path, rustix::process::geteuid().as_raw()) {
        // That it cannot be looked at is told when it cannot be made.
        Ok(()) | Err(KeyFileError::Read { .. }) => {}
        Err(error) => return Err(error),
    }
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
    check_way(path, own)?;
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

/// Follows a path, through all its links, as the system does, and checks each directory in which a name of it is looked
/// up: whoever can write to one of them can put another directory, link or file in the place of that name. The
/// links and the directories that hold them or the file must be ours, too.
fn check_way(path: &Path, own: u32) -> Result<(), KeyFileError> {
    let io = |source| KeyFileError::Read {
        path: path.to_owned(),
        source,
    };
    let mut links = 0;
    let mut here = PathBuf::from("/");
    let mut rest = names(&std::path::absolute(path).map_err(io)?);
    while let Some(name) = rest.pop() {
        if name == ".." {
            here.pop();
            continue;
        }
        let directory = here.metadata().map_err(io)?;
        check_directory(path, &here, directory.mode() & 0o7777)?;
        let next = here.join(&name);
        let found = match next.symlink_metadata() {
            Ok(found) => Some(found),
            // The file that is about to be made.
            Err(error) if error.kind() == io::ErrorKind::NotFound && rest.is_empty() => None,
            Err(error) => return Err(io(error)),
        };
        let is_link = found.as_ref().is_some_and(Metadata::is_symlink);
        if is_link || rest.is_empty() {
            check_owner(&here, directory.uid(), own)?;
        }
        if !is_link {
            here = next;
            continue;
        }
        links += 1;
        if links > MAX_LINKS {
            return Err(io(rustix::io::Errno::LOOP.into()));
        }
        if let Some(link) = found {
            check_owner(&next, link.uid(), own)?;
        }
        let target = next.read_link().map_err(io)?;
        if target.is_absolute() {
            here = PathBuf::from("/");
        }
        rest.extend(names(&target));
    }
    Ok(())
}

/// The names of a path, the first of them last.
fn names(path: &Path) -> Vec<OsString> {
    let name = |part: Component<'_>| match part {
        Component::Normal(_) | Component::ParentDir => Some(part.as_os_str().to_owned()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    };
    path.components().rev().filter_map(name).collect()
}

/// With the sticky bit, as in `/tmp`, others can add names to a directory but not move ours away.
fn check_directory(path: &Path, directory: &Path, mode: u32) -> Result<(), KeyFileError> {
    if mode & 0o002 == 0 || mode & 0o1000 != 0 {
        return Ok(());
    }
    Err(KeyFileError::OpenDirectory {
        path: path.to_owned(),
        directory: directory.to_owned(),
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
