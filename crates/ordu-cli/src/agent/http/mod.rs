//! Read-only HTTP for those who watch: health, metrics, what runs where. It changes nothing and never shows
//! an environment.

mod api;
mod host;
mod metrics;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::http::StatusCode;
use axum::routing::get;
use axum::{Router, middleware};
use tokio::net::TcpListener;

use super::Agent;
use crate::failure::Failure;

/// Anybody on this machine may read it; on other addresses it would need a token and TLS.
pub(super) fn check_address(addr: SocketAddr) -> Result<(), Failure> {
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

/// Answers until it is dropped.
pub(super) async fn serve(listener: TcpListener, agent: Arc<Agent>) {
    if let Err(error) = axum::serve(listener, router(agent)).await {
        tracing::error!(%error, "HTTP has ended");
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
