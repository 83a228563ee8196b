//! One child as its owner sees it: the registers, the copy that runs here, and what follows from them.
//!
//! **Architecture invariant:** [`Claims`] knows no membership and no clock. Who is alive and who decides is the
//! business of `takeover` beside it; when a loser gives up waiting, that of `children/reconcile`.

mod burial;
mod copy;
mod halves;
mod machine;
#[cfg(test)]
mod model;
mod over;
mod siblings;
mod step;
mod takeover;
#[cfg(test)]
mod tests;

pub(crate) use copy::{Copy, Phase, StopWhy};
pub(crate) use machine::Claims;
pub(crate) use step::{Step, Verdict};
pub(crate) use takeover::Takeovers;
