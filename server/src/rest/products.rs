//! `GET /api/v1/products`: the catalogue, public, page by page in order of sku.

use axum::extract::{RawQuery, State};
use contract::Refusal;
use contract::till::ProductPage;
use domain::Locale;

use super::answer::Answer;
use super::query::Query;
use super::{Problem, Refused};
use crate::edge::Edge;

const PAGE: u16 = 50;
const MAX_PAGE: u16 = 200;
const MAX_TEXT: usize = 200;

#[utoipa::path(
    get, path = "/api/v1/products", tag = "catalogue", operation_id = "list_products",
    params(
        ("after" = Option<String>, Query, description = "`next` of the page before"),
        ("search" = Option<String>, Query, description = "only products whose name or sku contains it"),
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 200, description = "50 without it"),
    ),
    responses(
        (status = 200, body = ProductPage),
        (status = 400, body = Problem, content_type = "application/problem+json"),
    ),
)]
pub async fn products(RawQuery(query): RawQuery, State(edge): State<Edge>) -> Result<Answer<ProductPage>, Refused> {
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
        other => Ok(other),
    };
    Ok(Answer(edge.till.products(Locale::default(), text("after")?, text("search")?, limit).await?))
}
