use crate::node::Node;
use crate::registers::{Intent, Key};

/// What a node keeps only for others that may not have seen it yet: nothing of it stays for ever (S1.4, S2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Removes.
    pub removes: usize,
    /// Marks of deletions, those aside that wait for whoever was written off, too.
    pub marks: usize,
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
        Kept {
            removes: map.removes(),
            marks: marks.count(),
        }
    }
}
