//! Read-only HTTP for those who watch: health, metrics, what runs where. It changes nothing and never shows
//! an environment.

mod api;
mod connection;
mod host;
mod metrics;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::http::StatusCode;
use axum::routing::get;
use axum::{Router, middleware};
use tokio::net::TcpListener;

use super::Agent;
use super::places::{Doing, Places};
use super::seldom::Seldom;
use super::server::or_pause;
use crate::failure::Failure;

/// Anybody on this machine may read it; on other addresses it would need a token and TLS.
pub(crate) fn check_address(addr: SocketAddr) -> Result<(), Failure> {
    if addr.ip().is_loopback() {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "--http {addr}: expected a loopback address, such as 127.0.0.1:{}",
        addr.port()
    ))
    .with_help("there is no token and no TLS for other addresses yet; put a proxy that has them in front"))
}

pub(super) async fn listen(addr: SocketAddr) -> Result<(SocketAddr, TcpListener), Failure> {
    let failed = |error| Failure::failed(format!("cannot listen for HTTP on {addr}: {error}"));
    let listener = TcpListener::bind(addr).await.map_err(failed)?;
    Ok((listener.local_addr().map_err(failed)?, listener))
}

/// Answers until it is dropped, `most` callers at once.
pub(super) async fn serve(listener: TcpListener, agent: Arc<Agent>, most: usize) {
    let (router, places, trouble) = (router(agent), Places::new(most), Seldom::default());
    loop {
        let accepted = listener.accept().await;
        let Some((stream, _)) = or_pause(accepted, &trouble, "cannot take a caller of HTTP").await else {
            continue;
        };
        let place = places.enter(Doing::Asking).await;
        tokio::spawn(connection::serve(stream, router.clone(), place));
    }
}

fn router(agent: Arc<Agent>) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(api::readyz))
        .route("/metrics", get(metrics::metrics))
        .route("/v1/children", get(api::children))
        .route("/v1/children/{id}", get(api::child))
        .route("/v1/members", get(api::members))
        .fallback(|| async { (StatusCode::NOT_FOUND, "not found\n") })
        .layer(middleware::from_fn(host::check))
        .with_state(agent)
}
