//! `GET /api/v1/grants`: what this till may give while it is offline, signed.

use axum::extract::{RawQuery, State};
use contract::Refusal;
use contract::offline::{GrantPage, GrantsRequest};

use super::answer::Answer;
use super::query::Query;
use super::request::Till;
use super::{Problem, Refused};
use crate::edge::Edge;

const PAGE: u16 = 100;
const MAX_PAGE: u16 = services::grants::MAX_PAGE;
const MAX_TEXT: usize = 200;

#[utoipa::path(
    get, path = "/api/v1/grants", tag = "offline", operation_id = "list_grants",
    params(
        ("store" = Option<String>, Query, description = "the till's own store, by id or name"),
        ("after" = Option<String>, Query, description = "`next` of the page before"),
        ("shelf" = Option<String>, Query, description = "the hash of the shelf that the till has: then it is not sent again"),
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 200, description = "100 without it"),
    ),
    responses(
        (status = 200, body = GrantPage),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "store-not-found", body = Problem, content_type = "application/problem+json"),
    ),
    security(("till_key" = [])),
)]
pub async fn grants(
    Till(caller): Till,
    RawQuery(query): RawQuery,
    State(edge): State<Edge>,
) -> Result<Answer<GrantPage>, Refused> {
    let query = Query::parse(query.as_deref())?;
    let limit = match query.get("limit") {
        None => PAGE,
        Some(text) => text
            .parse()
            .ok()
            .filter(|limit| (1..=MAX_PAGE).contains(limit))
            .ok_or_else(|| Refusal::malformed("invalid-query", format!("`limit` is 1 to {MAX_PAGE}.")))?,
    };
    let text = |name: &str| match query.get(name).filter(|text| !text.is_empty()) {
        Some(text) if text.len() > MAX_TEXT => {
            Err(Refusal::malformed("invalid-query", format!("`{name}` has at most {MAX_TEXT} bytes.")))
        }
        other => Ok(other.map(str::to_owned)),
    };
    let request = GrantsRequest { store: text("store")?, after: text("after")?, shelf: text("shelf")?, limit };
    Ok(Answer(edge.offline.grants(&caller, request).await?))
}
