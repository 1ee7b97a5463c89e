//! `POST /api/v1/sessions/{session_id}/returns`: goods come back.

use axum::extract::State;
use contract::till::{ReturnRequest, Returned};

use super::answer::OnceAnswer;
use super::request::{InSession, Once, Payload, Till};
use super::{Problem, Refused};
use crate::edge::Edge;

#[utoipa::path(
    post, path = "/api/v1/sessions/{session_id}/returns", tag = "till", operation_id = "return_lines", request_body = ReturnRequest,
    params(
        ("session_id" = uuid::Uuid, Path),
        ("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters"),
    ),
    responses(
        (status = 200, body = Returned),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "session-not-found", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "session-not-closed", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "return-exceeds-sold, invalid-return", body = Problem, content_type = "application/problem+json"),
        (status = 423, body = Problem, content_type = "application/problem+json"),
    ),
    security(("till_key" = [])),
)]
pub async fn returns(
    Till(caller): Till,
    Once(once): Once,
    InSession(id): InSession,
    State(edge): State<Edge>,
    Payload(request): Payload<ReturnRequest>,
) -> Result<OnceAnswer<Returned>, Refused> {
    Ok(OnceAnswer(edge.till.return_lines(&caller, id, &once, request).await?))
}
