use std::fmt::Write as _;

use ring::digest::{SHA256, digest};

/// The longest name used, in bytes; most file systems allow 255, and log rotation adds to it.
const MAX: usize = 200;

/// A file name for a child's id: different for different ids, readable where it can be.
///
/// Bytes that are not letters, digits, `-` or `_` become `%xx` (also `.`, so that no name is special or looks
/// like that of a rotated log). What is too long then is cut and told apart by a hash.
pub(super) fn file_name(id: &str) -> String {
    let mut name = String::with_capacity(id.len());
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_' {
            name.push(char::from(byte));
        } else {
            let _ = write!(name, "%{byte:02x}");
        }
    }
    if name.len() > MAX {
        let hash = digest(&SHA256, id.as_bytes());
        name.truncate(MAX - 33);
        name.push('~');
        for byte in &hash.as_ref()[..16] {
            let _ = write!(name, "{byte:02x}");
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_ids_are_their_own_names() {
        assert_eq!(file_name("web-1_a"), "web-1_a");
    }

    #[test]
    fn no_id_leaves_its_directory() {
        for id in ["..", ".", "a/b", "../../etc/passwd", "~", "a.1"] {
            let name = file_name(id);
            assert!(!name.contains(['/', '.', '~']), "{id:?} became {name:?}");
        }
    }

    #[test]
    fn ids_that_are_too_long_stay_apart() {
        let (a, b) = (format!("{}a", "/".repeat(254)), format!("{}b", "/".repeat(254)));
        assert_ne!(file_name(&a), file_name(&b));
        assert_eq!(file_name(&a).len(), MAX);
    }
}
