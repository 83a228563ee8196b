//! The read-only HTTP of an agent.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::harness::{Cluster, eventually};

/// The status and the body of an answer.
pub(crate) fn get(addr: &str, path: &str, host: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(addr).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let body = answer.split_once("\r\n\r\n").unwrap().1.to_owned();
    (status, body)
}

fn cluster() -> (Cluster, String) {
    let mut cluster = Cluster::empty();
    let node = cluster.add_node();
    let http = format!("{}:7700", node.addr.ip());
    node.with_arg("--http").with_arg(&http);
    cluster.start_all();
    (cluster, http)
}

#[test]
fn it_tells_health_metrics_children_and_members_and_no_environment() {
    let (cluster, http) = cluster();
    cluster.nodes[0]
        .ordu(["start", "web", "--env", "PASSWORD=secret", "--", "sleep", "86400"])
        .ok();

    assert_eq!(get(&http, "/healthz", "localhost"), (200, "ok\n".to_owned()));
    assert_eq!(
        get(&http, "/readyz", "localhost:7700"),
        (200, "ready\n".to_owned())
    );
    let (status, children) = get(&http, "/v1/children", "127.0.0.1");
    assert!(
        status == 200 && children.contains("\"id\":\"web\""),
        "{status} {children}"
    );
    let (status, child) = get(&http, "/v1/children/web", "localhost");
    assert!(
        status == 200 && child.contains("\"command\":[\"sleep\",\"86400\"]"),
        "{status} {child}"
    );
    for text in [&children, &child] {
        assert!(!text.contains("PASSWORD") && !text.contains("secret"), "{text}");
    }
    assert_eq!(get(&http, "/v1/children/nobody", "localhost").0, 404);
    let (status, members) = get(&http, "/v1/members", "[::1]:1");
    assert!(
        status == 200 && members.contains("\"name\":\"n1\""),
        "{status} {members}"
    );
    eventually(Duration::from_secs(5), "the start is counted", || {
        let (_, metrics) = get(&http, "/metrics", "localhost");
        let expected = [
            "ordu_ready 1",
            "ordu_children{state=\"running\"} 1",
            "ordu_child_starts_total 1",
        ];
        if expected.iter().all(|line| metrics.contains(line)) {
            Ok(())
        } else {
            Err(metrics)
        }
    });
}

#[test]
fn a_request_for_another_host_is_refused() {
    let (_cluster, http) = cluster();
    assert_eq!(get(&http, "/v1/children", "evil.example").0, 421);
}

#[test]
fn nothing_can_be_changed_over_it() {
    let (_cluster, http) = cluster();
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        let mut stream = TcpStream::connect(&http).unwrap();
        write!(
            stream,
            "{method} /v1/children/web HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 405"), "{method}: {answer}");
    }
}

#[test]
fn an_address_that_others_can_reach_is_refused() {
    let mut cluster = Cluster::empty();
    let said = cluster
        .add_node()
        .with_arg("--http")
        .with_arg("0.0.0.0:7700")
        .run();
    assert_eq!(said.code, 2, "{said:?}");
    assert!(said.stderr.contains("expected a loopback address"), "{said:?}");
}

#[test]
fn a_horde_that_is_not_there_and_a_word_that_is_not_known_are_refused_with_what_there_is() {
    let mut cluster = Cluster::empty();
    let node = cluster.add_node();
    let http = format!("{}:7700", node.addr.ip());
    node.with_arg("--http").with_arg(&http);
    node.with_arg("--horde=web").with_arg("--horde=jobs");
    cluster.start_all();
    let node = &cluster.nodes[0];
    let mark = format!("TEST_MARK={}", cluster.mark());
    for (id, horde) in [("a", "web"), ("b", "jobs")] {
        let start = [
            "start", id, "--horde", horde, "--env", &mark, "--", "sleep", "86400",
        ];
        node.ordu(start).ok();
    }

    let (status, both) = get(&http, "/v1/children", "localhost");
    assert!(
        status == 200 && both.contains("\"a\"") && both.contains("\"b\""),
        "{both}"
    );
    let (status, jobs) = get(&http, "/v1/children?horde=jobs", "localhost");
    assert!(
        status == 200 && !jobs.contains("\"a\"") && jobs.contains("\"b\""),
        "{jobs}"
    );
    for path in ["/v1/children?horde=zz", "/v1/children/a?horde=zz"] {
        let (status, said) = get(&http, path, "localhost");
        assert_eq!(status, 404, "{path}: {said}");
        assert!(said.contains("started with web, jobs"), "{path}: {said}");
    }
    for (path, known) in [
        ("/v1/children?hord=web", "expected horde"),
        ("/v1/children?horde=web&horde=jobs", "expected horde once"),
        ("/v1/children/a?state=running", "expected horde"),
        ("/v1/members?state=alive", "expected none"),
    ] {
        let (status, said) = get(&http, path, "localhost");
        assert_eq!(status, 400, "{path}: {said}");
        assert!(said.contains(known), "{path}: {said}");
    }
}
