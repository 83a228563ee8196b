//! What goes wrong with the network, the machines and how nodes are set up that only some seeds have. Each family draws
//! from a stream of its own, so that a seed that does not have it is the world it was before.

mod machines;
mod nodes;
mod ways;

use std::time::Duration;

use super::Chaos;
use crate::random::{Random, Rate};
use crate::{Fault, HostId, Moment, Plan};

/// A kind of trouble, as it comes into a plan.
type Trouble = fn(&mut Random, &mut Plan);

/// What a seed has one of, if it has any of a family.
struct Family {
    stream: &'static str,
    troubles: &'static [Trouble],
}

const FAMILIES: [Family; 9] = [
    Family {
        stream: "extra: pairs",
        troubles: &[ways::pairs],
    },
    Family {
        stream: "extra: lopsided",
        troubles: &[ways::lossy, ways::narrow],
    },
    Family {
        stream: "extra: breaks",
        troubles: &[ways::breaks],
    },
    Family {
        stream: "extra: idle",
        troubles: &[ways::idle],
    },
    Family {
        stream: "extra: refusals",
        troubles: &[ways::refusals],
    },
    Family {
        stream: "extra: addresses",
        troubles: &[nodes::addresses],
    },
    Family {
        stream: "extra: names",
        troubles: &[nodes::namesake, nodes::namesake, nodes::clone, nodes::version],
    },
    Family {
        stream: "extra: slowness",
        troubles: &[machines::slow, machines::flapping, machines::absence],
    },
    Family {
        stream: "extra: slew",
        troubles: &[machines::slew],
    },
];

/// Some seeds have one kind of trouble of a family; wild worlds most of all.
pub(super) fn trouble(plan: &mut Plan, chaos: Chaos) {
    for Family { stream, troubles } in &FAMILIES {
        let mut random = Random::new(plan.setup.seed, stream);
        match chaos {
            // What chaos costs is measured without, and its seeds are kept.
            Chaos::Full => {}
            Chaos::Drawn => {
                if random.chance(Rate::percent(10))
                    && let Some(trouble) = random.pick(troubles)
                {
                    trouble(&mut random, plan);
                }
            }
            Chaos::Wild => {
                for trouble in *troubles {
                    if random.chance(Rate::percent(70)) {
                        for _ in 0..random.between(1, 2) {
                            trouble(&mut random, plan);
                        }
                    }
                }
            }
        }
    }
    plan.faults.sort_by_key(|(at, _)| *at);
}

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Some moment of the chaos, once the first nodes may be there.
fn moment(random: &mut Random, plan: &Plan) -> Moment {
    Moment(random.between(2_000_000, plan.calm_at.0.max(2_000_001)))
}

fn host(random: &mut Random, plan: &Plan) -> HostId {
    HostId(random.index(plan.setup.hosts.len()))
}

/// Two hosts, if there are two.
fn two(random: &mut Random, plan: &Plan) -> Option<(HostId, HostId)> {
    let hosts = plan.setup.hosts.len();
    let one = random.index(hosts);
    let other = (one + 1 + random.index(hosts.saturating_sub(1))) % hosts;
    (one != other).then_some((HostId(one), HostId(other)))
}

/// A node's process ends, as if its machine had failed or only it.
fn death(random: &mut Random, host: HostId) -> Fault {
    if random.chance(Rate::percent(30)) {
        Fault::PowerOff(host)
    } else {
        Fault::Crash(host)
    }
}
