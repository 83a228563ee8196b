use super::node::Pair;
use crate::transport::frame::MAX_FRAME;
use crate::transport::{Channel, Command, Event, MAX_DATAGRAM};

#[tokio::test]
async fn frames_arrive_whole_and_in_order_on_both_channels_and_in_both_directions() {
    let Pair {
        mut one,
        mut two,
        to_two,
        to_one,
    } = Pair::connect().await;
    // Empty, short, just under and over what is copied together, and the longest.
    let lengths = [0, 1, 5, 8 * 1024 - 1, 8 * 1024, 60_000, MAX_FRAME, 3];
    let frame = |seed: u8, len: usize| -> Vec<u8> {
        (0..len)
            .map(|at| seed.wrapping_add(u8::try_from(at % 251).unwrap()))
            .collect()
    };
    for (seed, len) in (0..).zip(lengths) {
        one.send(to_two, Channel::Control, &frame(seed, len));
        one.send(to_two, Channel::Bulk, &frame(seed + 100, len));
        two.send(to_one, Channel::Control, &frame(seed + 200, len));
    }

    let expected = |first: u8| -> Vec<Vec<u8>> {
        (first..)
            .zip(lengths)
            .map(|(seed, len)| frame(seed, len))
            .collect()
    };
    assert!(two.expect_frames(Channel::Control, lengths.len()).await == expected(0));
    assert!(two.expect_frames(Channel::Bulk, lengths.len()).await == expected(100));
    assert!(one.expect_frames(Channel::Control, lengths.len()).await == expected(200));
}

#[tokio::test]
async fn a_datagram_of_the_greatest_size_arrives_on_a_fresh_connection() {
    let Pair {
        mut one,
        mut two,
        to_two,
        to_one,
    } = Pair::connect().await;
    let sent = vec![7; MAX_DATAGRAM];
    one.transport.execute(Command::SendDatagram {
        conn: to_two,
        bytes: sent.clone(),
    });

    let (conn, bytes) = two
        .expect("a datagram", |event| match event {
            Event::Datagram { conn, bytes } => Some((*conn, bytes.clone())),
            _ => None,
        })
        .await;
    assert_eq!(conn, to_one);
    assert_eq!(bytes, sent);
}

#[tokio::test]
async fn a_datagram_that_is_too_long_is_dropped_and_harms_nothing() {
    let Pair {
        mut one,
        mut two,
        to_two,
        ..
    } = Pair::connect().await;
    one.transport.execute(Command::SendDatagram {
        conn: to_two,
        bytes: vec![7; MAX_DATAGRAM + 1],
    });
    one.send(to_two, Channel::Control, b"after");

    assert_eq!(two.expect_frames(Channel::Control, 1).await, [b"after"]);
    assert!(!two.has_seen(|event| matches!(event, Event::Datagram { .. })));
}

#[tokio::test]
async fn a_datagram_overtakes_a_transfer_that_the_loop_has_not_looked_at() {
    let Pair {
        mut one,
        mut two,
        to_two,
        ..
    } = Pair::connect().await;
    for _ in 0..32 {
        one.send(to_two, Channel::Bulk, &vec![1; 64 * 1024]);
    }
    // The transfer is under way once its first frame is here.
    two.expect_frames(Channel::Bulk, 1).await;
    one.transport.execute(Command::SendDatagram {
        conn: to_two,
        bytes: b"ping".to_vec(),
    });
    let before = two
        .expect("the datagram", {
            let mut frames = 0;
            move |event| match event {
                Event::Received { .. } => {
                    frames += 1;
                    None
                }
                Event::Datagram { .. } => Some(frames),
                _ => None,
            }
        })
        .await;
    println!("{before} of 31 frames came before the datagram");
    two.expect_frames(Channel::Bulk, 31).await;
}
