//! `/api/v1/campaigns`: one campaign of the rules in force. Every change publishes the whole rule set anew.

use axum::extract::{RawQuery, State};
use contract::Refusal;
use contract::campaigns::Revision;
use serde_json::{Value, json};

use super::answer::{Answer, OnceAnswer};
use super::query::Query;
use super::request::{Author, InCampaign, Once, Rules};
use super::rule_sets::expected;
use super::{Problem, Refused};
use crate::edge::Edge;

#[utoipa::path(
    get, path = "/api/v1/campaigns", tag = "campaigns", operation_id = "list_campaigns",
    responses(
        (status = 200, description = "`{revision, campaigns}` of the rules in force", body = Object),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
    ),
    security(("integrator_key" = [])),
)]
pub async fn list(_: Author, State(edge): State<Edge>) -> Result<Answer<Value>, Refused> {
    let mut set = edge.campaigns.rule_set(None).await?;
    let campaigns = set.rules.get_mut("campaigns").map(Value::take);
    Ok(Answer(json!({"revision": set.revision, "campaigns": campaigns})))
}

#[utoipa::path(
    get, path = "/api/v1/campaigns/{campaign_id}", tag = "campaigns", operation_id = "get_campaign",
    params(("campaign_id" = uuid::Uuid, Path)),
    responses(
        (status = 200, body = Object),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "campaign-not-found", body = Problem, content_type = "application/problem+json"),
    ),
    security(("integrator_key" = [])),
)]
pub async fn get(_: Author, InCampaign(id): InCampaign, State(edge): State<Edge>) -> Result<Answer<Value>, Refused> {
    let mut set = edge.campaigns.rule_set(None).await?;
    let text = id.to_string();
    let campaigns = set.rules.get_mut("campaigns").and_then(Value::as_array_mut);
    let found = campaigns.and_then(|campaigns| campaigns.iter_mut().find(|campaign| campaign["id"] == text.as_str()));
    let detail = "There is no campaign of this id in the rules in force.";
    Ok(Answer(found.map(Value::take).ok_or_else(|| Refusal::not_found("campaign-not-found", detail))?))
}

#[utoipa::path(
    put, path = "/api/v1/campaigns/{campaign_id}", tag = "campaigns", operation_id = "put_campaign",
    request_body(content = Object, description = "a campaign as docs/campaigns.md has it"),
    params(
        ("campaign_id" = uuid::Uuid, Path),
        ("expected_revision" = Option<i64>, Query, description = "publish only when this revision is in force"),
    ),
    responses(
        (status = 200, body = Revision),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "revision-conflict", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "invalid-rules, campaign-id-mismatch", body = Problem, content_type = "application/problem+json"),
        (status = 423, body = Problem, content_type = "application/problem+json"),
    ),
    security(("integrator_key" = [])),
)]
pub async fn put(
    Author(author): Author,
    InCampaign(id): InCampaign,
    RawQuery(query): RawQuery,
    State(edge): State<Edge>,
    Rules(campaign): Rules,
) -> Result<Answer<Revision>, Refused> {
    let expected = expected(&Query::parse(query.as_deref())?)?;
    Ok(Answer(edge.campaigns.put_campaign(&author, id, campaign, expected).await?))
}

#[utoipa::path(
    delete, path = "/api/v1/campaigns/{campaign_id}", tag = "campaigns", operation_id = "delete_campaign",
    params(
        ("campaign_id" = uuid::Uuid, Path),
        ("expected_revision" = Option<i64>, Query, description = "publish only when this revision is in force"),
    ),
    responses(
        (status = 200, description = "Sessions that were quoted with it keep it", body = Revision),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "campaign-not-found", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "revision-conflict", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "invalid-rules", body = Problem, content_type = "application/problem+json"),
        (status = 423, body = Problem, content_type = "application/problem+json"),
    ),
    security(("integrator_key" = [])),
)]
pub async fn delete(
    Author(author): Author,
    InCampaign(id): InCampaign,
    RawQuery(query): RawQuery,
    State(edge): State<Edge>,
) -> Result<Answer<Revision>, Refused> {
    let expected = expected(&Query::parse(query.as_deref())?)?;
    Ok(Answer(edge.campaigns.delete_campaign(&author, id, expected).await?))
}

#[utoipa::path(
    post, path = "/api/v1/campaigns/{campaign_id}/pause", tag = "campaigns", operation_id = "pause_campaign",
    params(
        ("campaign_id" = uuid::Uuid, Path),
        ("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters"),
    ),
    responses(
        (status = 200, description = "New quotes go without it", body = Revision),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "campaign-not-found", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "idempotency-key-reused", body = Problem, content_type = "application/problem+json"),
        (status = 423, body = Problem, content_type = "application/problem+json"),
    ),
    security(("integrator_key" = [])),
)]
pub async fn pause(
    Author(author): Author,
    Once(once): Once,
    InCampaign(id): InCampaign,
    State(edge): State<Edge>,
) -> Result<OnceAnswer<Revision>, Refused> {
    Ok(OnceAnswer(edge.campaigns.switch_campaign(&author, &once, id, false).await?))
}

#[utoipa::path(
    post, path = "/api/v1/campaigns/{campaign_id}/resume", tag = "campaigns", operation_id = "resume_campaign",
    params(
        ("campaign_id" = uuid::Uuid, Path),
        ("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters"),
    ),
    responses(
        (status = 200, body = Revision),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 403, body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "campaign-not-found", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "idempotency-key-reused", body = Problem, content_type = "application/problem+json"),
        (status = 423, body = Problem, content_type = "application/problem+json"),
    ),
    security(("integrator_key" = [])),
)]
pub async fn resume(
    Author(author): Author,
    Once(once): Once,
    InCampaign(id): InCampaign,
    State(edge): State<Edge>,
) -> Result<OnceAnswer<Revision>, Refused> {
    Ok(OnceAnswer(edge.campaigns.switch_campaign(&author, &once, id, true).await?))
}
