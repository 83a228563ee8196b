//! `cargo xtask bench`: the benchmarks beside their goals.
//!
//! A benchmark prints one JSON object a line, `{"key": …, "value": …, "goal": …}`; everything else it prints
//! is shown as it comes. Keys that end in `per_s` or `per_minute`, or have a part that does, are better when
//! higher, all others when lower.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::Value;

use crate::cargo;

/// Each with its package and the profile it is built with. The simulator is measured as campaigns run it.
const GROUPS: &[(&str, &str, &str)] = &[
    ("crdt", "ordu-crdt", "bench"),
    ("supervisor", "ordu-supervisor", "bench"),
    ("sim", "ordu-sim", "campaign"),
];

pub(crate) fn run(args: &[String]) -> Result<(), String> {
    if let Some(unknown) = args
        .iter()
        .find(|arg| !GROUPS.iter().any(|(group, ..)| group == arg))
    {
        let groups: Vec<&str> = GROUPS.iter().map(|(group, ..)| *group).collect();
        return Err(format!("no group {unknown:?}; there are: {}", groups.join(", ")));
    }
    let mut figures = Vec::new();
    for (group, package, profile) in GROUPS {
        if args.is_empty() || args.iter().any(|arg| arg == group) {
            figures.extend(measure(package, profile)?);
        }
    }
    if args.is_empty() || args.iter().any(|arg| arg == "supervisor") {
        beside_peers()?;
    }
    let path = cargo::root().join("target/bench.json");
    let text = serde_json::to_string_pretty(&figures).map_err(|error| error.to_string())?;
    std::fs::write(&path, text + "\n").map_err(|error| format!("{}: {error}", path.display()))?;
    println!("\n{:<40} {:>16} {:>16}", "key", "measured", "goal");
    for figure in &figures {
        println!("{}", row(figure));
    }
    Ok(())
}

fn measure(package: &str, profile: &str) -> Result<Vec<Value>, String> {
    let mut child = cargo::command([
        "bench",
        "--quiet",
        "--profile",
        profile,
        "--package",
        package,
        "--bench",
        "*",
    ])
    .stdout(Stdio::piped())
    .spawn()
    .map_err(|error| format!("cargo: {error}"))?;
    let stdout = child.stdout.take().expect("stdout is piped");
    let mut figures = Vec::new();
    for line in BufReader::new(stdout).lines() {
        let line = line.map_err(|error| format!("reading the output of cargo: {error}"))?;
        match serde_json::from_str::<Value>(&line) {
            Ok(figure) if figure.get("key").is_some() => figures.push(figure),
            _ => println!("{line}"),
        }
    }
    let status = child.wait().map_err(|error| format!("cargo: {error}"))?;
    if status.success() {
        Ok(figures)
    } else {
        Err(format!("the benchmarks of {package} ended with {status}"))
    }
}

/// The supervisor and its neighbours in one run, in a workspace that the normal build does not compile.
fn beside_peers() -> Result<(), String> {
    println!("\nbeside its neighbours, in one run:");
    let manifest = "bench/peers/Cargo.toml";
    let status = cargo::command(["run", "--quiet", "--release", "--manifest-path", manifest])
        .status()
        .map_err(|error| format!("cargo: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{manifest} ended with {status}"))
    }
}

fn row(figure: &Value) -> String {
    let key = figure["key"].as_str().unwrap_or_default();
    let verdict = match (figure["value"].as_f64(), figure["goal"].as_f64()) {
        (Some(value), Some(goal)) if reached(key, value, goal) => "",
        (Some(_), Some(_)) => "  missed",
        _ => "",
    };
    format!(
        "{key:<40} {:>16} {:>16}{verdict}",
        plain(&figure["value"]),
        plain(&figure["goal"])
    )
}

fn reached(key: &str, value: f64, goal: f64) -> bool {
    let higher_is_better = ["per_s", "per_minute"]
        .iter()
        .any(|unit| key.ends_with(unit) || key.contains(&format!("_{unit}.")));
    if higher_is_better {
        value >= goal
    } else {
        value <= goal
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) => text.clone(),
        Value::Number(number) => match number.as_f64() {
            Some(float) if !number.is_u64() => format!("{float:.1}"),
            _ => number.to_string(),
        },
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::row;
    use serde_json::json;

    #[test]
    fn a_rate_below_its_goal_is_missed_and_a_time_below_it_is_not() {
        assert!(row(&json!({"key": "start.per_s", "value": 9, "goal": 10})).ends_with("missed"));
        assert!(row(&json!({"key": "hours_per_minute.quiet", "value": 9, "goal": 10})).ends_with("missed"));
        assert!(!row(&json!({"key": "put_ns", "value": 9, "goal": 10})).ends_with("missed"));
    }
}
