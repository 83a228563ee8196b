//! What a cluster keeps of what is over, by the allocator's count.
//!
//! One of its nodes lives in this program, whose allocator counts; the others are real agents, whose resident memory is
//! printed beside. What is compared are moments in which nothing happens and all that is over has been let go of, by what
//! each of many boots or children has left: what it costs to run at all does not count.
//!
//! The harness is not the standard one because the node here runs processes: its program is its keeper's, too.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]
#![allow(
    clippy::cast_precision_loss,
    reason = "bytes and counts of a test are far from 2^52"
)]

mod boots;
#[path = "../cluster/harness/mod.rs"]
#[allow(dead_code, unused_imports, reason = "most of it is for the other tests")]
mod harness;
mod removals;
mod scene;

use std::process::ExitCode;

use counting_allocator::Counting;
use libtest_mimic::{Arguments, Trial};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() -> ExitCode {
    ordu::keeper::init();
    let mut trials = vec![];
    // Long ones, for whoever asks for them.
    if cfg!(ordu_long) || std::env::var_os(boots::BOOTS).is_some() {
        trials.extend(boots::trials());
    }
    trials.extend(removals::trials());
    // The bytes are those of the whole program: one at a time.
    let arguments = Arguments {
        test_threads: Some(1),
        ..Arguments::from_args()
    };
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// One test, on a runtime of its own.
fn trial<F: Future<Output = ()> + 'static>(name: &str, test: fn() -> F) -> Trial {
    Trial::test(name, move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?;
        runtime.block_on(test());
        Ok(())
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
