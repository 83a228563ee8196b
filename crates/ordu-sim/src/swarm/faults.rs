use std::time::Duration;

use super::Chaos;
use crate::random::{Random, Rate};
use crate::{Fault, HostId, Moment, Path, Setup};

type Faults = Vec<(Moment, Fault)>;

/// The kinds of trouble a seed can choose from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    Split,
    OneWay,
    Weather,
    Pause,
    Suspend,
    Crash,
    CrashAndBack,
    PowerOff,
    TwoCrashes,
    Clock,
    Reset,
    Keeper,
    Leave,
}

const TROUBLES: [Trouble; 13] = [
    Trouble::Split,
    Trouble::OneWay,
    Trouble::Weather,
    Trouble::Pause,
    Trouble::Suspend,
    Trouble::Crash,
    Trouble::CrashAndBack,
    Trouble::PowerOff,
    Trouble::TwoCrashes,
    Trouble::Clock,
    Trouble::Reset,
    Trouble::Keeper,
    Trouble::Leave,
];

/// Boots of all hosts, spread over some time.
pub(super) fn boots(random: &mut Random, setup: &Setup, over: Duration) -> Faults {
    (0..setup.hosts.len())
        .map(|host| {
            let at = Moment::default() + random.duration(Duration::ZERO, over);
            (at, Fault::Boot(HostId(host)))
        })
        .collect()
}

pub(super) fn faults(random: &mut Random, setup: &Setup, calm_at: Moment, chaos: Chaos) -> Faults {
    let over = random.magnitude(Duration::from_millis(10), Duration::from_secs(12));
    let mut faults = boots(random, setup, over);
    let chosen: Vec<Trouble> = TROUBLES
        .into_iter()
        .filter(|_| chaos.chooses(random, Rate::percent(30)))
        .collect();
    let density = chaos.number(random, 1, 4);
    for trouble in chosen {
        for _ in 0..chaos.number(random, 1, density) {
            let at = Moment(random.between(2_000_000, calm_at.0.max(2_000_001)));
            inflict(random, setup, trouble, at, &mut faults);
        }
    }
    faults.sort_by_key(|(at, _)| *at);
    faults
}

fn inflict(random: &mut Random, setup: &Setup, trouble: Trouble, at: Moment, faults: &mut Faults) {
    let hosts = setup.hosts.len();
    let host = HostId(random.index(hosts));
    let other = HostId(random.index(hosts));
    let until = at + random.magnitude(Duration::from_millis(30), Duration::from_secs(25));
    match trouble {
        Trouble::Split => {
            faults.push((at, Fault::Split(groups(random, hosts))));
            faults.push((until, Fault::Heal));
        }
        Trouble::OneWay => {
            faults.push((at, Fault::Cut(host, other)));
            faults.push((until, Fault::Mend(host, other)));
        }
        Trouble::Weather => {
            let everywhere = random.chance(Rate::percent(50));
            let path = weather(random, setup.near);
            for from in (0..hosts).map(HostId) {
                for to in (0..hosts).map(HostId) {
                    if from != to && (everywhere || from == host || to == host) {
                        faults.push((at, Fault::Disturb(from, to, path)));
                    }
                }
            }
            faults.push((until, Fault::Clear));
        }
        Trouble::Pause => {
            faults.push((at, Fault::Pause(host)));
            faults.push((until, Fault::Resume(host)));
        }
        Trouble::Suspend => {
            faults.push((at, Fault::Suspend(host)));
            faults.push((until, Fault::Wake(host)));
        }
        Trouble::Crash => faults.push((at, Fault::Crash(host))),
        Trouble::CrashAndBack => {
            let back = random.magnitude(Duration::from_millis(5), Duration::from_secs(20));
            faults.push((at, Fault::Crash(host)));
            faults.push((at + back, Fault::Boot(host)));
        }
        Trouble::PowerOff => {
            faults.push((at, Fault::PowerOff(host)));
            faults.push((until, Fault::Boot(host)));
        }
        Trouble::TwoCrashes => {
            let shortly = at + random.magnitude(Duration::from_micros(50), Duration::from_secs(2));
            faults.push((at, Fault::Crash(host)));
            faults.push((shortly, Fault::Crash(other)));
            faults.push((until, Fault::Boot(host)));
            faults.push((until, Fault::Boot(other)));
        }
        Trouble::Clock => {
            let most = if setup.timing.clock_bound > Duration::from_hours(1) {
                3_600_000
            } else {
                90_000
            };
            let by = i64::try_from(random.between(0, 2 * most)).unwrap_or(0);
            let by = by - i64::try_from(most).unwrap_or(0);
            faults.push((at, Fault::StepClock(host, by)));
            faults.push((until, Fault::StepClock(host, -by)));
        }
        Trouble::Reset => faults.push((at, Fault::ResetLifelines(host))),
        Trouble::Keeper => faults.push((at, Fault::KillKeeper(host))),
        Trouble::Leave => {
            faults.push((at, Fault::Leave(host)));
            faults.push((until, Fault::Boot(host)));
        }
    }
}

/// All hosts in two groups mostly, sometimes in more, sometimes each alone.
fn groups(random: &mut Random, hosts: usize) -> Vec<Vec<HostId>> {
    let count = match random.below(10) {
        0..7 => 2,
        7..9 => 3,
        _ => hosts,
    };
    let mut groups = vec![Vec::new(); count];
    let mut all: Vec<HostId> = (0..hosts).map(HostId).collect();
    random.shuffle(&mut all);
    for (index, host) in all.into_iter().enumerate() {
        let group = if index < count { index } else { random.index(count) };
        groups[group].push(host);
    }
    groups
}

fn weather(random: &mut Random, usual: Path) -> Path {
    let mut path = usual;
    path.loss = Rate(u32::try_from(random.between(0, 300_000)).unwrap_or(0));
    path.duplication = Rate(u32::try_from(random.between(0, 100_000)).unwrap_or(0));
    path.latency.jitter = random.magnitude(Duration::from_micros(100), Duration::from_millis(80));
    if random.chance(Rate::percent(30)) {
        path.bytes_per_second = u32::try_from(random.between(8_000, 400_000)).ok();
    }
    path
}
