use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::registers::{ChildKey, Member};
use crate::{ChildSpec, Constraint, NodeId};

use super::score;

/// A ready member as the decider sees it.
#[derive(Debug)]
pub(crate) struct Candidate<'a> {
    pub(crate) node: NodeId,
    pub(crate) member: &'a Member,
    /// Children it owns or is about to.
    pub(crate) load: u32,
}

/// Picks the node for a child: rendezvous of the id over the names of those that may run it, with a bounded
/// load of 1.25 times the mean (Mirrokni, Thorup and Zadimoghaddam, *Consistent Hashing with Bounded Loads*,
/// 2016). `Err` says of each member why it may not. Cost: one score for each candidate.
pub(crate) fn choose(
    child: &ChildKey,
    spec: &ChildSpec,
    candidates: &[Candidate<'_>],
    without: &[NodeId],
) -> Result<NodeId, String> {
    let mut refusals = Vec::new();
    let mut eligible = Vec::new();
    for candidate in candidates {
        match refusal(child, spec, candidate, without) {
            None => eligible.push(candidate),
            Some(why) => refusals.push(format!("{}: {why}", candidate.member.name)),
        }
    }
    let total: u64 = eligible.iter().map(|c| u64::from(c.load)).sum();
    let bound = load_bound(total, eligible.len() as u64);
    eligible
        .iter()
        .filter(|c| u64::from(c.load) < bound)
        .max_by_key(|c| (score(&c.member.name, child), c.node))
        .map(|c| c.node)
        .ok_or_else(|| {
            if refusals.is_empty() {
                String::from("no member is ready")
            } else {
                refusals.join("; ")
            }
        })
}

/// The most children one of `nodes` may own once there is one more: 1.25 times the mean, rounded up.
fn load_bound(total: u64, nodes: u64) -> u64 {
    (5 * (total + 1)).div_ceil(4 * nodes.max(1))
}

fn refusal(
    child: &ChildKey,
    spec: &ChildSpec,
    candidate: &Candidate<'_>,
    without: &[NodeId],
) -> Option<String> {
    let member = candidate.member;
    if without.contains(&candidate.node) {
        return Some("could not take it a moment ago".into());
    }
    if !member.hordes.contains(&child.horde) {
        return Some(format!("is not in horde {}", child.horde));
    }
    if !member
        .kinds
        .iter()
        .any(|(kind, version)| *kind == spec.kind && *version == spec.version)
    {
        return Some(format!("has no kind {}@{}", spec.kind, spec.version));
    }
    if let Some(capacity) = member.capacity
        && candidate.load >= capacity
    {
        return Some(format!("is full ({} of {capacity} children)", candidate.load));
    }
    spec.constraints.iter().find_map(|constraint| match constraint {
        Constraint::Node(name) if *name != member.name => Some(format!("is not {name}")),
        Constraint::Labels(labels) => labels
            .iter()
            .find(|(label, value)| member.labels.get(*label) != Some(value))
            .map(|(label, value)| format!("lacks label {label}={value}")),
        Constraint::Node(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;
    use alloc::vec;

    use super::*;
    use crate::registers::Status;
    use crate::{ChildId, HordeName, Kind, NodeName};

    fn horde() -> HordeName {
        HordeName::new("h").unwrap()
    }

    fn key(id: u32) -> ChildKey {
        ChildKey::new(horde(), ChildId::new(format!("child-{id}")).unwrap())
    }

    fn kind() -> Kind {
        Kind::new("k").unwrap()
    }

    fn member(name: &str) -> Member {
        Member {
            name: NodeName::new(name).unwrap(),
            addr: "127.0.0.1:1".parse().unwrap(),
            labels: BTreeMap::new(),
            capacity: None,
            kinds: vec![(kind(), 1)],
            hordes: vec![horde()],
            status: Status::Ready,
            over: Vec::new(),
        }
    }

    fn spec() -> ChildSpec {
        ChildSpec::new(kind(), 1, vec![])
    }

    #[test]
    fn no_node_gets_more_than_a_quarter_above_the_mean() {
        let members: Vec<_> = (0..5).map(|n| member(&format!("n{n}"))).collect();
        let mut load = [0_u32; 5];
        for id in 0..100 {
            let candidates: Vec<_> = members
                .iter()
                .enumerate()
                .map(|(n, member)| Candidate {
                    node: NodeId(n as u128),
                    member,
                    load: load[n],
                })
                .collect();
            let node = choose(&key(id), &spec(), &candidates, &[]).unwrap();
            load[usize::try_from(node.0).unwrap()] += 1;
        }
        assert!(load.iter().all(|n| *n <= 25), "{load:?}");
    }

    #[test]
    fn an_error_says_of_each_member_what_it_lacks() {
        let mut full = member("full");
        full.capacity = Some(1);
        let mut other_kind = member("other-kind");
        other_kind.kinds.clear();
        let plain = member("plain");
        let mut spec = spec();
        spec.constraints
            .push(Constraint::Labels([("disk".into(), "ssd".into())].into()));
        let candidates = [
            Candidate {
                node: NodeId(1),
                member: &full,
                load: 1,
            },
            Candidate {
                node: NodeId(2),
                member: &other_kind,
                load: 0,
            },
            Candidate {
                node: NodeId(3),
                member: &plain,
                load: 0,
            },
        ];
        assert_eq!(
            choose(&key(0), &spec, &candidates, &[]).unwrap_err(),
            "full: is full (1 of 1 children); other-kind: has no kind k@1; plain: lacks label disk=ssd"
        );
    }

    #[test]
    fn a_constraint_on_a_node_wins_over_the_score() {
        let (a, b) = (member("a"), member("b"));
        for id in 0..20 {
            let mut spec = spec();
            spec.constraints.push(Constraint::Node(b.name.clone()));
            let candidates = [
                Candidate {
                    node: NodeId(1),
                    member: &a,
                    load: 0,
                },
                Candidate {
                    node: NodeId(2),
                    member: &b,
                    load: 0,
                },
            ];
            assert_eq!(choose(&key(id), &spec, &candidates, &[]).unwrap(), NodeId(2));
        }
    }
}
