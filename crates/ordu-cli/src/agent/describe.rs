//! From what people write to what nodes run, and back.

use std::collections::BTreeMap;
use std::time::Duration;

use ordu::{ChildInfo, ChildSpec, Constraint, Intensity, NodeName, ProcessSpec, Shutdown};

use super::refusal::Refusal;
use crate::control::{ChildDetail, ChildRow, Definition, ProcessDetail, StopTimeout};
use crate::failure::Wrong;

/// The spec of a definition.
pub(super) fn child_spec(definition: &Definition) -> Result<ChildSpec, Refusal> {
    let invalid = |error: String| Refusal::new(Wrong::Usage, error);
    let process = ProcessSpec {
        command: definition.command.clone(),
        env: definition.env.clone(),
        cwd: Some(definition.cwd.clone().into()),
        stop_signal: definition.stop_signal.clone(),
        allow_new_privileges: definition.allow_new_privileges,
    };
    process.validate().map_err(|error| invalid(error.to_string()))?;
    let mut constraints = Vec::new();
    if let Some(node) = &definition.node {
        let name = NodeName::new(node).map_err(|error| invalid(error.to_string()))?;
        constraints.push(Constraint::Node(name));
    }
    if !definition.labels.is_empty() {
        constraints.push(Constraint::Labels(definition.labels.clone()));
    }
    if definition.within == 0 {
        return Err(invalid(
            "restarts are counted within a time of 0; expected a longer one".to_owned(),
        ));
    }
    let spec = process.child_spec();
    let (len, most) = (spec.args.len(), ChildSpec::MAX_ARGS);
    if len > most {
        let message = format!("the command and its variables take {len} bytes; expected at most {most}");
        return Err(invalid(message));
    }
    Ok(ChildSpec {
        restart: definition.restart.into(),
        shutdown: match definition.stop_timeout {
            StopTimeout::After(time) => Shutdown::Timeout(time),
            StopTimeout::Infinity => Shutdown::Infinity,
            StopTimeout::Kill => Shutdown::BrutalKill,
        },
        intensity: Intensity {
            max_restarts: definition.max_restarts,
            period: Duration::from_millis(definition.within),
        },
        constraints,
        ..spec
    })
}

/// The definition of a child, or why it has none.
pub(super) fn definition(spec: &ChildSpec) -> Result<Definition, String> {
    let process = ProcessSpec::from_child_spec(spec).map_err(|error| error.to_string())?;
    let (mut node, mut labels) = (None, BTreeMap::new());
    for constraint in &spec.constraints {
        match constraint {
            Constraint::Node(name) => node = Some(name.to_string()),
            Constraint::Labels(more) => labels.extend(more.clone()),
        }
    }
    let definition = Definition {
        command: process.command,
        cwd: process.cwd.unwrap_or_default().display().to_string(),
        env: process.env,
        restart: spec.restart.into(),
        stop_signal: process.stop_signal,
        allow_new_privileges: process.allow_new_privileges,
        stop_timeout: stop_timeout(spec.shutdown),
        node,
        labels,
        max_restarts: spec.intensity.max_restarts,
        within: milliseconds(spec.intensity.period),
    };
    // What is only almost the same would be changed by being applied.
    match child_spec(&definition) {
        Ok(same) if same == *spec => Ok(definition),
        Ok(_) => Err("it has settings that only the library can give".to_owned()),
        Err(refusal) => Err(refusal.message),
    }
}

/// The names of the parts in which two specs differ.
pub(super) fn differences(old: &ChildSpec, new: &ChildSpec) -> Vec<String> {
    let mut parts = Vec::new();
    let mut part = |differs: bool, name: &str| parts.extend(differs.then(|| name.to_owned()));
    match (
        ProcessSpec::from_child_spec(old),
        ProcessSpec::from_child_spec(new),
    ) {
        (Ok(old), Ok(new)) => {
            part(old.command != new.command, "command");
            part(old.env != new.env, "env");
            part(old.cwd != new.cwd, "cwd");
            part(old.stop_signal != new.stop_signal, "stop_signal");
            part(
                old.allow_new_privileges != new.allow_new_privileges,
                "allow_new_privileges",
            );
        }
        _ => part(
            old.kind != new.kind || old.version != new.version || old.args != new.args,
            "kind",
        ),
    }
    part(old.restart != new.restart, "restart");
    part(old.shutdown != new.shutdown, "stop_timeout");
    part(
        old.intensity.max_restarts != new.intensity.max_restarts,
        "max_restarts",
    );
    part(old.intensity.period != new.intensity.period, "within");
    let ((old_node, old_labels), (new_node, new_labels)) = (places(old), places(new));
    part(old_node != new_node, "node");
    part(old_labels != new_labels, "labels");
    if parts.is_empty() && old != new {
        parts.push("settings that only the library can give".to_owned());
    }
    parts
}

/// Where a child may run: the names and the labels.
fn places(spec: &ChildSpec) -> (Vec<&Constraint>, Vec<&Constraint>) {
    let is_name = |constraint: &&Constraint| matches!(constraint, Constraint::Node(_));
    spec.constraints.iter().partition(is_name)
}

fn stop_timeout(shutdown: Shutdown) -> StopTimeout {
    match shutdown {
        Shutdown::BrutalKill => StopTimeout::Kill,
        Shutdown::Timeout(time) => StopTimeout::After(time),
        Shutdown::Infinity => StopTimeout::Infinity,
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// All about a child but the values of its environment.
pub(super) fn detail(child: &ChildInfo) -> ChildDetail {
    let spec = &child.spec;
    let process = ProcessSpec::from_child_spec(spec)
        .ok()
        .map(|process| ProcessDetail {
            command: process.command,
            cwd: process.cwd.map(|cwd| cwd.display().to_string()),
            env: Some(process.env.into_keys().collect()),
            stop_signal: process.stop_signal,
            allow_new_privileges: process.allow_new_privileges,
        });
    ChildDetail {
        row: ChildRow::from(child),
        fence: child.token.map(|token| token.to_string()),
        reason: child.reason.clone(),
        process,
        max_restarts: spec.intensity.max_restarts,
        within_ms: milliseconds(spec.intensity.period),
        stop_timeout: stop_timeout(spec.shutdown).to_string(),
        constraints: spec.constraints.iter().map(constraint).collect(),
    }
}

fn constraint(constraint: &Constraint) -> String {
    match constraint {
        Constraint::Node(name) => format!("node {name}"),
        Constraint::Labels(labels) => {
            let labels: Vec<String> = labels
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            format!("labels {}", labels.join(","))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Restart;

    fn definition() -> Definition {
        Definition::new(vec!["sleep".to_owned(), "1".to_owned()], "/".to_owned())
    }

    #[test]
    fn a_definition_that_is_the_same_differs_in_nothing() {
        let spec = child_spec(&definition()).unwrap();
        assert!(differences(&spec, &child_spec(&definition()).unwrap()).is_empty());
    }

    #[test]
    fn each_part_that_differs_is_named() {
        let mut other = definition();
        other.command.push("2".to_owned());
        other.env.insert("A".to_owned(), "1".to_owned());
        other.cwd = "/tmp".to_owned();
        other.stop_signal = "SIGINT".to_owned();
        other.allow_new_privileges = true;
        other.stop_timeout = StopTimeout::Infinity;
        other.restart = Restart::Temporary;
        other.node = Some("n1".to_owned());
        other.labels.insert("disk".to_owned(), "ssd".to_owned());
        other.max_restarts = 9;
        other.within = 9;
        let differences = differences(&child_spec(&definition()).unwrap(), &child_spec(&other).unwrap());
        assert_eq!(
            differences,
            [
                "command",
                "env",
                "cwd",
                "stop_signal",
                "allow_new_privileges",
                "restart",
                "stop_timeout",
                "max_restarts",
                "within",
                "node",
                "labels"
            ]
        );
    }

    #[test]
    fn a_definition_of_a_spec_is_the_one_that_it_was_made_of() {
        let mut said = definition();
        said.env.insert("A".to_owned(), "1".to_owned());
        said.node = Some("n1".to_owned());
        said.labels.insert("disk".to_owned(), "ssd".to_owned());
        said.allow_new_privileges = true;
        for stop_timeout in [
            StopTimeout::After(Duration::from_millis(1_500)),
            StopTimeout::Infinity,
            StopTimeout::Kill,
        ] {
            said.stop_timeout = stop_timeout;
            assert_eq!(super::definition(&child_spec(&said).unwrap()), Ok(said.clone()));
        }
    }

    #[test]
    fn what_a_file_cannot_say_has_no_definition() {
        let spec = child_spec(&definition()).unwrap();
        let timed = ChildSpec {
            start_timeout: Some(Duration::from_secs(1)),
            ..spec
        };
        assert!(super::definition(&timed).is_err());
    }

    #[test]
    fn a_definition_that_no_node_could_run_is_refused() {
        let broken = [
            Definition {
                command: Vec::new(),
                ..definition()
            },
            Definition {
                stop_signal: "SIGNOTHING".to_owned(),
                ..definition()
            },
            Definition {
                node: Some("a b".to_owned()),
                ..definition()
            },
            Definition {
                within: 0,
                ..definition()
            },
            Definition {
                command: vec!["echo".to_owned(), "x".repeat(ChildSpec::MAX_ARGS)],
                ..definition()
            },
        ];
        for definition in broken {
            assert_eq!(child_spec(&definition).unwrap_err().wrong, Wrong::Usage);
        }
    }
}
