//! `POST /api/v1/sessions/{session_id}/close`: records the purchase.

use axum::extract::State;
use contract::till::{CloseRequest, Session};

use super::answer::OnceAnswer;
use super::request::{InSession, Once, Payload, Till};
use super::{Problem, Refused};
use crate::edge::Edge;

#[utoipa::path(
    post, path = "/api/v1/sessions/{session_id}/close", tag = "till", operation_id = "close_session", request_body = CloseRequest,
    params(
        ("session_id" = uuid::Uuid, Path),
        ("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters"),
    ),
    responses(
        (status = 200, body = Session),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "session-not-found", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "session-not-open, evaluation-stale, paid-mismatch, receipt-already-used", body = Problem, content_type = "application/problem+json"),
        (status = 422, body = Problem, content_type = "application/problem+json"),
        (status = 423, body = Problem, content_type = "application/problem+json"),
    ),
    security(("till_key" = [])),
)]
pub async fn close(
    Till(caller): Till,
    Once(once): Once,
    InSession(id): InSession,
    State(edge): State<Edge>,
    Payload(request): Payload<CloseRequest>,
) -> Result<OnceAnswer<()>, Refused> {
    Ok(OnceAnswer(edge.till.close_json(&caller, id, &once, request).await?))
}
