use alloc::string::String;
use alloc::sync::Arc;
use core::borrow::Borrow;
use core::fmt;
use core::str::FromStr;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::is_printable;
use crate::text::is_mark;

/// Identity of one running node: 128 bits, new at every boot (S1.6).
///
/// The upper 48 bits are the boot time in milliseconds, so a newer boot of a name has the larger id; the
/// rest is random. It is the replica id of the node's replicated state and half of every fencing token.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u128);

impl NodeId {
    /// An id for a node that boots at `boot_ms` (milliseconds since the Unix epoch, 48 bits used).
    pub fn new(boot_ms: u64, random: u128) -> Self {
        Self((u128::from(boot_ms) << 80) | (random & ((1 << 80) - 1)))
    }

    /// When the node booted, in milliseconds since the Unix epoch, by its own wall clock.
    pub fn boot_ms(self) -> u64 {
        u64::try_from(self.0 >> 80).unwrap_or(u64::MAX)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeId({self})")
    }
}

impl FromStr for NodeId {
    type Err = core::num::ParseIntError;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        u128::from_str_radix(s, 16).map(Self)
    }
}

/// Plain bytes on the wire, which are shorter than a random `u128` as a varint and taken at once; hex digits for people.
impl Serialize for NodeId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_bytes(&self.0.to_be_bytes())
        }
    }
}

impl<'de> Deserialize<'de> for NodeId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            deserializer.deserialize_str(NodeIdVisitor)
        } else {
            deserializer.deserialize_bytes(NodeIdVisitor)
        }
    }
}

struct NodeIdVisitor;

impl Visitor<'_> for NodeIdVisitor {
    type Value = NodeId;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a node id of 16 bytes or 32 hex digits")
    }

    fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<NodeId, E> {
        let bytes = <[u8; 16]>::try_from(bytes).map_err(|_| E::invalid_length(bytes.len(), &self))?;
        Ok(NodeId(u128::from_be_bytes(bytes)))
    }

    fn visit_str<E: serde::de::Error>(self, digits: &str) -> Result<NodeId, E> {
        digits.parse().map_err(E::custom)
    }
}

/// Why a name was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidName {
    /// The name is empty.
    #[error("the {what} is empty; expected 1 to {max} bytes")]
    Empty {
        /// What was named.
        what: &'static str,
        /// The longest name allowed, in bytes.
        max: usize,
    },
    /// The name is too long.
    #[error("the {what} is {got} bytes long; expected at most {max}")]
    TooLong {
        /// What was named.
        what: &'static str,
        /// Its length in bytes.
        got: usize,
        /// The longest name allowed, in bytes.
        max: usize,
    },
    /// The name has a character that is not allowed.
    #[error("the {what} {name:?} contains {found:?}; expected {expected}")]
    Character {
        /// What was named.
        what: &'static str,
        /// The name.
        name: String,
        /// The first character that is not allowed.
        found: char,
        /// What is allowed.
        expected: &'static str,
    },
    /// The name begins or ends with white space, so that it looks like another, or like none.
    #[error("the {what} {name:?} begins or ends with white space ({found:?}); expected none at its ends")]
    Blank {
        /// What was named.
        what: &'static str,
        /// The name.
        name: String,
        /// The character.
        found: char,
    },
    /// The name begins with a mark that is shown on the character before it, which is not of the name.
    #[error(
        "the {what} {name:?} begins with a mark on the character before it ({}); expected a letter, digit or sign \
         first", found.escape_unicode()
    )]
    Mark {
        /// What was named.
        what: &'static str,
        /// The name.
        name: String,
        /// The mark.
        found: char,
    },
    /// The name is that of a directory in every directory.
    #[error("the {what} is {name:?}, which is a path; expected a name that can be one of a file")]
    Path {
        /// What was named.
        what: &'static str,
        /// The name.
        name: &'static str,
    },
}

/// What a name must be.
pub(crate) struct Rule {
    pub(crate) what: &'static str,
    /// In bytes.
    pub(crate) max: usize,
    pub(crate) allowed: fn(char) -> bool,
    pub(crate) expected: &'static str,
}

impl Rule {
    /// Checks a name; one that is too long is not repeated.
    pub(crate) fn check(&self, name: &str) -> Result<(), InvalidName> {
        let &Self {
            what,
            max,
            allowed,
            expected,
        } = self;
        if name.is_empty() {
            return Err(InvalidName::Empty { what, max });
        }
        if name.len() > max {
            let got = name.len();
            return Err(InvalidName::TooLong { what, got, max });
        }
        // Names become those of files, and parts of addresses.
        if let Some(name) = [".", ".."].into_iter().find(|path| *path == name) {
            return Err(InvalidName::Path { what, name });
        }
        if let Some(found) = name.chars().find(|c| !allowed(*c)) {
            return Err(InvalidName::Character {
                what,
                name: name.into(),
                found,
                expected,
            });
        }
        let ends = [name.chars().next(), name.chars().next_back()];
        if let Some(found) = ends.into_iter().flatten().find(|c| c.is_whitespace()) {
            let name = name.into();
            return Err(InvalidName::Blank { what, name, found });
        }
        if let Some(found) = name.chars().next().filter(|c| is_mark(*c)) {
            let name = name.into();
            return Err(InvalidName::Mark { what, name, found });
        }
        Ok(())
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $what:literal, $max:literal, $allowed:expr, $expected:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(Arc<str>);

        impl $type {
            /// The longest name allowed, in bytes.
            pub const MAX_LEN: usize = $max;

            /// Checks and wraps a name.
            pub fn new(name: impl AsRef<str>) -> Result<Self, InvalidName> {
                const RULE: Rule = Rule {
                    what: $what,
                    max: $max,
                    allowed: $allowed,
                    expected: $expected,
                };
                let name = name.as_ref();
                RULE.check(name).map(|()| Self(name.into()))
            }

            /// The name as a string slice.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $type {
            type Error = InvalidName;

            fn try_from(name: String) -> Result<Self, InvalidName> {
                Self::new(name)
            }
        }

        impl From<$type> for String {
            fn from(name: $type) -> String {
                name.0.as_ref().into()
            }
        }

        impl FromStr for $type {
            type Err = InvalidName;

            fn from_str(name: &str) -> Result<Self, InvalidName> {
                Self::new(name)
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(Checked {
                    what: $what,
                    check: |name| Self::new(name),
                })
            }
        }

        impl Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }
    };
}

/// Takes a name from what is decoded without a copy of it in between.
struct Checked<T> {
    what: &'static str,
    check: fn(&str) -> Result<T, InvalidName>,
}

impl<T> Visitor<'_> for Checked<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a {}", self.what)
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<T, E> {
        (self.check)(name).map_err(E::custom)
    }
}

pub(crate) fn plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

name!(
    /// The stable, human name of a node. Placement and deciders go by it, so it should outlive reboots.
    NodeName, "node name", 63, plain, "ASCII letters, digits, '-', '_' and '.'"
);
name!(
    /// The name of a cluster; part of what its certificates are derived from.
    ClusterName, "cluster name", 63, plain, "ASCII letters, digits, '-', '_' and '.'"
);
name!(
    /// The name of one distributed supervisor; several can share a cluster.
    HordeName, "horde name", 63, plain, "ASCII letters, digits, '-', '_' and '.'"
);
name!(
    /// A child's name, unique in its horde: the user's string.
    ChildId, "child id", 255, is_printable, "none that moves the cursor, turns the text or cannot be seen"
);
name!(
    /// The name under which a worker type is registered on a node.
    Kind, "kind", 63, plain, "ASCII letters, digits, '-', '_' and '.'"
);

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;

    use super::*;

    #[test]
    fn a_name_that_is_a_path_or_deceives_its_readers_is_refused() {
        for name in [
            "",
            ".",
            "..",
            "a\0b",
            "a\nb",
            "a\u{1b}[2Jb",
            "a\u{202e}b",
            "a\u{200b}b",
            "a\u{2066}b",
            "\u{2800}",
            "a\u{2800}b",
            "\u{1d159}",
        ] {
            assert!(ChildId::new(name).is_err(), "{name:?} is taken for a child id");
            assert!(NodeName::new(name).is_err(), "{name:?} is taken for a node name");
        }
        for name in ["...", ".a", "a..b"] {
            ChildId::new(name).unwrap();
            NodeName::new(name).unwrap();
        }
        for (id, why) in [
            (" ", "begins or ends with white space (' ')"),
            (" web", "begins or ends with white space (' ')"),
            ("web ", "begins or ends with white space (' ')"),
            ("web\u{3000}", "begins or ends with white space"),
            (
                "\u{301}web",
                "begins with a mark on the character before it (\\u{301})",
            ),
            (
                "\u{20dd}",
                "begins with a mark on the character before it (\\u{20dd})",
            ),
        ] {
            let error = ChildId::new(id).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
            assert!(NodeName::new(id).is_err(), "{id:?} is taken for a node name");
        }
        for id in ["e\u{301}t\u{e9}", "\"web\"", "\\", "'", "\u{e000}"] {
            ChildId::new(id).unwrap();
        }
        for id in ["web 1", "größe", "網站", "🚀", "a/b"] {
            ChildId::new(id).unwrap();
        }
    }

    #[test]
    fn the_longest_name_is_measured_in_bytes() {
        let longest = "ä".repeat(127) + "a";
        assert_eq!(longest.len(), ChildId::MAX_LEN);
        ChildId::new(&longest).unwrap();
        let error = ChildId::new(longest + "a").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the child id is 256 bytes long; expected at most 255"
        );
    }

    #[test]
    fn a_name_of_a_peer_is_held_to_the_same_rule() {
        let told = postcard::to_allocvec("a\u{202e}b").unwrap();
        assert!(postcard::from_bytes::<ChildId>(&told).is_err());
        let told = postcard::to_allocvec("..").unwrap();
        assert!(postcard::from_bytes::<NodeName>(&told).is_err());
    }
}
