//! `/api/v1/coupons`: a marketer's own words, and codes by the million.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use contract::campaigns::{BatchRequest, BatchView, CodePage, CouponRequest, CouponView};
use contract::{CampaignApi, Refusal};
use futures::stream;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use uuid::Uuid;

use super::answer::{Answer, OnceAnswer};
use super::request::{Author, InBatch, Once, Payload};
use super::{Problem, Refused};
use crate::edge::Edge;

/// Codes that are read at once while they are sent.
const PAGE: u32 = 10_000;

#[utoipa::path(
    put, path = "/api/v1/coupons/{code}", tag = "coupons", operation_id = "put_coupon", request_body = CouponRequest,
    params(("code" = String, Path, description = "3 to 64 letters and digits; case and separators do not matter")),
    responses(
        (status = 200, body = CouponView),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "campaign-not-found", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "coupon-taken, campaign-without-coupons", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "invalid-coupon", body = Problem, content_type = "application/problem+json"),
    ),
    security(("integrator_key" = [])),
)]
pub async fn put(
    Author(author): Author,
    code: Path<String>,
    State(edge): State<Edge>,
    Payload(coupon): Payload<CouponRequest>,
) -> Result<Answer<CouponView>, Refused> {
    Ok(Answer(edge.campaigns.put_coupon(&author, &code, coupon).await?))
}

#[utoipa::path(
    post, path = "/api/v1/coupons/batches", tag = "coupons", operation_id = "make_coupons", request_body = BatchRequest,
    params(("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters")),
    responses(
        (status = 202, description = "The codes are being made", body = BatchView),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "campaign-not-found", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "campaign-without-coupons", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "invalid-batch, idempotency-key-reused", body = Problem, content_type = "application/problem+json"),
    ),
    security(("integrator_key" = [])),
)]
pub async fn make(
    Author(author): Author,
    Once(once): Once,
    State(edge): State<Edge>,
    Payload(request): Payload<BatchRequest>,
) -> Result<Response, Refused> {
    let begun = edge.campaigns.make_coupons(&author, &once, request).await?;
    Ok((StatusCode::ACCEPTED, OnceAnswer(begun)).into_response())
}

#[utoipa::path(
    get, path = "/api/v1/coupons/batches/{batch_id}", tag = "coupons", operation_id = "get_coupon_batch",
    params(("batch_id" = Uuid, Path)),
    responses(
        (status = 200, body = BatchView),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "batch-not-found", body = Problem, content_type = "application/problem+json"),
    ),
    security(("integrator_key" = [])),
)]
pub async fn batch(_: Author, InBatch(id): InBatch, State(edge): State<Edge>) -> Result<Answer<BatchView>, Refused> {
    Ok(Answer(edge.campaigns.coupon_batch(id).await?))
}

#[utoipa::path(
    get, path = "/api/v1/coupons/batches/{batch_id}/codes", tag = "coupons", operation_id = "get_coupon_codes",
    params(("batch_id" = Uuid, Path)),
    responses(
        (status = 200, description = "The codes that there are by now, one a line, in the order in which they were made", body = String, content_type = "text/plain"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "batch-not-found", body = Problem, content_type = "application/problem+json"),
    ),
    security(("integrator_key" = [])),
)]
pub async fn codes(_: Author, InBatch(id): InBatch, State(edge): State<Edge>) -> Result<Response, Refused> {
    let first = edge.campaigns.batch_codes(id, 0, PAGE).await?;
    let mut response = Body::from_stream(pages(edge.campaigns.clone(), id, first)).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    Ok(response)
}

/// A page is read when the one before was taken: a million codes need the memory of ten thousand. A failure on the way
/// breaks the answer off, so that nobody takes half of the codes for all.
fn pages(
    api: Arc<dyn CampaignApi>,
    id: Uuid,
    first: CodePage,
) -> impl futures::Stream<Item = Result<String, Refusal>> + Send {
    stream::try_unfold(Some((api, first)), move |rest| async move {
        let Some((api, page)) = rest else { return Ok(None) };
        let text = page.codes.iter().flat_map(|listed| [listed.code.as_str(), "\n"]).collect::<String>();
        let rest = match page.next {
            Some(after) => {
                let next = api.batch_codes(id, after, PAGE).await?;
                Some((api, next))
            }
            None => None,
        };
        Ok(Some((text, rest)))
    })
}
