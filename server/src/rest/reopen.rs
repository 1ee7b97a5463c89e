//! `POST /api/v1/sessions/{session_id}/reopen`: a closed session is open again, as if it had not been paid.

use axum::extract::State;
use contract::till::Session;

use super::answer::OnceAnswer;
use super::request::{InSession, Once, Till};
use super::{Problem, Refused};
use crate::edge::Edge;

#[utoipa::path(
    post, path = "/api/v1/sessions/{session_id}/reopen", tag = "till", operation_id = "reopen_session",
    params(
        ("session_id" = uuid::Uuid, Path),
        ("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters"),
    ),
    responses(
        (status = 200, body = Session),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "session-not-found", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "session-not-closed: open, cancelled, or goods of it came back", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "idempotency-key-reused", body = Problem, content_type = "application/problem+json"),
        (status = 423, body = Problem, content_type = "application/problem+json"),
    ),
    security(("till_key" = [])),
)]
pub async fn reopen(
    Till(caller): Till,
    Once(once): Once,
    InSession(id): InSession,
    State(edge): State<Edge>,
) -> Result<OnceAnswer<Session>, Refused> {
    Ok(OnceAnswer(edge.till.reopen(&caller, id, &once).await?))
}
