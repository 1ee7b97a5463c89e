//! `POST /api/v1/sessions/{session_id}/cancel`: gives an open session up, or rolls back what of a closed one has not come back.

use axum::extract::State;
use contract::till::Session;

use super::answer::OnceAnswer;
use super::request::{InSession, Once, Till};
use super::{Problem, Refused};
use crate::edge::Edge;

#[utoipa::path(
    post, path = "/api/v1/sessions/{session_id}/cancel", tag = "till", operation_id = "cancel_session",
    params(
        ("session_id" = uuid::Uuid, Path),
        ("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters"),
    ),
    responses(
        (status = 200, body = Session),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "session-not-found", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "idempotency-key-reused", body = Problem, content_type = "application/problem+json"),
        (status = 423, body = Problem, content_type = "application/problem+json"),
    ),
    security(("till_key" = [])),
)]
pub async fn cancel(
    Till(caller): Till,
    Once(once): Once,
    InSession(id): InSession,
    State(edge): State<Edge>,
) -> Result<OnceAnswer<Session>, Refused> {
    Ok(OnceAnswer(edge.till.cancel(&caller, id, &once).await?))
}
