//! Nodes that differ in what they can run, and children that are particular about where they run.

use std::collections::BTreeMap;
use std::sync::Arc;

use ordu_core::{ChildId, ChildSpec, Command, Constraint, HordeName, Kind};

use super::Chaos;
use crate::random::{Random, Rate};
use crate::simulation::PlannedCall;
use crate::{HostId, HostSetup, Plan};
use Difference::{Capacities, Hordes, Kinds, Labels};

/// What a child demands besides what its spec says anyway.
#[derive(Clone, Default)]
struct Demand {
    horde: Option<HordeName>,
    kind: Option<(Kind, u16)>,
    constraints: Vec<Constraint>,
}

/// What hosts can differ in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Difference {
    Labels,
    Kinds,
    Hordes,
    Capacities,
}

/// Some seeds have hosts with labels, with kinds and hordes of their own and with little room, and children that demand
/// them. A child without demands can run on every host.
pub(super) fn differ(plan: &mut Plan, chaos: Chaos) {
    let mut random = Random::new(plan.setup.seed, "extra: configuration");
    if !chaos.chooses(&mut random, Rate::percent(20)) {
        return;
    }
    let chosen: Vec<Difference> = [Labels, Kinds, Hordes, Capacities]
        .into_iter()
        .filter(|_| chaos.chooses(&mut random, Rate::percent(45)))
        .collect();
    for (index, host) in plan.setup.hosts.iter_mut().enumerate() {
        equip(&mut random, &chosen, index, host);
    }
    let hosts = plan.setup.hosts.clone();
    let mut demands: BTreeMap<ChildId, Demand> = BTreeMap::new();
    for (_, call) in &mut plan.calls {
        let id = call.command.child().1.clone();
        let demand = demands
            .entry(id)
            .or_insert_with(|| demand(&mut random, &chosen, hosts.len()));
        apply(&mut random, demand, &hosts, call);
    }
}

fn equip(random: &mut Random, chosen: &[Difference], index: usize, host: &mut HostSetup) {
    if chosen.contains(&Labels) {
        let zone = if random.chance(Rate::percent(50)) {
            "a"
        } else {
            "b"
        };
        host.labels.insert("zone".into(), zone.into());
        if random.chance(Rate::percent(30)) {
            host.labels.insert("disk".into(), "ssd".into());
        }
    }
    if chosen.contains(&Kinds) {
        for version in [1, 2] {
            if random.chance(Rate::percent(50)) {
                host.kinds.push((rare(), version));
            }
        }
    }
    if chosen.contains(&Hordes) {
        for (horde, rate) in [("side", 60), ("small", 30)] {
            if random.chance(Rate::percent(rate)) {
                host.hordes.extend(HordeName::new(horde).ok());
            }
        }
    }
    // The first host is there in every calm, with room for all.
    if chosen.contains(&Capacities) && index > 0 && random.chance(Rate::percent(60)) {
        host.capacity = u32::try_from(random.between(0, 8)).ok();
    }
}

fn demand(random: &mut Random, chosen: &[Difference], hosts: usize) -> Demand {
    let mut demand = Demand::default();
    if chosen.contains(&Labels) && random.chance(Rate::percent(60)) {
        let labels = |labels: &[(&str, &str)]| {
            let owned = labels
                .iter()
                .map(|(label, value)| ((*label).to_owned(), (*value).to_owned()));
            Constraint::Labels(owned.collect())
        };
        demand.constraints.push(match random.below(5) {
            0 => labels(&[("zone", "a")]),
            1 => labels(&[("zone", "b")]),
            2 => labels(&[("disk", "ssd")]),
            3 => labels(&[("disk", "ssd"), ("zone", "b")]),
            _ => Constraint::Node(HostId(random.index(hosts)).name()),
        });
    }
    if chosen.contains(&Kinds) && random.chance(Rate::percent(50)) {
        let version = if random.chance(Rate::percent(50)) { 1 } else { 2 };
        demand.kind = Some((rare(), version));
    }
    if chosen.contains(&Hordes) && random.chance(Rate::percent(60)) {
        let horde = if random.chance(Rate::percent(60)) {
            "side"
        } else {
            "small"
        };
        demand.horde = HordeName::new(horde).ok();
    }
    demand
}

/// Makes a call one about a child with these demands, and asks mostly whoever is in its horde.
fn apply(random: &mut Random, demand: &Demand, hosts: &[HostSetup], call: &mut PlannedCall) {
    if let Some(named) = &demand.horde {
        let (Command::StartChild { horde, .. }
        | Command::TerminateChild { horde, .. }
        | Command::RestartChild { horde, .. }
        | Command::DeleteChild { horde, .. }
        | Command::UpdateChild { horde, .. }) = &mut call.command;
        horde.clone_from(named);
        let is_in = |host: &usize| hosts[*host].hordes.contains(named);
        let members: Vec<usize> = (0..hosts.len()).filter(is_in).collect();
        if random.chance(Rate::percent(90))
            && let Some(host) = random.pick(&members)
        {
            call.host = HostId(*host);
        }
    }
    if let Command::StartChild { spec, .. } = &mut call.command {
        let mut particular = ChildSpec::clone(spec);
        particular.constraints.clone_from(&demand.constraints);
        if let Some((kind, version)) = &demand.kind {
            (particular.kind, particular.version) = (kind.clone(), *version);
        }
        *spec = Arc::new(particular);
    }
}

fn rare() -> Kind {
    Kind::new("rare").expect("a short name of letters is a valid kind")
}
