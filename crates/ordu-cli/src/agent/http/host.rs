use std::net::IpAddr;

use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

/// Refuses requests that name another host than this machine's loopback: a web page that has its own name
/// point here (DNS rebinding) must not read what runs on this machine.
pub(super) async fn check(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    if is_for_this_machine(&parts) {
        return next.run(Request::from_parts(parts, body)).await;
    }
    (
        StatusCode::MISDIRECTED_REQUEST,
        "expected one Host, and that localhost or a loopback address\n",
    )
        .into_response()
}

/// A host may be named twice: in the target (`GET http://host/ HTTP/1.1`), which counts for HTTP, and in the header,
/// which counts for many who stand in between. Both must be ours, so that it does not matter who counts what; two
/// headers are never an honest caller's.
fn is_for_this_machine(request: &Parts) -> bool {
    let mut hosts = request.headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return false;
    };
    let target = request.uri.authority();
    host.to_str().is_ok_and(is_loopback) && target.is_none_or(|target| is_loopback(target.as_str()))
}

fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'))
        .unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_taken() {
        for host in [
            "localhost",
            "LOCALHOST:80",
            "127.0.0.1",
            "127.0.0.1:7700",
            "[::1]",
            "[::1]:7700",
        ] {
            assert!(is_loopback(host), "{host} was refused");
        }
        for host in [
            "",
            "evil.example",
            "evil.example:80",
            "10.0.0.1",
            "localhost.evil.example",
            "127.0.0.1.evil",
            "localhost@evil.example",
            "evil.example@localhost",
            "localhost, evil.example",
            "localhost.",
            "0.0.0.0",
        ] {
            assert!(!is_loopback(host), "{host} was taken");
        }
    }

    fn is_taken(target: &str, hosts: &[&str]) -> bool {
        let mut request = Request::get(target);
        for host in hosts {
            request = request.header(header::HOST, *host);
        }
        is_for_this_machine(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn every_host_that_a_request_names_must_be_this_machine() {
        assert!(is_taken("/v1/children", &["localhost"]));
        assert!(is_taken("http://127.0.0.1:7700/v1/children", &["127.0.0.1:7700"]));
        for (target, hosts) in [
            ("/", &[][..]),
            ("/", &["evil.example"][..]),
            ("/", &["localhost", "evil.example"]),
            ("/", &["localhost", "localhost"]),
            ("http://evil.example/", &["localhost"]),
            ("http://localhost@evil.example/", &["localhost"]),
            ("http://localhost/", &["evil.example"]),
            ("http://localhost/", &[]),
        ] {
            assert!(!is_taken(target, hosts), "{target} {hosts:?}");
        }
    }
}
