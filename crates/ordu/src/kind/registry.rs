use std::collections::BTreeMap;
use std::sync::Arc;

use ordu_core::Kind;

use super::WorkerKind;

/// The kinds of one node.
#[derive(Debug, Default)]
pub(crate) struct Kinds {
    by_name: BTreeMap<Kind, Arc<dyn WorkerKind>>,
}

/// Two kinds of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DuplicateKind(pub(crate) Kind);

impl Kinds {
    pub(crate) fn new(kinds: impl IntoIterator<Item = Arc<dyn WorkerKind>>) -> Result<Self, DuplicateKind> {
        let mut by_name = BTreeMap::new();
        for kind in kinds {
            let name = kind.kind();
            if by_name.insert(name.clone(), kind).is_some() {
                return Err(DuplicateKind(name));
            }
        }
        Ok(Self { by_name })
    }

    /// What the cluster is told: every kind in every version.
    pub(crate) fn versions(&self) -> Vec<(Kind, u16)> {
        self.by_name
            .iter()
            .flat_map(|(name, kind)| kind.versions().into_iter().map(|version| (name.clone(), version)))
            .collect()
    }

    pub(crate) fn find(&self, name: &Kind) -> Option<&Arc<dyn WorkerKind>> {
        self.by_name.get(name)
    }
}
