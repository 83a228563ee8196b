use alloc::collections::BTreeMap;
use core::time::Duration;

use crate::wire::Hello;
use crate::{ConnId, NodeId, Time};

/// Newcomers that bear the name of a member that is believed alive (S6.2): the member is asked first. If it does
/// not answer, the newcomer is let in; if it does, the newer boot of the two is told to end.
#[derive(Debug, Default)]
pub(crate) struct Names {
    waiting: BTreeMap<ConnId, Newcomer>,
}

/// A newcomer that waits.
#[derive(Debug)]
pub(crate) struct Newcomer {
    pub(crate) hello: Hello,
    /// The member of the same name.
    pub(crate) holder: NodeId,
    deadline: Time,
}

impl Names {
    /// The least time a holder has to answer.
    const PATIENCE: Duration = Duration::from_millis(200);

    pub(crate) fn wait(&mut self, conn: ConnId, hello: Hello, holder: NodeId, patience: Duration, now: Time) {
        let deadline = now + Self::PATIENCE.max(patience);
        self.waiting.insert(
            conn,
            Newcomer {
                hello,
                holder,
                deadline,
            },
        );
    }

    /// A holder answered: the newcomers of its name.
    pub(crate) fn answered(&mut self, holder: NodeId) -> impl Iterator<Item = (ConnId, Newcomer)> {
        self.waiting
            .extract_if(.., move |_, newcomer| newcomer.holder == holder)
    }

    /// The newcomers whose holders did not answer in time.
    pub(crate) fn expired(&mut self, now: Time) -> impl Iterator<Item = (ConnId, Newcomer)> {
        self.waiting
            .extract_if(.., move |_, newcomer| newcomer.deadline <= now)
    }

    pub(crate) fn remove(&mut self, conn: ConnId) {
        self.waiting.remove(&conn);
    }

    pub(crate) fn next_deadline(&self) -> Option<Time> {
        self.waiting.values().map(|newcomer| newcomer.deadline).min()
    }
}
