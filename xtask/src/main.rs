//! Project automation: `cargo xtask test`, `cargo xtask bench`, `cargo xtask sim`, `cargo xtask mutants`.
#![forbid(unsafe_code)]

mod bench;
mod cargo;
mod mutants;
mod sim;
mod test;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  test [--stage NAME]...       everything that must hold, in stages; without --stage all of them
  bench [crdt|supervisor|sim]...
                               the benchmarks, beside their goals; also written to target/bench.json
  sim ARGS...                  the simulator, built with optimisation; `sim --help` says more
  mutants [--seed N] [--count N] [--minutes N] [--jobs N] [--journal FILE] [--only N[,N]...] [--list]
                               whether the tests and the simulator notice when the code is wrong: N small
                               changes (default 100) that the seed chooses (default 1), each looked at by the
                               simulator for N minutes (default 2) if the unit tests do not notice it; goes on
                               where it was interrupted; --only these, --list shows them
";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let command = args.next();
    let args: Vec<String> = args.collect();
    let outcome = match command.as_deref() {
        Some("test") => test::run(&args),
        Some("bench") => bench::run(&args),
        Some("sim") => sim::run(&args),
        Some("mutants") => mutants::run(&args),
        Some("help" | "--help" | "-h") => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Some(other) => Err(format!("unknown command {other:?}\n\n{USAGE}")),
        None => Err(USAGE.to_owned()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{}", why.trim_end());
            ExitCode::FAILURE
        }
    }
}
