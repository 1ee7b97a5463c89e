//! `POST /api/v1/identify`: who shows this code, and what they may redeem.

use axum::extract::State;
use contract::till::{Identified, IdentifyRequest};

use super::answer::OnceAnswer;
use super::request::{Once, Payload, Till};
use super::{Problem, Refused};
use crate::edge::Edge;

#[utoipa::path(
    post, path = "/api/v1/identify", tag = "till", operation_id = "identify", request_body = IdentifyRequest,
    params(("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters")),
    responses(
        (status = 200, body = Identified),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "customer-not-found", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "code-replayed", body = Problem, content_type = "application/problem+json"),
        (status = 410, description = "code-expired", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "idempotency-key-reused", body = Problem, content_type = "application/problem+json"),
        (status = 429, body = Problem, content_type = "application/problem+json"),
    ),
    security(("till_key" = [])),
)]
pub async fn identify(
    Till(caller): Till,
    Once(once): Once,
    State(edge): State<Edge>,
    Payload(request): Payload<IdentifyRequest>,
) -> Result<OnceAnswer<Identified>, Refused> {
    Ok(OnceAnswer(edge.till.identify(&caller, &once, &request.code).await?))
}
