//! Nodes on loopback, with real connections and real processes.
//!
//! The harness is not the standard one because a program that runs processes must call
//! `ordu::keeper::init()` first in its own `main`.

// The setting for tests does not reach a harness of one's own: here a panic is a failed test.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc)]

mod alone;
mod calls;
mod failover;
mod keeper;
mod kinds;
mod leaving;
mod logs;
mod membership;
mod start;
mod world;

use std::future::Future;
use std::process::ExitCode;
use std::time::Duration;

use libtest_mimic::{Arguments, Trial};

/// No test waits longer for what must happen.
const LIMIT: Duration = Duration::from_mins(1);

fn main() -> ExitCode {
    ordu::keeper::init();
    world::lower_open_files();
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_env("ORDU_LOG"))
        .with_writer(std::io::stderr)
        .init();
    let mut trials = Vec::new();
    for group in [
        start::trials,
        alone::trials,
        calls::trials,
        membership::trials,
        failover::trials,
        leaving::trials,
        keeper::trials,
        kinds::trials,
        logs::trials,
    ] {
        trials.extend(group());
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// One test, on a runtime of its own.
fn trial<F>(name: &str, test: fn() -> F) -> Trial
where
    F: Future<Output = ()> + Send + 'static,
{
    Trial::test(name, move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?;
        runtime.block_on(async {
            tokio::time::timeout(LIMIT, test())
                .await
                .map_err(|_| format!("not done after {LIMIT:?}").into())
        })
    })
}

/// The tests of a group, named after their functions.
macro_rules! trials {
    ($($name:ident),* $(,)?) => {
        pub(crate) fn trials() -> Vec<libtest_mimic::Trial> {
            let group = module_path!().rsplit("::").next().expect("a path has an end");
            vec![$(crate::trial(&format!("{group}::{}", stringify!($name)), $name)),*]
        }
    };
}
pub(crate) use trials;
