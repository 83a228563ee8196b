use std::time::Duration;

use super::node::{Node, Pair};
use crate::transport::error::ClosedReason;
use crate::transport::{Channel, ConnId, Event, Limits};

async fn closed(node: &mut Node) -> (ConnId, ClosedReason) {
    node.expect("the end of a connection", |event| match event {
        Event::Closed { conn, reason } => Some((*conn, reason.clone())),
        _ => None,
    })
    .await
}

const FRAMES: usize = 500;

fn send_many(node: &mut Node, conn: ConnId) {
    for number in 0..FRAMES {
        node.send(conn, Channel::Control, &number.to_be_bytes());
        node.send(
            conn,
            Channel::Bulk,
            &vec![u8::try_from(number % 256).unwrap(); 4096],
        );
    }
}

/// That all frames of `send_many` came, and the end after them.
async fn expect_all_then_end(node: &mut Node) -> ClosedReason {
    let control = node.expect_frames(Channel::Control, FRAMES).await;
    assert!(
        control
            .iter()
            .enumerate()
            .all(|(at, frame)| *frame == at.to_be_bytes())
    );
    assert_eq!(node.expect_frames(Channel::Bulk, FRAMES).await.len(), FRAMES);
    closed(node).await.1
}

#[tokio::test]
async fn a_graceful_close_delivers_what_was_sent_before_and_then_closes() {
    let Pair {
        mut one,
        mut two,
        to_two,
        ..
    } = Pair::connect().await;
    send_many(&mut one, to_two);
    one.close(to_two, true, "duplicate");

    let at_two = expect_all_then_end(&mut two).await;
    assert_eq!(at_two, ClosedReason::Peer("duplicate".to_owned()));
    assert_eq!(
        closed(&mut one).await,
        (to_two, ClosedReason::Local("duplicate".to_owned()))
    );
    assert!(!two.has_seen(|event| matches!(event, Event::LifelineClosed { .. })));
}

#[tokio::test]
async fn a_graceful_close_delivers_what_the_other_side_sent_before_it_knew() {
    let Pair {
        mut one,
        mut two,
        to_two,
        to_one,
    } = Pair::connect().await;
    send_many(&mut two, to_one);
    one.close(to_two, true, "duplicate");

    let at_one = expect_all_then_end(&mut one).await;
    assert_eq!(at_one, ClosedReason::Local("duplicate".to_owned()));
    assert_eq!(
        closed(&mut two).await.1,
        ClosedReason::Peer("duplicate".to_owned())
    );
}

#[tokio::test]
async fn both_sides_may_close_gracefully_at_once_and_nothing_is_lost() {
    let Pair {
        mut one,
        mut two,
        to_two,
        to_one,
    } = Pair::connect().await;
    send_many(&mut one, to_two);
    send_many(&mut two, to_one);
    one.close(to_two, true, "one's reason");
    two.close(to_one, true, "two's reason");

    let (at_one, at_two) = tokio::join!(expect_all_then_end(&mut one), expect_all_then_end(&mut two));
    let lost = |reason: &ClosedReason| matches!(reason, ClosedReason::Lost(_) | ClosedReason::Idle);
    assert!(!lost(&at_one) && !lost(&at_two), "{at_one}, {at_two}");
}

#[tokio::test]
async fn what_is_sent_after_a_graceful_close_began_is_not_sent_and_harms_nothing() {
    let Pair {
        mut one,
        mut two,
        to_two,
        ..
    } = Pair::connect().await;
    one.close(to_two, true, "enough");
    one.send(to_two, Channel::Control, b"too late");

    closed(&mut one).await;
    closed(&mut two).await;
    one.send(to_two, Channel::Control, b"far too late");
    one.close(to_two, false, "again");
}

#[tokio::test]
async fn an_immediate_close_tells_the_peer_why_and_is_told_once_on_both_sides() {
    let Pair {
        mut one,
        mut two,
        to_two,
        to_one,
    } = Pair::connect().await;
    one.close(to_two, false, "peer was removed");
    one.close(to_two, false, "a second reason");

    let reason = "peer was removed".to_owned();
    assert_eq!(
        closed(&mut one).await,
        (to_two, ClosedReason::Local(reason.clone()))
    );
    assert_eq!(closed(&mut two).await, (to_one, ClosedReason::Peer(reason)));
    assert!(!one.has_seen(|event| matches!(event, Event::Closed { .. })));
}

#[tokio::test]
async fn after_an_immediate_close_only_its_end_is_told() {
    let Pair {
        mut one,
        mut two,
        to_two,
        to_one,
    } = Pair::connect().await;
    two.send(to_one, Channel::Control, b"1");
    one.expect_frames(Channel::Control, 1).await;
    two.send(to_one, Channel::Control, b"2");
    one.close(to_two, false, "removed");

    closed(&mut one).await;
    assert!(!one.has_seen(|event| matches!(event, Event::Received { .. })));
}

#[tokio::test]
async fn a_peer_that_does_not_read_is_closed_at_the_bound_of_the_queue() {
    let small = Limits {
        send_queue: 256 * 1024,
        ..Limits::default()
    };
    let Pair {
        mut one,
        mut two,
        to_two,
        ..
    } = Pair::connect_with(small, Limits::default()).await;
    // The peer's loop takes no events: what it does not take fills its queue, then the windows of QUIC,
    // then the queue here. All of that is far less than this.
    let mut sent = 0;
    let reason = loop {
        one.send(to_two, Channel::Bulk, &vec![0; 16 * 1024]);
        sent += 16 * 1024;
        assert!(sent < 64 * 1024 * 1024, "nothing bounds the queue");
        let event = tokio::select! {
            biased;
            event = one.transport.next_event() => Some(event),
            // Lets the writer run, as the loop's own waits do.
            () = tokio::task::yield_now() => None,
        };
        if let Some(Event::Closed { reason, .. }) = event {
            break reason;
        }
    };
    assert_eq!(
        reason,
        ClosedReason::QueueFull {
            channel: Channel::Bulk,
            limit: 256 * 1024
        }
    );
    let told = closed(&mut two).await.1.to_string();
    assert!(told.contains("peer reads too slowly"), "{told}");
}

#[tokio::test]
async fn a_graceful_close_with_a_peer_that_does_not_read_ends_all_the_same() {
    let hasty = Limits {
        graceful_close: Duration::from_millis(50),
        ..Limits::default()
    };
    let roomless = Limits {
        receive_queue: 0,
        ..Limits::default()
    };
    let Pair {
        mut one, two, to_two, ..
    } = Pair::connect_with(hasty, roomless).await;
    for _ in 0..100 {
        one.send(to_two, Channel::Bulk, &vec![0; 64 * 1024]);
    }
    one.close(to_two, true, "duplicate");

    let reason = closed(&mut one).await.1.to_string();
    assert!(reason.contains("streams not read to their end"), "{reason}");
    drop(two);
}
