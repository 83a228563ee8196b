//! What a replica tells about its map.

use crate::Sibling;

/// A change of one key since the key was last polled; several changes of it in between are told as one.
///
/// Every change of a key's set of siblings is told, also one that leaves the winner as it was, for layers that
/// choose a winner by a rule of their own. Read the siblings of now with
/// [`AwLwwMap::siblings`](crate::AwLwwMap::siblings).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change<K, V> {
    /// The key.
    pub key: K,
    /// The winner before, `None` if the key had no value.
    pub before: Option<Sibling<V>>,
    /// The winner now, `None` if the key has no value.
    pub after: Option<Sibling<V>>,
}

/// What became of the winner of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// The key had no value and has one.
    Added,
    /// Another value won.
    Updated,
    /// The key has no value any more.
    Removed,
    /// The winner is the same; siblings beside it came or went.
    Siblings,
}

impl<K, V> Change<K, V> {
    /// What became of the winner.
    pub fn kind(&self) -> ChangeKind {
        match (&self.before, &self.after) {
            (None, Some(_)) => ChangeKind::Added,
            (Some(_), None) => ChangeKind::Removed,
            (Some(before), Some(after)) if before.dot != after.dot => ChangeKind::Updated,
            (Some(_), Some(_)) | (None, None) => ChangeKind::Siblings,
        }
    }
}
