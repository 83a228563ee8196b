use std::sync::Arc;
use std::time::Duration;

use ordu_core::Command;

use super::{call, id, start, uneventful};
use crate::random::{Random, Rate};
use crate::{Fault, HostId, Moment, Plan, Setup};

const HOSTS: usize = 5;
const CHILDREN: u64 = 10;
const CYCLES: u32 = 3;
const CYCLE: Duration = Duration::from_secs(34);

/// In each cycle one node dies, boots again, perhaps twice, and has ended by that. What it wrote last came to two others
/// alone, which are gone for longer than the rest wait for them: one at once, cut off or asleep, and one is cut off when
/// it has said what it makes of it. All that they run crashes there and is started again; here it is taken over,
/// stopped and deleted. In the end one dies for good.
pub(super) fn plan(random: &mut Random, seed: u64) -> Plan {
    let mut setup = Setup::lan(HOSTS, seed);
    setup.timing.forget_after = Duration::from_secs(3);
    let begin = Moment(10_000_000);
    let end = begin + CYCLE * CYCLES;
    let mut plan = uneventful(random, setup, end);
    let spec = Arc::new(Setup::spec(0, 0));
    for cycle in 0..CYCLES {
        let at = begin + CYCLE * cycle;
        let children = u64::from(cycle) * CHILDREN..u64::from(cycle + 1) * CHILDREN;
        for child in children.clone() {
            let before = Moment(at.0 - 5_000_000);
            plan.calls
                .push((before, call(random, HOSTS, start(child, &spec))));
        }
        let stays = cut_off(random, at, &mut plan);
        for child in children {
            let (horde, id) = (Setup::horde(), id(child));
            let stop = Command::TerminateChild {
                horde: horde.clone(),
                id: id.clone(),
            };
            let delete = Command::DeleteChild { horde, id };
            let when = at + random.duration(Duration::from_secs(4), Duration::from_secs(7));
            for (when, command) in [(when, stop), (when + Duration::from_secs(2), delete)] {
                let mut call = call(random, HOSTS, command);
                call.host = stays[random.index(stays.len())];
                plan.calls.push((when, call));
            }
        }
    }
    let lost = HostId(random.index(HOSTS));
    let dies = Moment(end.0 - random.between(1_000_000, 10_000_000));
    plan.faults.push((dies, Fault::Crash(lost)));
    plan.revived.retain(|host| *host != lost);
    plan
}

/// Gives who stays, and serves.
fn cut_off(random: &mut Random, at: Moment, plan: &mut Plan) -> Vec<HostId> {
    let millis = Duration::from_millis;
    let mut order: Vec<HostId> = (0..HOSTS).map(HostId).collect();
    random.shuffle(&mut order);
    let stays = order.split_off(3);
    let [writer, told, silent] = [order[0], order[1], order[2]];
    let faults = &mut plan.faults;
    // All that it runs is started again, which only some of the others hear of.
    faults.extend(stays.iter().map(|other| (at, Fault::Cut(writer, *other))));
    let writes = at + random.duration(millis(5), millis(100));
    faults.push((writes, Fault::KillKeeper(writer)));
    let dies = at + random.duration(millis(110), millis(200));
    // Its kernel may tell all that it died.
    faults.extend(stays.iter().map(|other| (dies, Fault::Mend(writer, *other))));
    faults.push((dies, Fault::Crash(writer)));
    let sleeps = random.chance(Rate::percent(60));
    let mut here = [stays.clone(), vec![writer]].concat();
    if sleeps {
        faults.push((dies, Fault::Suspend(silent)));
        here.push(silent);
    }
    let with_told = [here.clone(), vec![told]].concat();
    faults.push((dies, Fault::Split(vec![with_told, vec![silent]])));
    let apart = dies + random.magnitude(millis(60), millis(1_200));
    faults.push((apart, Fault::Split(vec![here, vec![told], vec![silent]])));
    for away in [told, silent] {
        let crash = apart + random.duration(millis(100), millis(6_000));
        faults.push((crash, Fault::KillKeeper(away)));
    }
    let mut boots = apart + random.duration(millis(200), millis(2_000));
    faults.push((boots, Fault::Boot(writer)));
    if random.chance(Rate::percent(50)) {
        boots = boots + random.duration(millis(500), millis(3_000));
        faults.push((boots, Fault::Crash(writer)));
        faults.push((boots + millis(300), Fault::Boot(writer)));
    }
    let heals = apart + random.duration(millis(12_000), millis(20_000));
    faults.push((heals, Fault::Heal));
    if sleeps {
        let wakes = Moment(heals.0 - random.between(500_000, 4_000_000));
        faults.push((wakes, Fault::Wake(silent)));
    }
    stays
}
