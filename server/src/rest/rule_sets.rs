//! `/api/v1/rule-sets`: what is in force, what was before, and publishing the next.

use axum::extract::{Path, RawQuery, State};
use contract::Refusal;
use contract::campaigns::{Checked, Revision, RevisionPage, RuleSet};

use super::answer::Answer;
use super::query::Query;
use super::request::{Author, Rules};
use super::{Problem, Refused};
use crate::edge::Edge;

const PAGE: u16 = 20;
const MAX_PAGE: u16 = 100;

#[utoipa::path(
    get, path = "/api/v1/rule-sets", tag = "campaigns", operation_id = "list_rule_sets",
    params(
        ("before" = Option<i64>, Query, description = "`next` of the page before"),
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 100, description = "20 without it"),
    ),
    responses(
        (status = 200, description = "The newest first", body = RevisionPage),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
    ),
    security(("integrator_key" = [])),
)]
pub async fn list(
    _: Author,
    RawQuery(query): RawQuery,
    State(edge): State<Edge>,
) -> Result<Answer<RevisionPage>, Refused> {
    let query = Query::parse(query.as_deref())?;
    let before = number(&query, "before", 1..=i64::MAX)?;
    let limit = number(&query, "limit", 1..=i64::from(MAX_PAGE))?.and_then(|limit| u16::try_from(limit).ok());
    Ok(Answer(edge.campaigns.rule_sets(before, limit.unwrap_or(PAGE)).await?))
}

#[utoipa::path(
    get, path = "/api/v1/rule-sets/current", tag = "campaigns", operation_id = "get_current_rule_set",
    responses(
        (status = 200, description = "Revision 0 before anything was published", body = RuleSet),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
    ),
    security(("integrator_key" = [])),
)]
pub async fn get_current(_: Author, State(edge): State<Edge>) -> Result<Answer<RuleSet>, Refused> {
    Ok(Answer(edge.campaigns.rule_set(None).await?))
}

#[utoipa::path(
    get, path = "/api/v1/rule-sets/{revision}", tag = "campaigns", operation_id = "get_rule_set",
    params(("revision" = i64, Path)),
    responses(
        (status = 200, body = RuleSet),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "revision-not-found", body = Problem, content_type = "application/problem+json"),
    ),
    security(("integrator_key" = [])),
)]
pub async fn get(_: Author, revision: Path<String>, State(edge): State<Edge>) -> Result<Answer<RuleSet>, Refused> {
    let detail = "A revision is a number, or `current` for the one in force.";
    let revision = revision.parse().map_err(|_| Refusal::not_found("revision-not-found", detail))?;
    Ok(Answer(edge.campaigns.rule_set(Some(revision)).await?))
}

#[utoipa::path(
    put, path = "/api/v1/rule-sets/current", tag = "campaigns", operation_id = "publish_rule_set",
    request_body(content = Object, description = "campaigns, groups and the card policy, as docs/campaigns.md has them; up to 2 MB"),
    params(
        ("expected_revision" = Option<i64>, Query, description = "publish only when this revision is in force; 0 for none"),
    ),
    responses(
        (status = 200, description = "The revision in force from now on; the same rules again change nothing", body = Revision),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "revision-conflict", body = Problem, content_type = "application/problem+json"),
        (status = 413, body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "invalid-rules, with a pointer to everything that is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 423, body = Problem, content_type = "application/problem+json"),
    ),
    security(("integrator_key" = [])),
)]
pub async fn publish(
    Author(author): Author,
    RawQuery(query): RawQuery,
    State(edge): State<Edge>,
    Rules(rules): Rules,
) -> Result<Answer<Revision>, Refused> {
    let expected = expected(&Query::parse(query.as_deref())?)?;
    Ok(Answer(edge.campaigns.publish(&author, rules, expected).await?))
}

#[utoipa::path(
    put, path = "/api/v1/rule-sets/draft", tag = "campaigns", operation_id = "check_rule_set",
    request_body(content = Object, description = "as for publishing"),
    responses(
        (status = 200, description = "It could be published; nothing was changed", body = Checked),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 413, body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "invalid-rules, with a pointer to everything that is wrong", body = Problem, content_type = "application/problem+json"),
    ),
    security(("integrator_key" = [])),
)]
pub async fn check(_: Author, State(edge): State<Edge>, Rules(rules): Rules) -> Result<Answer<Checked>, Refused> {
    Ok(Answer(edge.campaigns.check_rules(rules).await?))
}

/// The revision that the caller believes to be in force.
pub(super) fn expected(query: &Query) -> Result<Option<i64>, Refusal> {
    number(query, "expected_revision", 0..=i64::MAX)
}

pub(super) fn number(query: &Query, name: &str, within: std::ops::RangeInclusive<i64>) -> Result<Option<i64>, Refusal> {
    let Some(text) = query.get(name) else { return Ok(None) };
    let number = text.parse().ok().filter(|number| within.contains(number));
    number.map(Some).ok_or_else(|| {
        let detail = format!("`{name}` is a number from {} to {}.", within.start(), within.end());
        Refusal::malformed("invalid-query", detail)
    })
}
