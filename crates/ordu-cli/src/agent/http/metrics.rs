use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use ordu::Horde;

use crate::agent::Agent;

/// In the text format of Prometheus, version 0.0.4.
pub(super) async fn metrics(State(agent): State<Arc<Agent>>) -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4")],
        render(&agent),
    )
}

fn render(agent: &Agent) -> String {
    let mut text = String::new();
    gauge(
        &mut text,
        "ordu_ready",
        "Whether this node takes children, decides, and can start what it takes.",
        [(String::new(), u64::from(agent.is_ready()))],
    );
    gauge(
        &mut text,
        "ordu_keeper",
        "Whether there is a keeper of processes: 0 while it is lost and no other can be started.",
        [(String::new(), u64::from(agent.keeper_missing().is_none()))],
    );
    let members = agent.node.members();
    let states = tally(members.iter().map(|member| member.state.as_str()));
    gauge(
        &mut text,
        "ordu_members",
        "Members of the cluster by state, as this node sees them.",
        states,
    );
    let children: Vec<_> = agent.hordes.iter().flat_map(Horde::children).collect();
    let states = tally(children.iter().map(|child| child.state.as_str()));
    gauge(
        &mut text,
        "ordu_children",
        "Children of all hordes by state, as this node sees them.",
        states,
    );
    let own = children
        .iter()
        .filter(|child| child.node.as_ref() == Some(agent.node.name()))
        .count();
    gauge(
        &mut text,
        "ordu_own_children",
        "Children that this node owns.",
        [(String::new(), own as u64)],
    );
    for counter in agent.counts.all() {
        sample(
            &mut text,
            counter.name,
            counter.help,
            "counter",
            [(String::new(), counter.value())],
        );
    }
    // Not by the events, which come every ten seconds only.
    sample(
        &mut text,
        "ordu_output_dropped_bytes_total",
        "Bytes of output of children here that were dropped because the disk did not take them.",
        "counter",
        [(String::new(), agent.node.dropped_output_bytes())],
    );
    text
}

fn tally<'a>(states: impl Iterator<Item = &'a str>) -> Vec<(String, u64)> {
    let mut counts = BTreeMap::new();
    for state in states {
        *counts.entry(state).or_insert(0) += 1;
    }
    counts
        .into_iter()
        .map(|(state, count)| (format!("{{state=\"{state}\"}}"), count))
        .collect()
}

fn gauge(text: &mut String, name: &str, help: &str, samples: impl IntoIterator<Item = (String, u64)>) {
    sample(text, name, help, "gauge", samples);
}

fn sample(
    text: &mut String,
    name: &str,
    help: &str,
    kind: &str,
    samples: impl IntoIterator<Item = (String, u64)>,
) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    for (labels, value) in samples {
        let _ = writeln!(text, "{name}{labels} {value}");
    }
}

#[cfg(test)]
mod tests {
    use super::{gauge, tally};

    #[test]
    fn states_become_labels_of_one_metric() {
        let mut text = String::new();
        gauge(
            &mut text,
            "ordu_members",
            "Members.",
            tally(["alive", "down", "alive"].into_iter()),
        );
        assert_eq!(
            text,
            "# HELP ordu_members Members.\n# TYPE ordu_members gauge\n\
             ordu_members{state=\"alive\"} 2\nordu_members{state=\"down\"} 1\n"
        );
    }
}
