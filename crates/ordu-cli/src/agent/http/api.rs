use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;

use crate::agent::Agent;
use crate::agent::answer::lookup;
use crate::agent::describe::detail;
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

/// Which of several children of one id.
#[derive(Debug, Deserialize)]
pub(super) struct Of {
    horde: Option<String>,
}

pub(super) async fn child(
    State(agent): State<Arc<Agent>>,
    Path(id): Path<String>,
    Query(of): Query<Of>,
) -> Result<Json<ChildDetail>, (StatusCode, String)> {
    let child = agent
        .horde(of.horde.as_deref())
        .and_then(|horde| lookup(horde, &id))
        .map_err(|refusal| (StatusCode::NOT_FOUND, refusal.message + "\n"))?;
    let mut detail = detail(&child);
    if let Some(process) = &mut detail.process {
        process.env = None;
    }
    Ok(Json(detail))
}
