//! The core's words for the network and the transport's, side by side.

use ordu_core as core;

use crate::transport::{self, Command};

pub(super) fn conn(conn: core::ConnId) -> transport::ConnId {
    transport::ConnId(conn.0)
}

pub(super) fn channel(channel: core::Channel) -> transport::Channel {
    match channel {
        core::Channel::Control => transport::Channel::Control,
        core::Channel::Bulk => transport::Channel::Bulk,
    }
}

pub(super) fn close(conn: core::ConnId, reason: core::CloseReason) -> Command {
    Command::Close {
        conn: self::conn(conn),
        after_streams_end: lets_streams_end(&reason),
        reason: close_text(reason),
    }
}

/// What was sent before the close should still arrive, but from a peer that broke the protocol or is of no
/// interest any more nothing is awaited.
fn lets_streams_end(reason: &core::CloseReason) -> bool {
    matches!(
        reason,
        core::CloseReason::Duplicate | core::CloseReason::Refused { .. } | core::CloseReason::Leaving
    )
}

fn close_text(reason: core::CloseReason) -> String {
    match reason {
        core::CloseReason::Duplicate => "another connection of the two stays".to_owned(),
        core::CloseReason::PeerGone => "the peer counts as gone".to_owned(),
        core::CloseReason::Refused { detail } => format!("refused: {detail}"),
        core::CloseReason::Protocol { detail } => format!("protocol violated: {detail}"),
        core::CloseReason::Leaving => "the node ends".to_owned(),
    }
}

/// What the core is to know, and what people are.
#[derive(Debug, Default)]
pub(super) struct Heard {
    pub(super) input: Option<core::Input>,
    pub(super) event: Option<core::Event>,
}

impl Heard {
    fn input(input: core::Input) -> Self {
        Self {
            input: Some(input),
            event: None,
        }
    }
}

/// Turns what happened on the network into what the core takes.
pub(super) fn heard(event: transport::Event) -> Heard {
    use transport::Event;
    match event {
        Event::Connected {
            conn,
            peer,
            peer_addr,
            dialled,
            rtt,
        } => Heard::input(core::Input::Connected {
            conn: core::ConnId(conn.0),
            peer: core::NodeId(peer),
            addr: peer_addr,
            dialled: dialled.map(core::DialId),
            rtt,
        }),
        Event::DialFailed { attempt, addr, error } => dial_failed(attempt, addr, &error),
        Event::Closed { conn, reason } => Heard::input(core::Input::Disconnected {
            conn: core::ConnId(conn.0),
            reason: reason.to_string(),
        }),
        Event::Datagram { conn, bytes } => Heard::input(core::Input::Datagram {
            conn: core::ConnId(conn.0),
            bytes,
        }),
        Event::Received { conn, channel, bytes } => Heard::input(core::Input::Received {
            conn: core::ConnId(conn.0),
            channel: match channel {
                transport::Channel::Control => core::Channel::Control,
                transport::Channel::Bulk => core::Channel::Bulk,
            },
            bytes,
        }),
        Event::LifelineClosed { conn, peer } => {
            tracing::debug!(conn = conn.0, peer = %core::NodeId(peer), "lifeline closed");
            Heard::input(core::Input::LifelineClosed {
                conn: core::ConnId(conn.0),
            })
        }
        Event::ProbeResult { probe, outcome } => Heard::input(core::Input::Probed {
            probe: core::ProbeId(probe),
            outcome: match outcome {
                transport::ProbeOutcome::Refused => core::ProbeOutcome::Refused,
                transport::ProbeOutcome::Accepted => core::ProbeOutcome::Accepted,
                transport::ProbeOutcome::Silent => core::ProbeOutcome::Silent,
            },
        }),
        Event::LifelineUp { conn, peer } => {
            tracing::debug!(conn = conn.0, peer = %core::NodeId(peer), "lifeline up");
            Heard::default()
        }
        Event::LifelineFailed { conn, peer, error } => {
            tracing::debug!(conn = conn.0, peer = %core::NodeId(peer), error, "no lifeline");
            Heard::default()
        }
        Event::StrangerRefused { addr, what, untold } => {
            let detail = match untold {
                0 => what.to_string(),
                untold => format!("{what} (and {untold} more not told)"),
            };
            Heard {
                input: None,
                event: Some(core::Event::PeerRefused { addr, detail }),
            }
        }
    }
}

/// A peer of another cluster is told of once per attempt by both sides: by the one that was dialled as a
/// stranger refused, by the one that dialled here.
fn dial_failed(attempt: u64, addr: std::net::SocketAddr, error: &transport::DialError) -> Heard {
    use transport::{DialError, HandshakeError};
    let detail = error.to_string();
    let (error, event) = match error {
        DialError::Timeout => (core::DialError::Timeout, None),
        DialError::Handshake(HandshakeError::OtherCluster(_)) => (
            core::DialError::OtherCluster {
                detail: detail.clone(),
            },
            Some(core::Event::PeerRefused { addr, detail }),
        ),
        DialError::Handshake(HandshakeError::OtherProtocol | HandshakeError::NoNodeId) | DialError::Twin => (
            core::DialError::Other {
                detail: detail.clone(),
            },
            Some(core::Event::PeerRefused { addr, detail }),
        ),
        // A live node turned this one away: not what the core calls refused, which is that nobody listens.
        DialError::Refused | DialError::Itself | DialError::Address(_) | DialError::Handshake(_) => {
            (core::DialError::Other { detail }, None)
        }
    };
    Heard {
        input: Some(core::Input::DialFailed {
            dial: core::DialId(attempt),
            error,
        }),
        event,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr() -> std::net::SocketAddr {
        "192.0.2.1:7".parse().unwrap()
    }

    #[test]
    fn what_was_said_before_a_peaceful_close_still_arrives() {
        let conn = core::ConnId(1);
        for (reason, waits) in [
            (core::CloseReason::Duplicate, true),
            (core::CloseReason::Leaving, true),
            (
                core::CloseReason::Refused {
                    detail: String::new(),
                },
                true,
            ),
            (core::CloseReason::PeerGone, false),
            (
                core::CloseReason::Protocol {
                    detail: String::new(),
                },
                false,
            ),
        ] {
            let Command::Close {
                after_streams_end, ..
            } = close(conn, reason.clone())
            else {
                panic!("not a close")
            };
            assert_eq!(after_streams_end, waits, "{reason:?}");
        }
    }

    #[test]
    fn a_dial_that_failed_is_told_to_the_core_and_a_refusal_to_people_too() {
        use transport::{DialError, HandshakeError};
        let refused = heard(transport::Event::DialFailed {
            attempt: 3,
            addr: addr(),
            error: DialError::Handshake(HandshakeError::OtherProtocol),
        });
        assert!(matches!(
            refused.input,
            Some(core::Input::DialFailed {
                dial: core::DialId(3),
                error: core::DialError::Other { .. }
            })
        ));
        assert!(matches!(refused.event, Some(core::Event::PeerRefused { .. })));

        let silent = heard(transport::Event::DialFailed {
            attempt: 4,
            addr: addr(),
            error: DialError::Timeout,
        });
        assert!(matches!(
            silent.input,
            Some(core::Input::DialFailed {
                dial: core::DialId(4),
                error: core::DialError::Timeout
            })
        ));
        assert_eq!(silent.event, None);

        let turned_away = heard(transport::Event::DialFailed {
            attempt: 5,
            addr: addr(),
            error: DialError::Refused,
        });
        assert!(
            matches!(
                turned_away.input,
                Some(core::Input::DialFailed {
                    error: core::DialError::Other { .. },
                    ..
                })
            ),
            "it must not read as if nobody listened there"
        );
    }
}
