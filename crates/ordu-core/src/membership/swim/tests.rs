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
