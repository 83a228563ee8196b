use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde::de::DeserializeOwned;

use crate::control::{Client, Request, default_socket};
use crate::duration;
use crate::failure::Failure;

/// Whom to ask and how to answer: on every command that speaks to an agent.
#[derive(Clone, Debug, Args)]
pub(crate) struct Ask {
    /// The socket of the agent to ask [default: in the runtime directory]
    #[arg(long, value_name = "PATH", env = "ORDU_SOCKET")]
    pub(crate) socket: Option<PathBuf>,
    /// The horde of the children [default: the first of the agent's]
    #[arg(long, value_name = "NAME", env = "ORDU_HORDE")]
    pub(crate) horde: Option<String>,
    /// Answer in JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// How much longer than the agent one waits who asks it for a change: so the agent's own words are heard.
pub(crate) const LAST_WORDS: Duration = Duration::from_secs(1);

impl Ask {
    /// Connects to the agent, and waits no longer than `patience`, now and for an answer beyond the time that a request
    /// itself gives the agent.
    pub(crate) fn connect_within(&self, patience: Duration) -> Result<Client, Failure> {
        Ok(Client::connect_within(&self.socket(), patience)?.about(self.horde.clone()))
    }

    fn socket(&self) -> PathBuf {
        self.socket.clone().unwrap_or_else(default_socket)
    }
}

/// The same for commands that only look.
#[derive(Clone, Debug, Args)]
pub(crate) struct Look {
    #[command(flatten)]
    pub(crate) ask: Ask,
    /// How long to wait for the answer
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration::parse)]
    pub(crate) timeout: Duration,
}

impl Look {
    /// Connects to the agent, which has this time for all of its answer.
    pub(crate) fn connect(&self) -> Result<Client, Failure> {
        self.ask.connect_within(self.timeout)
    }

    /// Asks the agent.
    pub(crate) fn ask<T: DeserializeOwned>(&self, request: &Request) -> Result<T, Failure> {
        self.connect()?.ask(request, Duration::ZERO)
    }
}

/// The same for commands that change something.
#[derive(Clone, Debug, Args)]
pub(crate) struct Change {
    #[command(flatten)]
    pub(crate) ask: Ask,
    /// How long to wait until it is done
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration::parse)]
    pub(crate) timeout: Duration,
}

impl Change {
    /// Asks the agent for a change, of so many steps, each of which it gives up in time. An agent that hangs is waited for
    /// hardly longer.
    pub(crate) fn ask<T: DeserializeOwned>(&self, request: &Request, steps: u32) -> Result<T, Failure> {
        let others = self.timeout.saturating_mul(steps.saturating_sub(1));
        let agent = self.ask.connect_within(self.timeout)?;
        agent.ask(request, others.saturating_add(LAST_WORDS))
    }

    /// The time-out as the agent is told it.
    pub(crate) fn milliseconds(&self) -> u64 {
        u64::try_from(self.timeout.as_millis()).unwrap_or(u64::MAX)
    }
}
