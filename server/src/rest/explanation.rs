//! `GET /api/v1/sessions/{session_id}/explanation`: why each campaign, card and coupon applied, and why not.

use axum::extract::{RawQuery, State};
use contract::Refusal;
use contract::till::Explanation;
use domain::Locale;

use super::answer::Answer;
use super::query::Query;
use super::request::{InSession, Till};
use super::{Problem, Refused};
use crate::edge::Edge;

#[utoipa::path(
    get, path = "/api/v1/sessions/{session_id}/explanation", tag = "till", operation_id = "explain_session",
    params(
        ("session_id" = uuid::Uuid, Path),
        ("language" = Option<String>, Query, description = "en or ru, of the words; en when absent"),
    ),
    responses(
        (status = 200, body = Explanation),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "session-not-found, also for another store's", body = Problem, content_type = "application/problem+json"),
    ),
    security(("till_key" = [])),
)]
pub async fn explanation(
    Till(caller): Till,
    InSession(id): InSession,
    RawQuery(query): RawQuery,
    State(edge): State<Edge>,
) -> Result<Answer<Explanation>, Refused> {
    let language = language(&Query::parse(query.as_deref())?)?;
    Ok(Answer(edge.till.explain(&caller, id, language).await?))
}

/// In which language something is to be said.
pub(super) fn language(query: &Query) -> Result<Locale, Refusal> {
    match query.get("language") {
        None => Ok(Locale::En),
        Some(text) => {
            Locale::from_tag(text).ok_or_else(|| Refusal::malformed("invalid-query", "`language` is en or ru."))
        }
    }
}
