use std::path::Path;

use ordu_core::{Kind, StartId};
use ordu_supervisor::process::{Keeper, KeeperConfig, StartError};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::driver::{Driver, Order};
use super::outage::Outage;
use super::{Logs, ProcessSpec, limits};
use crate::kind::{StartRequest, Starting, WorkerKind};

/// The kind `process`. What it is asked goes to a task of its own, which speaks with the keeper; dropping it
/// ends the task, the keeper and every child.
#[derive(Debug)]
pub(crate) struct ProcessKind {
    orders: mpsc::UnboundedSender<Order>,
}

/// The task of the kind before it is started, which is the last step of a node's start that can fail.
#[derive(Debug)]
pub(crate) struct Keeping {
    inbox: mpsc::UnboundedReceiver<Order>,
}

impl ProcessKind {
    /// The kind, and its task, without which it starts nothing.
    pub(crate) fn new() -> (Self, Keeping) {
        let (orders, inbox) = mpsc::unbounded_channel();
        (Self { orders }, Keeping { inbox })
    }

    fn order(&self, order: Order) {
        // The task ends after this does, or with the runtime.
        let _ = self.orders.send(order);
    }
}

impl Keeping {
    /// Starts a keeper, whose children's output goes to `logs`, and kills what a node of this data directory
    /// that was killed together with its keeper has left running.
    ///
    /// The task that is returned ends after the kind was dropped, once the keeper and all children are gone. If
    /// it ends before, by a panic, they are gone as well and no child can be started any more: the node must
    /// end. What `outage` tells is kept true.
    pub(crate) async fn start(
        self,
        data_dir: &Path,
        logs: Logs,
        outage: Outage,
        without_control_groups: bool,
    ) -> Result<JoinHandle<()>, StartError> {
        let mut config = KeeperConfig::default();
        config.without_control_groups = without_control_groups;
        config.ledger = Some(data_dir.join("processes"));
        let (keeper, events) = Keeper::start(config.clone()).await?;
        let open_files = limits::raise_open_files();
        let driver = Driver::new(keeper, events, config, open_files, logs, outage, self.inbox);
        Ok(tokio::spawn(driver.run()))
    }
}

impl WorkerKind for ProcessKind {
    fn kind(&self) -> Kind {
        ProcessSpec::kind()
    }

    fn versions(&self) -> Vec<u16> {
        vec![ProcessSpec::VERSION]
    }

    fn start(&self, request: StartRequest, starting: Starting) {
        self.order(Order::Start(request, starting));
    }

    fn shutdown(&self, start: StartId) {
        self.order(Order::Shutdown(start));
    }

    fn kill(&self, start: StartId) {
        self.order(Order::Kill(start));
    }
}
