//! Whatever bytes a peer sends, they are a message or an error.
//!
//! `__fuzz__/frames/corpus/` holds one frame of every kind, and what fuzzing added because it reached something new.
//! Each run replays them, and damages them. `docs/testing.md` says how to fuzz for longer.

extern crate std;

use alloc::{string::ToString, sync::Arc, vec, vec::Vec};
use core::time::Duration;
use std::{format, string::String, sync::LazyLock};

use ordu_crdt::{Chunk, Dot, Hlc, Message as SyncMessage, ReplicaId, Run, Scope, Stamp, WireOp};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;
use crate::claims::Verdict;
use crate::membership::{Identity, Removed};
use crate::registers::{ChildKey, Key, Rank, Value, Why};
use crate::requests::Closed;
use crate::{
    Answer, CallError, ChildId, ChildInfo, ChildSpec, ChildState, Command, Constraint, HordeName, Kind,
    NodeId, NodeName, RequestId, Stopped, Token, WallTime,
};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/wire/__fuzz__/frames/corpus");

fn decoding_can_be_undone(bytes: &[u8]) {
    if let Ok(message) = Message::decode(bytes) {
        let encoded = message.encode();
        assert!(encoded.len() <= bytes.len(), "a frame grew when it was passed on");
        assert_eq!(Message::decode(&encoded), Ok(message));
    }
}

#[test]
fn any_bytes_are_a_message_or_an_error() {
    bolero::check!(name = "frames")
        .with_iterations(0)
        .for_each(decoding_can_be_undone);
}

/// Every file of the corpus, in the order of their names.
static CORPUS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let mut files: Vec<_> = std::fs::read_dir(FOLDER)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let files = files.into_iter().map(|file| std::fs::read(file).unwrap());
    files.filter(|bytes| !bytes.is_empty()).collect()
});

/// The same in every run; `PROPTEST_RNG_SEED` and `PROPTEST_CASES` have it look elsewhere and further.
fn config() -> ProptestConfig {
    let default = ProptestConfig::default();
    let rng_seed = match default.rng_seed {
        RngSeed::Random => RngSeed::Fixed(1),
        chosen @ RngSeed::Fixed(_) => chosen,
    };
    ProptestConfig {
        cases: default.cases * 16,
        failure_persistence: None,
        rng_seed,
        ..default
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn damaged_frames_are_a_message_or_an_error(
        pick in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = pick.get(&CORPUS).clone();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        decoding_can_be_undone(&bytes);
    }
}

#[test]
fn a_frame_that_is_too_long_or_goes_on_after_its_message_is_refused() {
    assert!(Message::decode(&vec![0; MAX_FRAME + 1]).is_err());
    let mut bytes = Message::Ping(7).encode();
    assert_eq!(Message::decode(&bytes), Ok(Message::Ping(7)));
    bytes.push(0);
    assert!(Message::decode(&bytes).is_err());
}

/// The name of each kind of frame. A new kind is missed here, then in the samples, then in the corpus.
fn kind(message: &Message) -> &'static str {
    match message {
        Message::Hello(_) => "hello",
        Message::Refused(_) => "refused",
        Message::Sync(_) => "sync",
        Message::HandOver(_) => "hand-over",
        Message::Leave => "leave",
        Message::Hears { .. } => "hears",
        Message::Heard { .. } => "heard",
        Message::Ping(_) => "ping",
        Message::Pong(_) => "pong",
        Message::Lost => "lost",
        Message::Down(_) => "down",
        Message::Outrank { .. } => "outrank",
        Message::Evidence(_) => "evidence",
        Message::Ask(_) => "ask",
        Message::Redirect { .. } => "redirect",
        Message::Acknowledge(_) => "acknowledge",
        Message::IsOpen(..) => "is-open",
        Message::Open { .. } => "open",
        Message::Told(_) => "told",
        Message::Place(_) => "place",
        Message::Placed(_) => "placed",
        Message::Propose(_) => "propose",
        Message::Proposed(_) => "proposed",
        Message::Confirm { .. } => "confirm",
        Message::Verdict { .. } => "verdict",
    }
}

const KINDS: usize = 25;

fn closed() -> Closed {
    let open = [3, 300].map(RequestId);
    Closed::all_but(open.into_iter(), RequestId(400))
}

/// Something of every kind, with every field in use.
fn samples() -> Vec<Message> {
    let node = NodeId::new(1_700_000_000_000, 7);
    let name: NodeName = "alpha".parse().unwrap();
    let addr = "[2001:db8::7]:4710".parse().unwrap();
    let horde: HordeName = "main".parse().unwrap();
    let id: ChildId = "lobby".parse().unwrap();
    let child = ChildKey::new(horde.clone(), id.clone());
    let stamp = Stamp {
        hlc: Hlc::new(1_700_000_000_123, 4),
        origin: ReplicaId(node.0),
    };
    let token = Token {
        epoch: 1_700_000_000_124,
        owner: node,
    };
    let rank = Rank { birth: stamp, token };
    let dot = Dot {
        origin: ReplicaId(node.0),
        seq: 300,
    };
    let detail = || String::from("in words");
    let request = RequestId(3);
    let spec = Arc::new(ChildSpec {
        start_timeout: Some(Duration::from_millis(1_500)),
        constraints: vec![
            Constraint::Node(name.clone()),
            Constraint::Labels([("zone".to_string(), "b".to_string())].into()),
        ],
        ..ChildSpec::new("room".parse::<Kind>().unwrap(), 2, b"{\"seats\":12}".to_vec())
    });
    let info = Arc::new(ChildInfo {
        horde: horde.clone(),
        id: id.clone(),
        spec: spec.clone(),
        state: ChildState::Running,
        is_stopping: false,
        node: Some(name.clone()),
        token: Some(token),
        os_pid: Some(4_711),
        restarts: 2,
        reason: Some(detail()),
    });
    let commands = [
        Command::StartChild {
            horde: horde.clone(),
            id: id.clone(),
            spec: spec.clone(),
        },
        Command::TerminateChild {
            horde: horde.clone(),
            id: id.clone(),
        },
        Command::RestartChild {
            horde: horde.clone(),
            id: id.clone(),
        },
        Command::DeleteChild {
            horde: horde.clone(),
            id: id.clone(),
        },
        Command::UpdateChild {
            horde: horde.clone(),
            id: id.clone(),
            spec: spec.clone(),
        },
    ];
    let results = [
        Ok(Answer::Started {
            child: info.clone(),
            held_by: vec![name.clone()],
            durable: true,
        }),
        Ok(Answer::Ignored),
        Ok(Answer::Terminated(Stopped::Confirmed)),
        Ok(Answer::Terminated(Stopped::Accepted { owner: name.clone() })),
        Ok(Answer::Deleted),
        Ok(Answer::Updated(info.clone())),
        Ok(Answer::Removed { held_by: Vec::new() }),
        Err(CallError::Differs(info.clone())),
        Err(CallError::AlreadyStarted(info.clone())),
        Err(CallError::AlreadyPresent(info.clone())),
        Err(CallError::NotFound {
            horde,
            id: id.clone(),
        }),
        Err(CallError::Running(info)),
        Err(CallError::StartFailed {
            id: id.clone(),
            node: name.clone(),
            error: detail(),
        }),
        Err(CallError::NoEligibleNode { id, detail: detail() }),
        Err(CallError::NotReady { detail: detail() }),
        Err(CallError::NotDecider {
            view: vec![name.clone()],
        }),
        Err(CallError::Unknown { detail: detail() }),
        Err(CallError::Leaving),
        Err(CallError::Invalid(detail())),
    ];
    let placed = [
        Ok((token, dot)),
        Err(PlaceError::StartFailed(detail())),
        Err(PlaceError::Ignored),
        Err(PlaceError::Busy),
        Err(PlaceError::Refused(detail())),
        Err(PlaceError::Superseded),
    ];
    let places = [
        ClaimNotice::Birth {
            birth: stamp,
            retried: false,
            spec,
        },
        ClaimNotice::TakeOver { birth: stamp },
    ];
    let verdicts = [
        Verdict::Running,
        Verdict::Starting,
        Verdict::Over,
        Verdict::NotWinner,
    ];
    let identity = Identity {
        id: node,
        seniority: node,
        generation: 1,
        name: name.clone(),
        addr,
    };
    let chunk = Chunk {
        serial: 5,
        transfer: 2,
        index: 1,
        scope: Scope::Full { round: 9 },
        origins: vec![ReplicaId(node.0), ReplicaId(8)],
        ops: vec![WireOp {
            origin: 0,
            seq: 300,
            hlc: stamp.hlc,
            context: vec![(1, 7)],
            key: Key::Claim(child.clone()),
            value: Some(Value::encode(&7_u32)),
        }],
        held: vec![Run {
            origin: 1,
            first: 2,
            last: 6,
        }],
        vector: vec![(0, 300)],
        folds: vec![(1, 7)],
        floor: vec![(0, 200)],
        is_last: true,
    };
    let mut samples = vec![
        Message::Hello(Hello {
            dial: None,
            protocol: PROTOCOL,
            identity,
            was_admitted: true,
            listed: Some(stamp),
            wall: WallTime(1),
            hlc: stamp.hlc,
        }),
        Message::Refused(Refusal::NameTaken {
            name,
            holder: node,
            addr,
        }),
        Message::HandOver(vec![Removed {
            at: stamp.hlc,
            by: node,
            node: NodeId(8),
            why: Why::Replaced(NodeId(9)),
        }]),
        Message::Refused(Refusal::Other { detail: detail() }),
        Message::Sync(SyncMessage::Probe {
            round: 4,
            digest: 5 << 90,
            fingerprint: 6 << 50,
        }),
        Message::Sync(SyncMessage::Vector {
            round: 4,
            vector: [(ReplicaId(node.0), 300)].into_iter().collect(),
            rest: 7 << 90,
            ranges: vec![(ReplicaId(8), 6 << 90)],
        }),
        Message::Sync(SyncMessage::Chunk(chunk)),
        Message::Sync(SyncMessage::Ack {
            serial: 5,
            held: vec![(ReplicaId(8), 7)],
        }),
        Message::Ping(7),
        Message::Pong(7),
        Message::Lost,
        Message::Down(2),
        Message::Outrank {
            seniority: node,
            generation: 3,
        },
        Message::Leave,
        Message::Hears { node, question: 7 },
        Message::Heard {
            node,
            question: 7,
            heard: true,
        },
        Message::Evidence(node),
        Message::Redirect { request, to: node },
        Message::Acknowledge(closed()),
        Message::IsOpen(request, child.clone()),
        Message::Open {
            request,
            child: child.clone(),
            open: true,
        },
        Message::Propose(Propose {
            proposal: 1,
            part: 2,
            written: dot,
            claims: vec![(child.clone(), rank)],
        }),
        Message::Proposed(Proposed {
            proposal: 1,
            part: 2,
            refused: vec![(child.clone(), rank)],
            holds: vec![dot],
        }),
        Message::Confirm {
            child: child.clone(),
            rank,
        },
    ];
    let timeout = Duration::from_secs(5);
    samples.extend(commands.map(|command| {
        Message::Ask(Ask {
            again: true,
            seen: vec![dot],
            origin: node,
            request,
            closed: closed(),
            timeout,
            command,
        })
    }));
    samples.extend(results.map(|result| {
        Message::Told(Told {
            request,
            result,
            written: vec![dot],
            held_by: vec![node],
        })
    }));
    samples.extend(places.map(|what| {
        let child = child.clone();
        Message::Place(Place {
            placement: 6,
            lowest: 4,
            child,
            timeout,
            epoch: 12,
            what,
        })
    }));
    samples.extend(placed.map(|result| {
        Message::Placed(Placed {
            placement: 6,
            child: child.clone(),
            result,
        })
    }));
    samples.extend(verdicts.map(|verdict| Message::Verdict {
        child: child.clone(),
        rank,
        verdict,
    }));
    let listed: NodeName = "beta".parse().unwrap();
    samples.push(Message::Refused(Refusal::NotListed {
        set: stamp,
        names: vec![listed.clone()],
    }));
    samples.push(Message::Told(Told {
        request,
        result: Ok(Answer::MembersSet {
            held_by: vec![listed.clone()],
            left: Vec::new(),
            down: vec![listed],
        }),
        written: Vec::new(),
        held_by: vec![node],
    }));
    samples
}

#[test]
fn every_kind_of_frame_is_in_the_corpus_and_survives_the_wire() {
    let mut kinds = std::collections::BTreeSet::new();
    for message in samples() {
        let bytes = message.encode();
        assert_eq!(Message::decode(&bytes), Ok(message.clone()));
        assert!(
            CORPUS.contains(&bytes),
            "record the corpus anew: {message:?} is missing"
        );
        kinds.insert(kind(&message));
    }
    assert_eq!(kinds.len(), KINDS);
}

/// Writes the samples into the corpus, after a change of the protocol: `ORDU_RECORD_CORPUS=1 cargo test -p ordu-core
/// record`.
#[test]
#[allow(
    clippy::disallowed_methods,
    reason = "who runs it says so in the environment; nothing under test reads it"
)]
fn record_the_corpus() {
    if std::env::var_os("ORDU_RECORD_CORPUS").is_some() {
        std::fs::create_dir_all(FOLDER).unwrap();
        for (number, message) in samples().iter().enumerate() {
            std::fs::write(
                format!("{FOLDER}/{number:02}-{}", kind(message)),
                message.encode(),
            )
            .unwrap();
        }
    }
}
