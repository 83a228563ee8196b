use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use ordu::printable;

use crate::agent::Agent;
use crate::agent::answer::lookup;
use crate::agent::refusal::Refusal;
use crate::control::{ChildDetail, ChildRow, MemberRow};

pub(super) async fn readyz(State(agent): State<Arc<Agent>>) -> Refused {
    match agent.keeper_missing() {
        None if agent.is_ready() => (StatusCode::OK, "ready\n".to_owned()),
        None => (StatusCode::SERVICE_UNAVAILABLE, "not ready\n".to_owned()),
        Some(why) => in_words(StatusCode::SERVICE_UNAVAILABLE, &format!("not ready: {why}")),
    }
}

/// Why there is no answer, or one in words.
type Refused = (StatusCode, String);

/// What stands behind the `?` of a request.
type Words = Query<Vec<(String, String)>>;

/// Those of all hordes, or of `?horde=NAME`.
pub(super) async fn children(
    State(agent): State<Arc<Agent>>,
    Query(words): Words,
) -> Result<Json<Vec<ChildRow>>, Refused> {
    let horde = horde(words)?;
    caught_up(&agent).await?;
    agent
        .children(horde.as_deref())
        .map(Json)
        .map_err(|refusal| refused(StatusCode::NOT_FOUND, &refusal))
}

async fn caught_up(agent: &Agent) -> Result<(), Refused> {
    let caught_up = agent.caught_up().await;
    caught_up.map_err(|refusal| refused(StatusCode::SERVICE_UNAVAILABLE, &refusal))
}

pub(super) async fn members(
    State(agent): State<Arc<Agent>>,
    Query(words): Words,
) -> Result<Json<Vec<MemberRow>>, Refused> {
    match words.first() {
        Some((word, _)) => Err(unknown(word, "none")),
        None => Ok(Json(agent.members())),
    }
}

pub(super) async fn child(
    State(agent): State<Arc<Agent>>,
    Path(id): Path<String>,
    Query(words): Words,
) -> Result<Json<ChildDetail>, Refused> {
    let horde = horde(words)?;
    caught_up(&agent).await?;
    let child = agent
        .horde(horde.as_deref())
        .and_then(|horde| lookup(horde, &id))
        .map_err(|refusal| refused(StatusCode::NOT_FOUND, &refusal))?;
    let mut detail = agent.detail(&child);
    if let Some(process) = &mut detail.process {
        process.env = None;
    }
    Ok(Json(detail))
}

/// The horde that is asked about, if one is.
fn horde(words: Vec<(String, String)>) -> Result<Option<String>, Refused> {
    let mut horde = None;
    for (word, value) in words {
        if word != "horde" {
            return Err(unknown(&word, "horde"));
        }
        if horde.replace(value).is_some() {
            let message = "horde stands there several times; expected horde once";
            return Err(bad_request(message));
        }
    }
    Ok(horde)
}

fn unknown(word: &str, expected: &str) -> Refused {
    let message = format!("unknown parameter {word:?}; expected {expected}");
    bad_request(&message)
}

fn bad_request(message: &str) -> Refused {
    in_words(StatusCode::BAD_REQUEST, message)
}

fn refused(status: StatusCode, refusal: &Refusal) -> Refused {
    in_words(status, &refusal.message)
}

/// In words that a terminal may have: they name what was asked for.
fn in_words(status: StatusCode, message: &str) -> Refused {
    (status, printable(message) + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_that_is_not_known_is_refused_and_not_overlooked() {
        let words = |words: &[&str]| {
            let words = words.iter().map(|word| ((*word).to_owned(), "x".to_owned()));
            horde(words.collect())
        };
        assert_eq!(words(&[]), Ok(None));
        assert_eq!(words(&["horde"]), Ok(Some("x".to_owned())));
        for wrong in [&["hord"][..], &["horde", "state"], &["horde", "horde"]] {
            let (status, said) = words(wrong).unwrap_err();
            assert_eq!(status, StatusCode::BAD_REQUEST, "{said}");
            assert!(said.contains("expected horde"), "{said}");
        }
    }
}
