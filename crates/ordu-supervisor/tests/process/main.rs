//! Operating-system processes, with a real keeper and real children.
//!
//! The harness is not the built-in one, because this program itself must be able to become a keeper and,
//! for some tests, an agent that is killed: both happen before `main` would run tests.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::unwrap_used,
    reason = "tests, though the lints cannot see it without the built-in harness"
)]

mod agent;
mod ending;
mod gone;
mod kills;
mod scene;
mod spawning;
mod unmarked;
mod volume;

use libtest_mimic::{Arguments, Trial};
use ordu_supervisor::process::keeper;

fn main() {
    agent::die_if_asked();
    keeper::init();
    agent::run_if_asked();
    kills::run_if_asked();

    let mut tests = Vec::new();
    let mut add = |name: &str, test: fn()| {
        tests.push(Trial::test(name, move || {
            test();
            Ok(())
        }));
    };
    spawning::all(&mut add);
    ending::all(&mut add);
    gone::all(&mut add);
    kills::all(&mut add);
    unmarked::all(&mut add);
    volume::all(&mut add);
    libtest_mimic::run(&Arguments::from_args(), tests).exit();
}

/// Registers the functions of a module as tests under their own names; those after `both_ways` once with control
/// groups, where they can be had, and once without.
#[macro_export]
macro_rules! tests {
    ($($name:ident),* $(; alone: $alone:ident)? $(; both_ways: $($both:ident),*)? $(,)?) => {
        pub(crate) fn all(add: &mut impl FnMut(&str, fn())) {
            $(add(concat!(module_path!(), "::", stringify!($name)), || $crate::scene::run($name, false));)*
            $(add(concat!(module_path!(), "::", stringify!($alone)), || $crate::scene::run_alone($alone));)?
            $($(
                add(concat!(module_path!(), "::", stringify!($both)), || $crate::scene::run($both, false));
                add(
                    concat!(module_path!(), "::", stringify!($both), "_without_control_groups"),
                    || $crate::scene::run($both, true),
                );
            )*)?
        }
    };
}
