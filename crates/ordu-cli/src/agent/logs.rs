use ordu::LogError;
use tokio::io::{AsyncReadExt as _, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use super::Agent;
use super::refusal::Refusal;
use super::server::write;
use crate::control::{LogRequest, LogRow, Reply};
use crate::failure::Wrong;

/// Sends the lines, and with `follow` the new ones too until the caller hangs up.
pub(super) async fn send(
    agent: &Agent,
    request: LogRequest,
    reader: &mut BufReader<OwnedReadHalf>,
    writer: &mut OwnedWriteHalf,
) -> Result<(), Refusal> {
    let id = request.id.as_str();
    elsewhere(agent, id)?;
    let log = agent.horde.log(id).map_err(|error| refusal(agent, id, &error))?;
    let lines = request.lines.unwrap_or(usize::MAX);
    if !request.follow {
        for text in log
            .tail(lines)
            .await
            .map_err(|error| refusal(agent, id, &error))?
        {
            write(writer, &row(text)).await;
        }
        return Ok(());
    }
    let mut follower = log.follow(lines);
    loop {
        tokio::select! {
            line = follower.next() => {
                write(writer, &row(line.map_err(|error| refusal(agent, id, &error))?)).await;
            }
            // A caller of this has nothing more to say: that it can be read from means that it has gone.
            _ = reader.read_u8() => return Ok(()),
        }
    }
}

/// The output is where the child runs.
fn elsewhere(agent: &Agent, id: &str) -> Result<(), Refusal> {
    let child = agent.lookup(id)?;
    match &child.node {
        Some(node) if node != agent.node.name() => {
            let message = format!("child {id:?} runs on {node}; ask the agent there for its output");
            Err(Refusal::new(Wrong::Failed, message))
        }
        _ => Ok(()),
    }
}

fn refusal(agent: &Agent, id: &str, error: &LogError) -> Refusal {
    let wrong = match error {
        LogError::NoLog { .. } if agent.horde.lookup(id).is_none() => Wrong::NotFound,
        _ => Wrong::Failed,
    };
    Refusal::new(wrong, error.to_string())
}

fn row(text: String) -> Reply {
    serde_json::to_value(LogRow { text }).map_or_else(
        |error| Reply::Error {
            wrong: Wrong::Failed,
            message: error.to_string(),
        },
        Reply::Ok,
    )
}
