use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::{
    Channel, ChildId, ChildSpec, Command, Config, ConnId, Constraint, DialError, DialId, ExitReason,
    HordeName, Input, Kind, Limits, Node, NodeId, NodeName, Now, Output, ProbeId, ProbeOutcome, RequestId,
    Restart, Shutdown, StartId, Time, Timing, WallTime,
};

fn header() -> Header {
    Header {
        config: Config {
            name: NodeName::new("a").unwrap(),
            addr: SocketAddr::from(([10, 0, 0, 1], 7600)),
            labels: BTreeMap::from([("zone".into(), "north".into())]),
            capacity: Some(7),
            kinds: alloc::vec![(Kind::new("process").unwrap(), 1)],
            hordes: alloc::vec![HordeName::new("default").unwrap()],
            seeds: Vec::new(),
            timing: Timing::default(),
            limits: Limits::default(),
        },
        id: NodeId(0xfeed),
        seed: 3,
    }
}

fn bytes(mut writer: Writer) -> Vec<u8> {
    let mut bytes = Vec::new();
    writer.drain_into(&mut bytes);
    bytes
}

fn at(micros: u64) -> Now {
    Now {
        mono: Time(micros),
        wall: WallTime(1_767_225_600_000_000 + micros),
    }
}

/// What a node that is alone does in its first second, recorded.
fn recorded() -> Vec<u8> {
    let header = header();
    let mut writer = Writer::begin(&header);
    let mut node = Node::new(header.config, header.id, header.seed);
    for tick in 0..10 {
        writer.input(at(tick * 100_000), &Input::Timer);
        node.handle(at(tick * 100_000), Input::Timer);
        while let Some(output) = node.poll_output() {
            writer.output(&output);
        }
        writer.answered();
    }
    writer.end(&node);
    bytes(writer)
}

#[test]
fn a_recording_says_what_the_node_was_made_of_and_what_happened() {
    let bytes = recorded();
    let mut recording = Recording::open(&bytes).unwrap();
    assert_eq!(recording.version(), VERSION);
    assert_eq!(*recording.header(), header());
    let entries: Vec<Entry<'_>> = recording.by_ref().map(Result::unwrap).collect();
    assert_eq!(entries.len(), 21);
    assert_eq!(
        entries[2],
        Entry::Input {
            now: at(100_000),
            input: Cow::Owned(Input::Timer)
        }
    );
    assert!(matches!(entries[1], Entry::Outputs { count: 1.., .. }));
    assert!(matches!(entries[20], Entry::End { .. }));
    assert!(!recording.is_cut());
}

#[test]
fn a_recording_that_is_cut_anywhere_is_read_up_to_there() {
    let bytes = recorded();
    let all: Vec<Entry<'_>> = Recording::open(&bytes).unwrap().map(Result::unwrap).collect();
    let mut before = 0;
    for len in 0..bytes.len() {
        match Recording::open(&bytes[..len]) {
            Ok(mut recording) => {
                let read: Vec<Entry<'_>> = recording.by_ref().map(Result::unwrap).collect();
                assert_eq!(read, all[..read.len()], "cut at {len}");
                assert!(
                    recording.is_cut() || read.len() == before || read.len() == before + 1,
                    "cut at {len}"
                );
                before = read.len();
            }
            Err(OpenError::TooShort) => assert_eq!(before, 0, "cut at {len}"),
            Err(OpenError::NotARecording) => assert_eq!(len, 0),
            Err(error) => panic!("cut at {len}: {error}"),
        }
    }
    assert_eq!(before, all.len() - 1);
}

#[test]
fn a_bit_that_is_flipped_anywhere_is_noticed() {
    let good = recorded();
    let all: Vec<_> = Recording::open(&good).unwrap().collect();
    for position in 0..good.len() {
        let mut bad = good.clone();
        bad[position] ^= 0x10;
        if let Ok(mut recording) = Recording::open(&bad) {
            let read: Vec<_> = recording.by_ref().collect();
            let noticed = recording.is_cut() || read.iter().any(Result::is_err);
            assert!(noticed && read != all, "byte {position}");
        }
    }
}

#[test]
fn what_is_no_recording_is_told_apart_from_one_of_another_format() {
    assert_eq!(
        Recording::open(b"PK\x03\x04 something else").unwrap_err(),
        OpenError::NotARecording
    );
    let mut other = recorded();
    other[8] = 9;
    let error = Recording::open(&other).unwrap_err();
    assert_eq!(error, OpenError::OtherFormat { found: 9 });
    assert!(alloc::format!("{error}").contains("format 1"), "{error}");
}

#[test]
fn a_header_that_another_version_wrote_is_refused_with_that_version() {
    let mut bytes = Vec::from(MAGIC);
    bytes.extend(FORMAT.to_le_bytes());
    let bytes = frame::append(&[1_u8], frame::append(&"7.0.0", bytes));
    let error = Recording::open(&bytes).unwrap_err();
    assert!(
        matches!(&error, OpenError::Header { version, .. } if version == "7.0.0"),
        "{error}"
    );
}

#[test]
fn what_people_are_shown_of_a_message_is_what_it_says() {
    let input = Input::Received {
        conn: ConnId(3),
        channel: Channel::Control,
        bytes: crate::wire::Message::Ping(77).encode(),
    };
    assert_eq!(
        alloc::format!("{}", Described(&input)),
        "Received on 3 Control: Ping(77)"
    );
    let output = Output::Datagram {
        conn: ConnId(3),
        bytes: alloc::vec![0; 40],
    };
    assert_eq!(
        alloc::format!("{}", Described(&output)),
        "Datagram on 3: 40 bytes"
    );
}

fn text() -> impl Strategy<Value = String> {
    ".{0,20}"
}

fn spec() -> impl Strategy<Value = Arc<ChildSpec>> {
    let restart = prop_oneof![
        Just(Restart::Permanent),
        Just(Restart::Transient),
        Just(Restart::Temporary)
    ];
    let shutdown = prop_oneof![
        Just(Shutdown::Infinity),
        any::<Duration>().prop_map(Shutdown::Timeout)
    ];
    let constraint = prop_oneof![
        Just(Constraint::Node(NodeName::new("b").unwrap())),
        prop::collection::btree_map(text(), text(), 0..3).prop_map(Constraint::Labels)
    ];
    (
        prop::collection::vec(any::<u8>(), 0..60),
        restart,
        shutdown,
        any::<Option<Duration>>(),
        prop::collection::vec(constraint, 0..3),
    )
        .prop_map(|(args, restart, shutdown, start_timeout, constraints)| {
            Arc::new(ChildSpec {
                restart,
                shutdown,
                start_timeout,
                constraints,
                ..ChildSpec::new(Kind::new("process").unwrap(), 1, args)
            })
        })
}

fn command() -> impl Strategy<Value = Command> {
    (0..4, "[a-z]{1,9}", spec()).prop_map(|(which, id, spec)| {
        let (horde, id) = (HordeName::new("h").unwrap(), ChildId::new(id).unwrap());
        match which {
            0 => Command::StartChild { horde, id, spec },
            1 => Command::TerminateChild { horde, id },
            2 => Command::RestartChild { horde, id },
            _ => Command::DeleteChild { horde, id },
        }
    })
}

fn exit_reason() -> impl Strategy<Value = ExitReason> {
    prop_oneof![
        Just(ExitReason::Normal),
        Just(ExitReason::Killed),
        text().prop_map(ExitReason::shutdown_with),
        text().prop_map(ExitReason::Error),
        text().prop_map(ExitReason::Panic),
    ]
}

fn dial_error() -> impl Strategy<Value = DialError> {
    prop_oneof![
        Just(DialError::Refused),
        Just(DialError::Timeout),
        text().prop_map(|detail| DialError::OtherCluster { detail }),
        text().prop_map(|detail| DialError::Other { detail }),
    ]
}

fn input() -> impl Strategy<Value = Input> {
    let raw = || prop::collection::vec(any::<u8>(), 0..100);
    let channel = prop_oneof![Just(Channel::Control), Just(Channel::Bulk)];
    let found = prop_oneof![
        Just(ProbeOutcome::Refused),
        Just(ProbeOutcome::Accepted),
        Just(ProbeOutcome::Silent)
    ];
    let start = || any::<u64>().prop_map(StartId);
    let conn = || any::<u64>().prop_map(ConnId);
    let connected = (
        conn(),
        any::<u128>(),
        any::<SocketAddr>(),
        any::<Option<u64>>(),
        any::<Duration>(),
    );
    let all: [BoxedStrategy<Input>; 17] = [
        Just(Input::Timer).boxed(),
        connected
            .prop_map(|(conn, peer, addr, dialled, rtt)| Input::Connected {
                conn,
                peer: NodeId(peer),
                addr,
                dialled: dialled.map(DialId),
                rtt,
            })
            .boxed(),
        (any::<u64>().prop_map(DialId), dial_error())
            .prop_map(|(dial, error)| Input::DialFailed { dial, error })
            .boxed(),
        (conn(), text())
            .prop_map(|(conn, reason)| Input::Disconnected { conn, reason })
            .boxed(),
        (conn(), raw())
            .prop_map(|(conn, bytes)| Input::Datagram { conn, bytes })
            .boxed(),
        (conn(), channel, raw())
            .prop_map(|(conn, channel, bytes)| Input::Received { conn, channel, bytes })
            .boxed(),
        conn().prop_map(|conn| Input::LifelineClosed { conn }).boxed(),
        (any::<u64>().prop_map(ProbeId), found)
            .prop_map(|(probe, outcome)| Input::Probed { probe, outcome })
            .boxed(),
        (start(), any::<Option<u32>>())
            .prop_map(|(start, os_pid)| Input::ChildStarted { start, os_pid })
            .boxed(),
        start().prop_map(|start| Input::ChildIgnored { start }).boxed(),
        (start(), text())
            .prop_map(|(start, error)| Input::ChildStartFailed { start, error })
            .boxed(),
        (start(), exit_reason())
            .prop_map(|(start, reason)| Input::ChildExited { start, reason })
            .boxed(),
        (any::<u64>().prop_map(RequestId), any::<Duration>(), command())
            .prop_map(|(request, timeout, command)| Input::Request {
                request,
                timeout,
                command,
            })
            .boxed(),
        prop::collection::vec(any::<SocketAddr>(), 0..5)
            .prop_map(Input::Seeds)
            .boxed(),
        Just(Input::Leave).boxed(),
        (any::<u64>().prop_map(RequestId), any::<Duration>(), "[a-z]{1,9}")
            .prop_map(|(request, timeout, name)| Input::Remove {
                request,
                timeout,
                name: name.parse().unwrap(),
            })
            .boxed(),
        (
            any::<u64>().prop_map(RequestId),
            any::<Duration>(),
            prop::option::of(prop::collection::vec("[a-z]{1,9}", 0..4)),
        )
            .prop_map(|(request, timeout, names)| Input::SetMembers {
                request,
                timeout,
                names: names.map(|names| names.iter().map(|name| name.parse().unwrap()).collect()),
            })
            .boxed(),
    ];
    prop::strategy::Union::new(all)
}

/// A variant without a place in [`input`] is an error here.
fn number(input: &Input) -> usize {
    match input {
        Input::Timer => 0,
        Input::Connected { .. } => 1,
        Input::DialFailed { .. } => 2,
        Input::Disconnected { .. } => 3,
        Input::Datagram { .. } => 4,
        Input::Received { .. } => 5,
        Input::LifelineClosed { .. } => 6,
        Input::Probed { .. } => 7,
        Input::ChildStarted { .. } => 8,
        Input::ChildIgnored { .. } => 9,
        Input::ChildStartFailed { .. } => 10,
        Input::ChildExited { .. } => 11,
        Input::Request { .. } => 12,
        Input::Seeds(_) => 13,
        Input::Leave => 14,
        Input::Remove { .. } => 15,
        Input::SetMembers { .. } => 16,
    }
}

proptest! {
    #[test]
    fn every_kind_of_input_is_read_as_it_was_written(
        inputs in prop::collection::vec((any::<u64>(), any::<u64>(), input()), 1..40)
    ) {
        let mut writer = Writer::begin(&header());
        let mut expected = Vec::new();
        for (mono, wall, input) in inputs {
            let now = Now { mono: Time(mono), wall: WallTime(wall) };
            writer.input(now, &input);
            expected.push(Ok(Entry::Input { now, input: Cow::Owned(input) }));
        }
        let bytes = bytes(writer);
        let read: Vec<_> = Recording::open(&bytes).unwrap().collect();
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn any_bytes_are_a_recording_or_an_error(
        tail in prop::collection::vec(any::<u8>(), 0..300), real in any::<bool>(), keep in 0.0..1.0
    ) {
        let mut bytes = recorded();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        bytes.truncate(if real { (bytes.len() as f64 * keep) as usize } else { 10 });
        bytes.extend(tail);
        if let Ok(recording) = Recording::open(&bytes) {
            recording.for_each(drop);
        }
    }
}

#[test]
fn the_property_above_makes_every_kind_of_input() {
    use proptest::strategy::ValueTree as _;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let strategy: Box<dyn Fn(&mut TestRunner) -> Input> =
        Box::new(|runner| input().new_tree(runner).unwrap().current());
    let mut seen = [0; 17];
    for _ in 0..2_000 {
        seen[number(&strategy(&mut runner))] += 1;
    }
    assert!(seen.iter().all(|times| *times > 0), "{seen:?}");
}
