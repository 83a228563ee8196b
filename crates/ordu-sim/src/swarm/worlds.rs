use std::time::Duration;

use ordu_core::Timing;

use super::Chaos;
use crate::random::{Random, Rate};
use crate::{Behaviour, HostId, HostSetup, Path, Setup};

/// How the nodes of a cluster find each other.
#[derive(Clone, Copy)]
enum Discovery {
    Everybody,
    EverybodyElse,
    TheFirst,
    TheOneBefore,
}

pub(super) fn setup(random: &mut Random, seed: u64, hosts: usize, chaos: Chaos) -> Setup {
    let mut setup = Setup::lan(hosts, seed);
    network(random, &mut setup, chaos);
    let discovery = *random
        .pick(&[
            Discovery::Everybody,
            Discovery::Everybody,
            Discovery::EverybodyElse,
            Discovery::TheFirst,
            Discovery::TheOneBefore,
        ])
        .unwrap_or(&Discovery::Everybody);
    let drifts = chaos.chooses(random, Rate::percent(50));
    let apart = chaos.chooses(random, Rate::percent(50));
    for index in 0..hosts {
        let mut host = HostSetup::plain(seeds(discovery, index, hosts));
        host.region = setup.hosts[index].region;
        if drifts {
            host.drift_ppm = spread(random, 300);
        }
        if apart {
            host.offset_ms = spread(random, 100_000);
        }
        setup.hosts[index] = host;
    }
    setup.timing = timing(random);
    setup.idle_timeout = Duration::from_secs(*random.pick(&[600, 600, 600, 30]).unwrap_or(&600));
    setup.refuses = random.chance(Rate::percent(50));
    setup.keeper.1 = random.magnitude(Duration::from_millis(5), Duration::from_millis(500));
    setup.boots_in_order = random.chance(Rate::percent(85));
    setup.behaviours = vec![Behaviour::steady()];
    if chaos.chooses(random, Rate::percent(50)) {
        let more = chaos.number(random, 1, 6);
        for _ in 0..more {
            let behaviour = Behaviour::any(random);
            setup.behaviours.push(behaviour);
        }
    }
    setup
}

/// Of how many hosts a seed's world is.
pub(super) fn size(random: &mut Random) -> usize {
    let (low, high) = match random.below(100) {
        0..35 => (2, 3),
        35..82 => (3, 7),
        82..97 => (8, 14),
        _ => (15, 50),
    };
    usize::try_from(random.between(low, high)).unwrap_or(2)
}

fn network(random: &mut Random, setup: &mut Setup, chaos: Chaos) {
    if random.chance(Rate::percent(30)) {
        let regions = usize::try_from(random.between(2, 3)).unwrap_or(2);
        for host in &mut setup.hosts {
            host.region = random.index(regions);
        }
        setup.far = Path::wan(random.duration(Duration::from_millis(5), Duration::from_millis(35)));
    }
    // Some networks are never quite clean.
    if chaos.chooses(random, Rate::percent(30)) {
        let loss = Rate(u32::try_from(random.between(100, 20_000)).unwrap_or(0));
        let duplication = Rate(u32::try_from(random.between(0, 20_000)).unwrap_or(0));
        for path in [&mut setup.near, &mut setup.far] {
            (path.loss, path.duplication) = (loss, duplication);
        }
    }
}

fn timing(random: &mut Random) -> Timing {
    let mut timing = Timing::default();
    if random.chance(Rate::percent(50)) {
        timing.clock_bound = Duration::from_hours(3);
    }
    if random.chance(Rate::percent(30)) {
        timing.sync_period = random.duration(Duration::from_millis(500), Duration::from_secs(8));
    }
    timing
}

fn seeds(discovery: Discovery, index: usize, hosts: usize) -> Vec<HostId> {
    let all = (0..hosts).map(HostId);
    match discovery {
        Discovery::Everybody => all.collect(),
        Discovery::EverybodyElse => all.filter(|host| host.0 != index).collect(),
        Discovery::TheFirst => all.take(usize::from(index > 0)).collect(),
        Discovery::TheOneBefore => all.filter(|host| host.0 + 1 == index).collect(),
    }
}

fn spread(random: &mut Random, most: u64) -> i64 {
    let value = i64::try_from(random.between(0, 2 * most)).unwrap_or(0);
    value - i64::try_from(most).unwrap_or(0)
}
