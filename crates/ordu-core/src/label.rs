//! Labels of nodes, and of the constraints that are matched against them.

use alloc::collections::BTreeMap;
use alloc::string::String;

use crate::id::{Rule, plain};
use crate::{InvalidName, is_printable};

const NAME: Rule = Rule {
    what: "name of a label",
    max: 63,
    allowed: |c| plain(c) || c == '/',
    expected: "ASCII letters, digits, '-', '_', '.' and '/'",
};

const VALUE: Rule = Rule {
    what: "value of a label",
    max: 255,
    allowed: is_printable,
    expected: "none that moves the cursor, turns the text or cannot be seen",
};

/// Checks one label of a node or of a constraint: a name of 1 to 63 ASCII letters, digits, `-`, `_`, `.` and `/`, and a
/// value of at most 255 bytes, which may be empty.
///
/// ```
/// assert!(ordu_core::check_label("example.org/disk", "ssd").is_ok());
/// assert!(ordu_core::check_label("disk size", "1").is_err());
/// ```
pub fn check_label(name: &str, value: &str) -> Result<(), InvalidName> {
    NAME.check(name)?;
    if value.is_empty() {
        Ok(())
    } else {
        VALUE.check(value)
    }
}

/// Checks them all.
pub(crate) fn check(labels: &BTreeMap<String, String>) -> Result<(), InvalidName> {
    labels
        .iter()
        .try_for_each(|(name, value)| check_label(name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_one(name: &str, value: &str) -> Result<(), InvalidName> {
        check(&BTreeMap::from([(name.into(), value.into())]))
    }

    #[test]
    fn a_label_is_short_and_deceives_nobody() {
        for (name, value) in [("zone", "eu-1"), ("example.org/disk", ""), ("a", "größe 3")] {
            check_one(name, value).unwrap();
        }
        for (name, value) in [
            ("", "a"),
            ("..", "a"),
            ("zo ne", "a"),
            ("zone", "a\u{202e}b"),
            ("zone", "a\nb"),
            ("zone", " a"),
            ("zone", "\u{301}a"),
            ("zone", "\u{2800}"),
            (&"z".repeat(64), "a"),
            ("zone", &"a".repeat(63 * 1024)),
        ] {
            assert!(check_one(name, value).is_err(), "{name:.8}={value:.8}");
        }
    }
}
