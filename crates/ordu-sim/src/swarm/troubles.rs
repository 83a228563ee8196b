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
    /// How many seeds have one of them.
    drawn: Rate,
    /// How many wild ones have each of them.
    wild: Rate,
}

const DRAWN: Rate = Rate::percent(10);
const WILD: Rate = Rate::percent(70);

const FAMILIES: [Family; 10] = [
    Family {
        stream: "extra: pairs",
        troubles: &[ways::pairs],
        drawn: DRAWN,
        wild: WILD,
    },
    Family {
        stream: "extra: lopsided",
        troubles: &[ways::lossy, ways::narrow],
        drawn: DRAWN,
        wild: WILD,
    },
    Family {
        stream: "extra: breaks",
        troubles: &[ways::breaks],
        drawn: DRAWN,
        wild: WILD,
    },
    Family {
        stream: "extra: idle",
        troubles: &[ways::idle],
        drawn: DRAWN,
        wild: WILD,
    },
    Family {
        stream: "extra: refusals",
        troubles: &[ways::refusals],
        drawn: DRAWN,
        wild: WILD,
    },
    Family {
        stream: "extra: addresses",
        troubles: &[nodes::addresses],
        drawn: DRAWN,
        wild: WILD,
    },
    Family {
        stream: "extra: names",
        troubles: &[nodes::namesake, nodes::version],
        drawn: DRAWN,
        wild: WILD,
    },
    // Where one is not found at once nothing is judged any more.
    Family {
        stream: "extra: clones",
        troubles: &[nodes::clone],
        drawn: Rate::percent(3),
        wild: Rate::percent(15),
    },
    Family {
        stream: "extra: slowness",
        troubles: &[machines::slow, machines::flapping, machines::absence],
        drawn: DRAWN,
        wild: WILD,
    },
    Family {
        stream: "extra: slew",
        troubles: &[machines::slew],
        drawn: DRAWN,
        wild: WILD,
    },
];

/// Some seeds have one kind of trouble of a family; wild worlds most of all.
pub(super) fn trouble(plan: &mut Plan, chaos: Chaos) {
    for Family {
        stream,
        troubles,
        drawn,
        wild,
    } in &FAMILIES
    {
        let mut random = Random::new(plan.setup.seed, stream);
        match chaos {
            // What chaos costs is measured without, and its seeds are kept.
            Chaos::Full => {}
            Chaos::Drawn => {
                if random.chance(*drawn)
                    && let Some(trouble) = random.pick(troubles)
                {
                    trouble(&mut random, plan);
                }
            }
            Chaos::Wild => {
                for trouble in *troubles {
                    if random.chance(*wild) {
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
