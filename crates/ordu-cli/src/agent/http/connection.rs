use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;

use crate::agent::places::{Doing, Place};

/// How long a caller may take to say what it wants.
const ASKING: Duration = Duration::from_secs(5);

/// How long it may take for that and to take the answer: a connection is not kept for a second request.
const ALL: Duration = Duration::from_secs(15);

/// The longest head of a request, in bytes.
const MAX_HEAD: usize = 16 * 1024;

/// Answers one request. A caller that is slow to ask, or to take the answer, costs no more than its place, and that
/// not for long.
pub(super) async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, router: Router, place: Place) {
    let router = TowerToHyperService::new(router);
    let place = &place;
    let answer = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        // One that is shown out at this moment gets no answer: its connection is about to end.
        let _ = place.begin(Doing::Taking);
        router.call(request.map(Body::new))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(ASKING)
        .max_buf_size(MAX_HEAD)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), answer);
    tokio::select! {
        biased;
        () = place.shown_out() => {}
        served = timeout(ALL, connection) => if let Ok(Err(error)) = served {
            tracing::debug!(%error, "an HTTP connection ended early");
        },
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
    use tokio::task::JoinHandle;
    use tokio::time::Instant;

    use super::*;
    use crate::agent::places::Places;

    /// A caller and the task that serves it: more than fits into the connection at once.
    async fn caller() -> (DuplexStream, JoinHandle<()>) {
        let router = Router::new().route("/", get(|| async { "x".repeat(1_000_000) }));
        let (caller, stream) = duplex(1024);
        let place = Places::new(1).enter(Doing::Asking).await;
        (caller, tokio::spawn(serve(stream, router, place)))
    }

    /// Waits until the caller is let go.
    async fn let_go(serving: JoinHandle<()>) {
        timeout(Duration::from_hours(1), serving)
            .await
            .expect("it is never let go")
            .unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_does_not_end_its_request_is_let_go() {
        for said in ["", "GET / HTTP/1.1\r\nHost: localho"] {
            let (mut caller, serving) = caller().await;
            let begun = Instant::now();
            caller.write_all(said.as_bytes()).await.unwrap();
            let_go(serving).await;
            assert!(
                begun.elapsed() <= ASKING + Duration::from_millis(10),
                "{said:?}: {:?}",
                begun.elapsed()
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_does_not_take_its_answer_is_let_go() {
        let (mut caller, serving) = caller().await;
        let begun = Instant::now();
        caller
            .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .await
            .unwrap();
        let_go(serving).await;
        assert!(
            begun.elapsed() <= ALL + Duration::from_millis(10),
            "{:?}",
            begun.elapsed()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn one_request_is_answered_whole_and_no_second_one_is_waited_for() {
        let (mut caller, serving) = caller().await;
        let begun = Instant::now();
        caller
            .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            .await
            .unwrap();
        let mut answer = String::new();
        caller.read_to_string(&mut answer).await.unwrap();
        assert!(answer.contains("connection: close") && answer.ends_with(&"x".repeat(1_000_000)));
        serving.await.unwrap();
        assert!(begun.elapsed() < ASKING, "{:?}", begun.elapsed());
    }
}
