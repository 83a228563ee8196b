//! Runs seeds: `ordu-sim --seeds 1000`, `ordu-sim --seed 17 --trace`.
#![forbid(unsafe_code)]
// The library is pure; this binary spreads seeds over the cores and measures how long they take.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

mod campaign;
#[cfg(feature = "planted-bugs")]
mod hunt;
mod journal;
mod one;
mod options;
mod replaying;

use std::process::ExitCode;

use options::{Options, What};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if args.iter().any(|arg| arg == "--replay") {
        return replaying::main(args);
    }
    let options = match Options::parse(args.into_iter()) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}\n\n{}", options::USAGE);
            return ExitCode::from(2);
        }
    };
    match options.what {
        What::Help => {
            println!("{}", options::USAGE);
            ExitCode::SUCCESS
        }
        What::One(one) => one.run(),
        #[cfg(feature = "planted-bugs")]
        What::Hunt { bugs, from, seeds } => hunt::hunt(&bugs, from, seeds, options.jobs),
        What::Many { .. } => campaign::many(&options),
        What::Quiet { hosts, children } => campaign::quiet(hosts, children, options.jobs),
    }
}
