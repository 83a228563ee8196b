use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;

use crate::agent::Agent;
use crate::control::{ChildDetail, ChildRow, MemberRow};

pub(super) async fn readyz(State(agent): State<Arc<Agent>>) -> (StatusCode, &'static str) {
    if agent.is_ready() {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
    }
}

pub(super) async fn children(State(agent): State<Arc<Agent>>) -> Json<Vec<ChildRow>> {
    Json(agent.children())
}

pub(super) async fn members(State(agent): State<Arc<Agent>>) -> Json<Vec<MemberRow>> {
    Json(agent.members())
}

pub(super) async fn child(
    State(agent): State<Arc<Agent>>,
    Path(id): Path<String>,
) -> Result<Json<ChildDetail>, (StatusCode, String)> {
    let mut detail = agent
        .child(&id)
        .map_err(|refusal| (StatusCode::NOT_FOUND, refusal.message + "\n"))?;
    if let Some(process) = &mut detail.process {
        process.env = None;
    }
    Ok(Json(detail))
}
