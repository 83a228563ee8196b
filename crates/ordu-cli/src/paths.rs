//! Paths as they are stored: absolute, since a child may start on any node and long after.

use std::path::{Path, PathBuf};

/// A program as it is stored: a bare name stays one, for each node to look up in its PATH; a path is taken
/// from `folder`.
pub(crate) fn program(word: &str, folder: &Path) -> String {
    if word.contains('/') {
        clean(&folder.join(word)).to_string_lossy().into_owned()
    } else {
        word.to_owned()
    }
}

/// A path as text, without `.` and doubled slashes.
pub(crate) fn text(path: &Path) -> Result<String, String> {
    let not_text = |path: std::ffi::OsString| format!("the path {} is not UTF-8", path.display());
    clean(path).into_os_string().into_string().map_err(not_text)
}

/// Symbolic links are left alone: where they point to is the business of the node that runs the child.
fn clean(path: &Path) -> PathBuf {
    path.components().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_name_stays_one_and_a_path_becomes_absolute() {
        let folder = Path::new("/srv/app");
        assert_eq!(program("sleep", folder), "sleep");
        assert_eq!(program("./server", folder), "/srv/app/server");
        assert_eq!(program("bin//server", folder), "/srv/app/bin/server");
        assert_eq!(program("/bin/sh", folder), "/bin/sh");
    }
}
