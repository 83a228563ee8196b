//! From what people write to what nodes run, and back.

use ordu::{ChildInfo, ChildSpec, Constraint, Intensity, NodeName, ProcessSpec, Shutdown};
use std::time::Duration;

use super::refusal::Refusal;
use crate::control::{ChildDetail, ChildRow, Definition, ProcessDetail, StopTimeout};
use crate::duration;
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
    let constraints = match &definition.node {
        Some(node) => {
            let name = NodeName::new(node).map_err(|error| invalid(error.to_string()))?;
            vec![Constraint::Node(name)]
        }
        None => Vec::new(),
    };
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
        },
        intensity: Intensity {
            max_restarts: definition.max_restarts,
            period: Duration::from_millis(definition.within),
        },
        constraints,
        ..spec
    })
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
    part(old.constraints != new.constraints, "node");
    parts
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
        within_ms: u64::try_from(spec.intensity.period.as_millis()).unwrap_or(u64::MAX),
        stop_timeout: match spec.shutdown {
            Shutdown::BrutalKill => "kill".to_owned(),
            Shutdown::Timeout(time) => duration::show(time),
            Shutdown::Infinity => "infinity".to_owned(),
        },
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
                "node"
            ]
        );
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
