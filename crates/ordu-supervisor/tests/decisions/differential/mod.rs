//! Random scripts on the cores and on the supervisors they are modelled on, compared step by step.
//!
//! Needs `erl` (Debian: `erlang-base`) and `elixir`; says so and counts as skipped where one is absent.

mod dynamic_script;
mod static_script;
mod terms;

use std::collections::BTreeMap;
use std::io::Write;
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use self::dynamic_script::{DynamicScript, agree};
use self::static_script::Script;

/// Scripts without sleeps, run side by side; and scripts that let time pass, run side by side after them.
const UNTIMED: u64 = 1_500;
const TIMED: u64 = 60;

/// How many scripts are compared with Elixir, unless `ordu_long` or this says otherwise.
const ELIXIR_SCRIPTS: &str = "ORDU_ELIXIR_SCRIPTS";

/// What one side saw, step by step.
type Trace = Vec<String>;

/// Scripts that let time pass want the machine for themselves.
static ALONE: Mutex<()> = Mutex::new(());

/// What a program that is called `name` and reads `source` says of the scripts.
fn oracle(name: &str, source: &str, scripts: impl Iterator<Item = String>) -> BTreeMap<u64, Trace> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("scripts");
    let texts: Vec<String> = scripts
        .map(|script| {
            script
                + ".
"
        })
        .collect();
    std::fs::write(&file, texts.concat()).unwrap();
    let oracle = directory.path().join("oracle");
    std::fs::write(&oracle, source).unwrap();
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let output = Command::new(name).arg(&oracle).arg(&file).output().unwrap();
    drop(alone);
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(
        output.status.success() && !out.contains("CRASH"),
        "the oracle failed:\n{out}\n{err}"
    );
    let mut traces = BTreeMap::<u64, Trace>::new();
    for line in out.lines() {
        let named = line
            .split_once(' ')
            .and_then(|(name, step)| Some((name.parse().ok()?, step)));
        let (name, step) = named.unwrap_or_else(|| panic!("this names no script: {line}\n{err}"));
        traces.entry(name).or_default().push(step.to_owned());
    }
    traces
}

fn is_missing(program: &str, version: &str, comparison: &str) -> bool {
    let missing = Command::new(program).arg(version).output().is_err();
    if missing {
        // Past the test harness, which shows what a test that passed printed only when asked to.
        let _ = writeln!(
            std::io::stdout(),
            "\nSKIPPED: comparison with {comparison}: {program} is not installed"
        );
    }
    missing
}

#[test]
fn the_static_core_does_what_otp_does_on_random_scripts() {
    if is_missing("erl", "-version", "OTP") {
        return;
    }
    let scripts: Vec<Script> = (0..UNTIMED + TIMED)
        .map(|name| Script::generate(name, name >= UNTIMED))
        .collect();
    let expected = oracle(
        "escript",
        include_str!("oracle.escript"),
        scripts.iter().map(Script::erlang),
    );
    let (mut compared, mut slow) = (0, 0);
    for script in &scripts {
        let theirs = &expected[&script.name];
        if theirs.iter().any(|step| step == "slow") {
            slow += 1;
            // Without sleeps only the order counts, and that does not depend on pace.
            if script.timed {
                continue;
            }
        }
        let theirs: Vec<&String> = theirs.iter().filter(|step| *step != "slow").collect();
        let ours: Vec<&String> = script.trace.iter().collect();
        assert_eq!(
            ours,
            theirs,
            "left is ordu, right is OTP, on script\n{}",
            script.erlang()
        );
        compared += 1;
    }
    println!("compared {compared} scripts with OTP, {slow} were slow there");
    assert!(compared >= 1_000);
}

#[test]
fn the_dynamic_core_does_what_elixir_does_on_random_scripts() {
    if is_missing("elixir", "--version", "Elixir") {
        return;
    }
    let count: u64 = match std::env::var(ELIXIR_SCRIPTS) {
        Ok(text) => text.parse().expect("a number of scripts"),
        Err(_) if cfg!(ordu_long) => 20_000,
        Err(_) => 500,
    };
    let begun = Instant::now();
    let scripts: Vec<DynamicScript> = (0..count).map(DynamicScript::generate).collect();
    let expected = oracle(
        "elixir",
        include_str!("oracle.exs"),
        scripts.iter().map(DynamicScript::erlang),
    );
    let mut steps = 0;
    let mut differing = Vec::new();
    for script in &scripts {
        let (ours, theirs) = (&script.trace, &expected[&script.name]);
        let same = ours
            .iter()
            .zip(theirs)
            .take_while(|(ours, theirs)| agree(ours, theirs))
            .count();
        steps += same;
        if same < ours.len().max(theirs.len()) {
            let until = (same + 1).min(ours.len());
            differing.push(format!(
                "script {} differs in step {same}:\n  ordu   {:?}\n  Elixir {:?}\n{}",
                script.name,
                ours.get(same),
                theirs.get(same),
                script.erlang_until(until)
            ));
        }
    }
    differing.sort_by_key(String::len);
    assert!(
        differing.is_empty(),
        "{} of {count} scripts differ, the shortest first:\n{}",
        differing.len(),
        differing[..differing.len().min(5)].join("\n")
    );
    let took = begun.elapsed();
    println!("compared {count} scripts with Elixir, {steps} steps, in {took:.1?}");
}
