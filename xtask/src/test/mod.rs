//! `cargo xtask test`: everything that must hold, in stages.
//!
//! A test that cannot run here says so on a line that starts with `SKIPPED:`; the line is shown and counted. With
//! `CI=true` in the environment it is a failure, and so is an ignored one.
//! Nothing is ever tried twice: a test that fails now and then is a bug.

mod built;
mod counts;
mod stage;

use std::time::Instant;

use counts::Counts;
use stage::{STAGES, Stage};

pub(crate) fn run(args: &[String]) -> Result<(), String> {
    let stages = chosen(args)?;
    let mut total = Counts::default();
    let mut report = Vec::new();
    for stage in stages {
        println!("── {}: {}", stage.name, stage.what);
        let begun = Instant::now();
        let mut counts = Counts::default();
        let outcome = stage.run(&mut counts);
        let seconds = begun.elapsed().as_secs_f64();
        let verdict = match outcome {
            Ok(()) => counts.verdict(),
            Err(why) => {
                counts.failed_stages.push(stage.name);
                format!("FAILED: {why}")
            }
        };
        total.add(&counts);
        report.push(format!("{:>10} {seconds:>7.1} s  {verdict}", stage.name));
    }
    println!("── stages");
    for line in report {
        println!("{line}");
    }
    for notice in &total.notices {
        println!("{notice}");
    }
    if !total.failed_stages.is_empty() {
        let stages = total.failed_stages.join(", ");
        println!("failed as a whole, each counted once: {stages}");
    }
    println!("{}", total.closing_line());
    let strict = std::env::var_os("CI").is_some_and(|value| value == "true");
    total.outcome(strict)
}

fn chosen(args: &[String]) -> Result<Vec<&'static Stage>, String> {
    let mut stages = Vec::new();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        if arg != "--stage" {
            return Err(format!("unexpected argument {arg:?}; expected --stage NAME"));
        }
        let names = || {
            STAGES
                .iter()
                .map(|stage| stage.name)
                .collect::<Vec<_>>()
                .join(", ")
        };
        let name = args
            .next()
            .ok_or_else(|| format!("--stage wants one of: {}", names()))?;
        let stage = STAGES.iter().find(|stage| stage.name == name);
        stages.push(stage.ok_or_else(|| format!("no stage {name:?}; there are: {}", names()))?);
    }
    Ok(if stages.is_empty() {
        STAGES.iter().collect()
    } else {
        stages
    })
}
