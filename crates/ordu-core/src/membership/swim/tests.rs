use rand_core::SeedableRng;

use super::*;

fn identity(id: u128) -> Identity {
    Identity {
        id: NodeId(id),
        seniority: NodeId(id),
        generation: 0,
        name: alloc::format!("n{id}").parse().unwrap(),
        addr: "127.0.0.1:1".parse().unwrap(),
    }
}

/// What comes of it that others are told, and what comes of it here.
fn drain(swim: &mut Swim) -> (usize, Vec<SwimEvent>) {
    let events: Vec<_> = core::iter::from_fn(|| swim.poll_event()).collect();
    let (sent, found): (Vec<_>, Vec<_>) = events
        .into_iter()
        .partition(|event| matches!(event, SwimEvent::Send(..)));
    (sent.len(), found)
}

#[test]
fn a_death_is_told_at_once_and_a_leave_is_left_to_who_leaves() {
    let mut swim = Swim::new(identity(1), &Timing::default(), Pcg64Mcg::seed_from_u64(1));
    let others = (2..=5).map(|id| Member::alive(identity(id)));
    swim.foca.apply_many(others, true, &mut swim.runtime).unwrap();
    swim.collect(Time(0));
    drain(&mut swim);
    swim.note_down(identity(2), Time(1));
    assert_eq!(drain(&mut swim), (0, [SwimEvent::Down(identity(2))].into()));
    swim.declare_down(identity(3), Time(2));
    let (told, found) = drain(&mut swim);
    assert!(told > 0);
    assert_eq!(found, [SwimEvent::Down(identity(3))]);
}

/// A boot that another of its name has replaced cannot come back, so nothing is to be done about it later.
#[test]
fn a_boot_that_was_replaced_leaves_no_timer() {
    let mut swim = Swim::new(identity(1), &Timing::default(), Pcg64Mcg::seed_from_u64(1));
    let boot = |id| Identity {
        name: "again".parse().unwrap(),
        ..identity(id)
    };
    let comes = |swim: &mut Swim, identity: Identity| {
        let alive = core::iter::once(Member::alive(identity));
        swim.foca.apply_many(alive, true, &mut swim.runtime).unwrap();
        swim.collect(Time(0));
    };
    // One that stays, so that it is never alone.
    comes(&mut swim, identity(2));
    comes(&mut swim, boot(1_000));
    let before = swim.timers.len();
    for id in 1_000..2_000 {
        swim.declare_down(boot(id), Time(0));
        comes(&mut swim, boot(id + 1));
    }
    assert_eq!(swim.timers.len(), before);
    swim.declare_down(boot(2_000), Time(0));
    assert_eq!(swim.timers.len(), before + 1, "the last one is not replaced");
}

/// The timer of the suspicion is still there, and what it would tell the member is that it was given up.
#[test]
fn who_has_refuted_a_suspicion_is_not_told_later_that_it_is_down() {
    for refuted in [true, false] {
        let mut swim = Swim::new(identity(1), &Timing::default(), Pcg64Mcg::seed_from_u64(1));
        let hears = |swim: &mut Swim, incarnation, state| {
            let member = Member::new(identity(2), incarnation, state);
            let news = core::iter::once(member);
            swim.foca.apply_many(news, true, &mut swim.runtime).unwrap();
            swim.collect(Time(0));
        };
        hears(&mut swim, 0, State::Alive);
        let is_suspicion = |timer: &Timer<Identity>| matches!(timer, Timer::ChangeSuspectToDown { .. });
        // It answers no probe.
        while !swim.timers.values().any(is_suspicion) {
            let next = swim.next_deadline().unwrap();
            swim.run_timers(next);
        }
        if refuted {
            hears(&mut swim, 1, State::Alive);
        }
        swim.timers.retain(|_, timer| is_suspicion(timer));
        drain(&mut swim);
        let last = swim.next_deadline().unwrap();
        swim.run_timers(last);
        let (told, found) = drain(&mut swim);
        assert_eq!((told > 0, found.is_empty()), (!refuted, refuted));
    }
}
