//! From a seed to a plan: each seed is another cluster, another network, other workers, other troubles.

mod biased;
mod calls;
mod calm;
mod children;
mod configuration;
mod extras;
mod faults;
mod same_instant;
mod troubles;
mod which;
mod worlds;

pub use biased::{Bias, biased};
pub use which::Worlds;

use std::time::Duration;

use crate::{HostId, Moment, Plan, Random, Rate};

/// Within this time a cluster must have settled once nothing goes wrong any more: booting alone
/// (`boot_grace`), finding each other again (`redial_max`), taking over, and resolving conflicts.
pub const SETTLE_WITHIN: Duration = Duration::from_mins(1);

/// How much of what a seed can choose from it chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chaos {
    /// As it is drawn: each seed something else.
    Drawn,
    /// All of it, as often as a seed can have it.
    Full,
    /// All that too, and most of what only some seeds have.
    Wild,
}

impl Chaos {
    /// Whether something is chosen that would be drawn at this rate.
    fn chooses(self, random: &mut Random, rate: Rate) -> bool {
        random.chance(rate) || self != Self::Drawn
    }

    /// A number from `low` to `high`, both included.
    fn number(self, random: &mut Random, low: u64, high: u64) -> u64 {
        let drawn = random.between(low, high);
        if self == Self::Drawn { drawn } else { high }
    }
}

/// The plan of a seed.
pub fn plan(seed: u64) -> Plan {
    let mut random = Random::new(seed, "plan");
    let hosts = worlds::size(&mut random);
    made(seed, random, hosts, Chaos::Drawn)
}

/// A plan of `hosts` nodes with every trouble that a seed can choose, each as often as a seed can have it, with bad
/// workers, clocks that drift, a network that loses packets, hosts that differ and many calls: what the cost of chaos is
/// measured with. The extras that only some seeds have are left out but for the hosts that differ.
pub fn chaos(seed: u64, hosts: usize) -> Plan {
    made(seed, Random::new(seed, "chaos"), hosts, Chaos::Full)
}

/// A plan of `hosts` nodes with all that [`chaos`] has, and on top of it most of the troubles of networks, machines and
/// set-ups that only some seeds have, each once or twice, and other times, removals and lists of members as often as seeds
/// have them.
pub fn wild(seed: u64, hosts: usize) -> Plan {
    made(seed, Random::new(seed, "wild"), hosts, Chaos::Wild)
}

fn made(seed: u64, mut random: Random, hosts: usize, chaos: Chaos) -> Plan {
    let setup = worlds::setup(&mut random, seed, hosts, chaos);
    let calm_at = Moment::default() + random.duration(Duration::from_secs(15), Duration::from_secs(70));
    let faults = faults::faults(&mut random, &setup, calm_at, chaos);
    let calls = calls::calls(&mut random, &setup, calm_at, chaos);
    // Discovery by one address needs the node there; with all addresses known some may stay dead.
    let all_known = setup
        .hosts
        .iter()
        .all(|host| host.seeds.len() >= setup.hosts.len() - 1);
    let some_stay_dead = all_known && random.chance(Rate::percent(30));
    let revived = (0..setup.hosts.len())
        .map(HostId)
        .filter(|host| host.0 == 0 || !some_stay_dead || random.chance(Rate::percent(60)))
        .collect();
    let mut plan = Plan {
        setup,
        faults,
        calls,
        calm_at,
        revived,
        joined: Vec::new(),
        settle_within: SETTLE_WITHIN,
        rounds: 3,
        calm_for: Duration::ZERO,
        calm_calls: Vec::new(),
        last_crash: None,
    };
    configuration::differ(&mut plan, chaos);
    extras::flood(&mut plan, chaos);
    extras::joins(&mut plan, chaos);
    extras::times(&mut plan, chaos);
    extras::removals(&mut plan, chaos);
    extras::lists(&mut plan, chaos);
    troubles::trouble(&mut plan, chaos);
    children::unkillable(&mut plan, chaos);
    children::ignored(&mut plan, chaos);
    children::times_apart(&mut plan, chaos);
    children::small_limits(&mut plan, chaos);
    same_instant::last_writes(&mut plan, chaos);
    same_instant::crowds(&mut plan, chaos);
    same_instant::sides(&mut plan, chaos);
    calm::calls(&mut plan);
    calm::last_crash(&mut plan);
    plan
}

/// A plan of `hosts` plain nodes in which nothing goes wrong: what the cost of quiet time is measured with.
pub fn quiet(seed: u64, hosts: usize, children: usize, length: Duration) -> Plan {
    let mut random = Random::new(seed, "plan");
    let setup = crate::Setup::lan(hosts, seed);
    let faults = faults::boots(&mut random, &setup, Duration::from_millis(500));
    let calls = calls::starts(&mut random, &setup, children, Duration::from_secs(5));
    Plan {
        setup,
        faults,
        calls,
        calm_at: Moment::default() + length,
        revived: Vec::new(),
        joined: Vec::new(),
        settle_within: SETTLE_WITHIN,
        rounds: 1,
        calm_for: Duration::ZERO,
        calm_calls: Vec::new(),
        last_crash: None,
    }
}
