use std::collections::VecDeque;
use std::fmt::Write as _;

use ordu_core::{Input, Output};

use crate::{Boot, Moment};

/// What is written down of everything that happens, one line each.
#[derive(Clone, Debug, Default)]
pub enum Trace {
    /// Nothing: the fast way.
    #[default]
    Off,
    /// Everything.
    Full(String),
    /// The last so many lines.
    Tail(usize, VecDeque<String>),
}

impl Trace {
    /// The text so far.
    pub fn text(&self) -> String {
        match self {
            Self::Off => String::new(),
            Self::Full(text) => text.clone(),
            Self::Tail(_, lines) => lines.iter().map(String::as_str).collect(),
        }
    }

    pub(crate) fn line(&mut self, at: Moment, text: impl FnOnce() -> String) {
        match self {
            Self::Off => {}
            Self::Full(all) => {
                let _ = writeln!(all, "{at} {}", text());
            }
            Self::Tail(most, lines) => {
                if lines.len() == *most {
                    lines.pop_front();
                }
                lines.push_back(format!("{at} {}\n", text()));
            }
        }
    }

    pub(crate) fn input(&mut self, at: Moment, boot: Boot, input: &Input) {
        self.line(at, || match input {
            Input::Datagram { conn, bytes } => format!("{boot} < Datagram {} {}", conn.0, digest(bytes)),
            Input::Received { conn, channel, bytes } => {
                format!("{boot} < Received {} {channel:?} {}", conn.0, digest(bytes))
            }
            other => format!("{boot} < {other:?}"),
        });
    }

    pub(crate) fn output(&mut self, at: Moment, boot: Boot, output: &Output) {
        self.line(at, || match output {
            Output::Datagram { conn, bytes } => format!("{boot} > Datagram {} {}", conn.0, digest(bytes)),
            Output::Send { conn, channel, bytes } => {
                format!("{boot} > Send {} {channel:?} {}", conn.0, digest(bytes))
            }
            Output::StartChild { start, id, token, .. } => {
                format!("{boot} > StartChild {} {id:?} {token}", start.0)
            }
            Output::Child { id, info, .. } => match info {
                Some(info) => format!(
                    "{boot} > Child {id:?} {} on {:?} {} restarts {} {:?}",
                    info.state,
                    info.node,
                    info.token.map_or_else(|| "-".into(), |token| token.to_string()),
                    info.restarts,
                    info.reason
                ),
                None => format!("{boot} > Child {id:?} gone"),
            },
            other => format!("{boot} > {other:?}"),
        });
    }
}

fn digest(bytes: &[u8]) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in bytes {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    let mut text = format!("{}B {hash:016x} ", bytes.len());
    for byte in bytes.iter().take(24) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}
