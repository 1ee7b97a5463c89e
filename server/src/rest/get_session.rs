//! `GET /api/v1/sessions/{session_id}`: the session as it was stored.

use axum::extract::State;
use contract::till::Session;

use super::answer::Answer;
use super::request::{InSession, Till};
use super::{Problem, Refused};
use crate::edge::Edge;

#[utoipa::path(
    get, path = "/api/v1/sessions/{session_id}", tag = "till", operation_id = "get_session",
    params(("session_id" = uuid::Uuid, Path)),
    responses(
        (status = 200, body = Session),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "session-not-found, also for another store's", body = Problem, content_type = "application/problem+json"),
    ),
    security(("till_key" = [])),
)]
pub async fn get_session(
    Till(caller): Till,
    InSession(id): InSession,
    State(edge): State<Edge>,
) -> Result<Answer<Session>, Refused> {
    Ok(Answer(edge.till.session(&caller, id).await?))
}
