use std::collections::{BTreeMap, BTreeSet};

use ordu_core::{MemberState, NodeId, NodeName};

use super::{Invariant, Verdict};
use crate::oracle::{BootRecord, History};

/// Every node sees every living node alive and knows no other for alive, and of each name one member only.
#[derive(Debug)]
pub(super) struct Ghosts;

impl Invariant for Ghosts {
    fn name(&self) -> &'static str {
        "ghosts"
    }

    fn rule(&self) -> &'static str {
        "S2.4, S6.1, S6.2"
    }

    fn settled(&self, history: &History) -> Verdict {
        let living = history.living();
        let living: BTreeMap<NodeName, NodeId> =
            living.map(|record| (record.name.clone(), record.node)).collect();
        if living.len() < history.living().count() {
            return Err(format!("two living nodes have one name: {living:?} are not all"));
        }
        history.living().try_for_each(|record| judge(record, &living))
    }
}

fn judge(record: &BootRecord, names_of: &BTreeMap<NodeName, NodeId>) -> Verdict {
    let boot = record.boot;
    let living: BTreeSet<NodeId> = names_of.values().copied().collect();
    let mut names: BTreeMap<&NodeName, usize> = BTreeMap::new();
    for member in record.members.values() {
        let gone = matches!(member.state, MemberState::Left | MemberState::Removed);
        // Where a clock was set back between two boots the newer one has the smaller id and replaces nobody.
        let outlived = member.state == MemberState::Down
            && names_of.get(&member.name).is_some_and(|node| *node < member.id);
        if !gone && !outlived {
            *names.entry(&member.name).or_default() += 1;
        }
        if member.state == MemberState::Alive && !living.contains(&member.id) {
            return Err(format!(
                "{boot} sees {} ({}) alive; it is dead",
                member.name, member.id
            ));
        }
    }
    if let Some((name, count)) = names.iter().find(|(_, count)| **count > 1) {
        return Err(format!("{boot} knows {count} members of the name {name}"));
    }
    for node in &living {
        let seen = record.members.get(node).map(|member| member.state);
        let itself = *node == record.node && seen.is_none();
        if !itself && seen != Some(MemberState::Alive) {
            return Err(format!("{boot} sees the living node {node} as {seen:?}"));
        }
    }
    Ok(())
}
