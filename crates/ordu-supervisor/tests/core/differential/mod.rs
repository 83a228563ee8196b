//! Random scripts on the static core and on OTP's own supervisor, compared step by step.
//!
//! Needs `erl` (Debian: `erlang-base`); says so and counts as skipped where it is absent.

mod script;

use std::collections::BTreeMap;
use std::io::Write;
use std::process::Command;

use self::script::Script;

/// Scripts without sleeps, run side by side; and scripts that let time pass, run side by side after them.
const UNTIMED: u64 = 1_500;
const TIMED: u64 = 60;

/// What one side saw, step by step.
type Trace = Vec<String>;

fn oracle(scripts: &[Script]) -> BTreeMap<u64, Trace> {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("scripts");
    let texts: Vec<String> = scripts
        .iter()
        .map(|script| {
            script.erlang()
                + ".
"
        })
        .collect();
    std::fs::write(&file, texts.concat()).unwrap();
    let oracle = directory.path().join("oracle.escript");
    std::fs::write(&oracle, include_str!("oracle.escript")).unwrap();
    let output = Command::new("escript").arg(&oracle).arg(&file).output().unwrap();
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
        let (name, step) = line.split_once(' ').expect("a line names its script");
        traces
            .entry(name.parse().unwrap())
            .or_default()
            .push(step.to_owned());
    }
    traces
}

#[test]
fn the_static_core_does_what_otp_does_on_random_scripts() {
    if Command::new("erl").arg("-version").output().is_err() {
        // Past the test harness, which shows what a test that passed printed only when asked to.
        let _ = writeln!(
            std::io::stdout(),
            "\nSKIPPED: comparison with OTP: erl is not installed"
        );
        return;
    }
    let scripts: Vec<Script> = (0..UNTIMED + TIMED)
        .map(|name| Script::generate(name, name >= UNTIMED))
        .collect();
    let expected = oracle(&scripts);
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
