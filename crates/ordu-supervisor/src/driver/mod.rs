//! Runs children on tokio, as the core decides.

mod alarm;
mod any_supervisor;
mod call;
mod child;
mod child_id;
mod child_spec;
mod clock;
mod control;
mod ctx;
mod dynamic;
mod ending;
mod errors;
mod events;
mod exit;
mod factory;
mod hands;
mod helpers;
mod into_exit;
mod job;
mod link;
mod mailbox;
mod once;
mod panics;
mod place;
#[cfg(feature = "process")]
mod process;
mod run;
mod shared;
mod shield;
mod spawn;
mod start;
mod supervisor;
mod task;
mod text;

pub use self::any_supervisor::AnySupervisor;
pub use self::call::Call;
pub use self::child::Child;
pub use self::child_id::{ChildId, ChildRef};
pub use self::child_spec::{ChildSpec, check_child_specs};
pub use self::ctx::{Ctx, StopSignal};
pub use self::dynamic::{DynamicSupervisor, DynamicSupervisorBuilder, DynamicSupervisorHandle};
pub use self::errors::{
    DeleteChildError, QueryError, RestartChildError, StartChildError, StartSupervisorError, StopError,
    SupervisorGone, TerminateChildError,
};
pub use self::events::{Event, EventStream};
pub use self::exit::SupervisorExit;
pub use self::helpers::Helper;
pub use self::into_exit::IntoExit;
pub use self::job::{JobError, JobResult};
#[cfg(feature = "process")]
pub use self::process::{ProcessCommand, Processes};
pub use self::start::{BoxFuture, Info, StartChild, StartError, Started, Starting};
pub use self::supervisor::{
    BuildSupervisor, ChildInfo, ChildState, Nested, OwnedSupervisor, StartedChild, Supervisor,
    SupervisorBuilder, SupervisorHandle,
};
