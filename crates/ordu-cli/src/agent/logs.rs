use ordu::{ChildLog, ChildState, Horde, LogError};
use tokio::io::{AsyncReadExt as _, BufReader};
use tokio::net::unix::OwnedReadHalf;

use super::Agent;
use super::answer::lookup;
use super::refusal::Refusal;
use super::server::Answer;
use crate::control::{LogReply, LogRequest, LogRow, MAX_LINE, Reply};
use crate::failure::Wrong;

/// What the library gives of the past at most, in bytes.
const MOST: u64 = 4 << 20;

/// The longest piece of a line that is told at once, in bytes. JSON writes some bytes as six (`\u0000`), so that all
/// of a line in one answer could be longer than an answer may be.
const MAX_PIECE: usize = MAX_LINE / 8;

/// Sends the lines, and with `follow` the new ones too until the caller hangs up.
pub(super) async fn send(
    agent: &Agent,
    horde: Option<&str>,
    request: LogRequest,
    reader: &mut BufReader<OwnedReadHalf>,
    answer: &mut Answer,
) -> Result<(), Refusal> {
    let id = request.id.as_str();
    let log = open(agent, agent.horde(horde)?, id, answer).await?;
    answer.send_part(&reply(&LogReply::Found)).await;
    if request.lines.is_none() {
        write_if_cut(&log, answer).await;
    }
    let lines = request.lines.unwrap_or(usize::MAX);
    if !request.follow {
        let found = log.tail(lines).await.map_err(|error| refusal(&error))?;
        if request.lines.is_some() && found.len() < lines {
            write_if_cut(&log, answer).await;
        }
        for text in found {
            if !send_line(text, answer).await {
                return Ok(());
            }
        }
        answer.send_part(&reply(&LogReply::End)).await;
        return Ok(());
    }
    let mut follower = log.follow(lines);
    loop {
        tokio::select! {
            line = follower.next() => {
                let text = line.map_err(|error| refusal(&error))?;
                if !send_line(text, answer).await {
                    return Ok(());
                }
            }
            // A caller of this has nothing more to say: that it can be read from means that it has gone.
            _ = reader.read_u8() => return Ok(()),
        }
    }
}

/// The output is where the child runs. If it ran here before, that is shown, and the place is named. Of a child that
/// is no more it is shown for as long as it is kept.
async fn open(agent: &Agent, horde: &Horde, id: &str, answer: &mut Answer) -> Result<ChildLog, Refusal> {
    let found = lookup(horde, id);
    let log = horde.log(id);
    let elsewhere = match &found {
        Ok(child) => child
            .node
            .as_ref()
            .filter(|node| *node != agent.node.name())
            .map(|node| whereabouts(&node.to_string(), child.state)),
        Err(_) => None,
    };
    let note = match (&found, &elsewhere) {
        (Err(_), _) => Some(format!(
            "there is no child {id:?} any more; this is what the last one said here"
        )),
        (Ok(_), Some(place)) => Some(format!("child {id:?} {place}; this is what it said here before")),
        (Ok(_), None) => None,
    };
    let log = match (log, elsewhere) {
        (Ok(log), _) => log,
        (Err(LogError::NoLog { .. }), Some(place)) => {
            let message = format!("child {id:?} {place}; ask the agent there for its output");
            return Err(Refusal::new(Wrong::Failed, message));
        }
        (Err(error), _) => return Err(found.err().unwrap_or_else(|| refusal(&error))),
    };
    let dropped = log.dropped().map(|dropped| {
        let (bytes, reason) = (dropped.bytes, &dropped.reason);
        format!("{bytes} bytes of its output were dropped since this agent started: {reason}")
    });
    for note in note.into_iter().chain(dropped) {
        answer.send_part(&reply(&LogReply::Note(note))).await;
    }
    Ok(log)
}

/// Where a child is, or was, in words.
fn whereabouts(node: &str, state: ChildState) -> String {
    match state {
        ChildState::Stopped => format!("ran on {node} and is stopped"),
        ChildState::Failed => format!("ran on {node} and has failed"),
        ChildState::Starting => format!("is being started on {node}"),
        _ => format!("runs on {node}"),
    }
}

/// Says where the rest is if there is more than is shown.
async fn write_if_cut(log: &ChildLog, answer: &mut Answer) {
    let path = log.path();
    let older = |age: u8| path.with_extension(format!("log.{age}"));
    let files = [path.clone(), older(1), older(2)];
    let size: u64 = files
        .iter()
        .filter_map(|file| Some(file.metadata().ok()?.len()))
        .sum();
    if size > MOST {
        let [current, before, first] = files.map(|file| file.display().to_string());
        let note = format!(
            "only the last 4 MiB of the past are shown; all that is kept is in {first}, {before} and {current}"
        );
        answer.send_part(&reply(&LogReply::Note(note))).await;
    }
}

/// Sends a line, in pieces if it is long; `false` once there is nobody to send more to.
async fn send_line(text: String, answer: &mut Answer) -> bool {
    for row in rows(text) {
        if !answer.send_part(&reply(&LogReply::Line(row))).await {
            return false;
        }
    }
    true
}

/// A line as it is told: one that is long comes in pieces.
fn rows(text: String) -> Vec<LogRow> {
    if text.len() <= MAX_PIECE {
        return vec![LogRow { text, goes_on: false }];
    }
    let (mut rows, mut rest) = (Vec::new(), text.as_str());
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.floor_char_boundary(MAX_PIECE));
        rows.push(LogRow {
            text: piece.to_owned(),
            goes_on: !after.is_empty(),
        });
        rest = after;
    }
    rows
}

fn refusal(error: &LogError) -> Refusal {
    Refusal::new(Wrong::Failed, error.to_string())
}

fn reply(part: &LogReply) -> Reply {
    serde_json::to_value(part).map_or_else(
        |error| Reply::Error {
            wrong: Wrong::Failed,
            message: error.to_string(),
        },
        Reply::Ok,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_bytes_that_take_more_room_in_json_is_told_whole_in_answers_that_fit() {
        for filling in ["\0", "x", "\u{fffd}"] {
            let line = filling.repeat(usize::try_from(MOST).unwrap());
            let told = rows(line.clone());
            for row in &told {
                let answer = serde_json::to_vec(&reply(&LogReply::Line(row.clone()))).unwrap();
                assert!(answer.len() < MAX_LINE, "{} bytes", answer.len());
            }
            let ends: Vec<bool> = told.iter().map(|row| !row.goes_on).collect();
            assert_eq!(ends.iter().filter(|end| **end).count(), 1, "{ends:?}");
            assert_eq!(ends.last(), Some(&true));
            assert!(line == told.into_iter().map(|row| row.text).collect::<String>());
        }
        assert_eq!(rows(String::new()).len(), 1, "an empty line is one, too");
    }

    #[test]
    fn only_a_child_that_runs_is_said_to_run() {
        let said = |state| whereabouts("n1", state);
        assert_eq!(said(ChildState::Running), "runs on n1");
        assert_eq!(said(ChildState::Restarting), "runs on n1");
        assert_eq!(said(ChildState::Starting), "is being started on n1");
        assert_eq!(said(ChildState::Stopped), "ran on n1 and is stopped");
        assert_eq!(said(ChildState::Failed), "ran on n1 and has failed");
    }
}
