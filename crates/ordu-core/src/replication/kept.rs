use crate::node::Node;
use crate::registers::{ChildKey, Intent, Key};

/// What a node keeps only for others that may not have seen it yet: nothing of it stays for ever (S1.4, S2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Removes.
    pub removes: usize,
    /// Marks of deletions, those aside that wait for whoever was written off, too.
    pub marks: usize,
    /// Values beside the one that counts, of children.
    pub siblings: usize,
    /// Boots of which more is kept than an id and a number.
    pub origins: usize,
    /// Records of members.
    pub members: usize,
    /// Claims of children of which no intent is held.
    pub claims_alone: usize,
}

impl Node {
    /// What this node keeps for others. Looks at all that it holds.
    pub fn kept(&self) -> Kept {
        let map = self.replica.map();
        let marks = self.children.graves.iter().filter(|child| {
            let intents = map.siblings(&Key::Intent((*child).clone()));
            let intents = intents.filter_map(|sibling| sibling.value.decode::<Intent>());
            !{ intents }.any(|intent| intent.retried)
        });
        let children = self.children.all.keys();
        let beside = |key: Key| map.siblings(&key).count().saturating_sub(1);
        let beside =
            |child: &ChildKey| beside(Key::Intent(child.clone())) + beside(Key::Claim(child.clone()));
        let is_alone = |key: &&Key| match key {
            Key::Claim(child) => !map.contains_key(&Key::Intent(child.clone())),
            _ => false,
        };
        Kept {
            removes: map.removes(),
            marks: marks.count(),
            siblings: children.map(beside).sum(),
            origins: self.replica.vector().len(),
            members: map.keys().filter(|key| matches!(key, Key::Member(_))).count(),
            claims_alone: map.keys().filter(is_alone).count(),
        }
    }
}
