use alloc::collections::BTreeSet;
use core::net::SocketAddr;

use ordu_crdt::Hlc;
use serde::{Deserialize, Serialize};

use crate::{NodeId, NodeName};

/// That a node has ended, and never comes back (S2.4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Removal {
    /// All that was said of its end: several nodes may say so, each in its part of a split, and each word is weighed. Whoever
    /// takes over what an ended node wrote, or makes one value of several, leaves them as they are.
    pub(crate) words: BTreeSet<Word>,
    /// Who was removed by hand: where that turns out to be void, it is a member like any other, and its record is gone.
    pub(crate) who: Option<(NodeName, SocketAddr)>,
}

/// One node's word that another has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Word {
    /// When it was said.
    pub(crate) at: Hlc,
    /// Who says so.
    pub(crate) by: NodeId,
    pub(crate) why: Why,
}

impl Removal {
    pub(crate) fn new(word: Word, who: Option<(NodeName, SocketAddr)>) -> Self {
        let words = BTreeSet::from([word]);
        Self { words, who }
    }

    /// All that two removals of one node say.
    pub(crate) fn merge(mut self, other: Self) -> Self {
        self.words.extend(other.words);
        self.who = self.who.or(other.who);
        self
    }
}

/// By what a node has ended: there is nothing else, and least of all its silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Why {
    /// It wrote that it left.
    Left,
    /// Another boot of its name was admitted.
    Replaced(NodeId),
    /// An operator removed it.
    ByHand,
}
