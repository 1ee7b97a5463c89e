//! `PUT /api/v1/sessions/{session_id}`: creates the open session or replaces its contents, and evaluates it.

use axum::extract::{RawQuery, State};
use chrono::{DateTime, Datelike, Utc};
use contract::Refusal;
use contract::till::{QuoteMode, Session, SessionRequest};

use super::answer::Written;
use super::explanation::language;
use super::query::Query;
use super::request::{InSession, Payload, Till};
use super::{Problem, Refused};
use crate::edge::Edge;

#[utoipa::path(
    put, path = "/api/v1/sessions/{session_id}", tag = "till", operation_id = "put_session", request_body = SessionRequest,
    params(
        ("session_id" = uuid::Uuid, Path, description = "chosen by the till"),
        ("dry" = Option<bool>, Query, description = "true: stores and reserves nothing"),
        ("now" = Option<DateTime<Utc>>, Query, description = "with dry: evaluates at another time"),
        ("explain" = Option<bool>, Query, description = "true: the answer says why, and why not"),
        ("language" = Option<String>, Query, description = "with explain: en or ru; en when absent"),
    ),
    responses(
        (status = 200, body = Session),
        (status = 400, body = Problem, content_type = "application/problem+json"),
        (status = 401, body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "sku-not-found with a pointer to each line, customer-not-found, session-not-found", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "session-not-open", body = Problem, content_type = "application/problem+json"),
        (status = 413, body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "a bound or a rule is broken, with pointers", body = Problem, content_type = "application/problem+json"),
        (status = 423, description = "session-busy", body = Problem, content_type = "application/problem+json"),
    ),
    security(("till_key" = [])),
)]
pub async fn put_session(
    Till(caller): Till,
    InSession(id): InSession,
    RawQuery(query): RawQuery,
    State(edge): State<Edge>,
    Payload(mut request): Payload<SessionRequest>,
) -> Result<Written, Refused> {
    let query = Query::parse(query.as_deref())?;
    let mode = mode(&query)?;
    if flag(&query, "explain")? {
        request.explain = Some(language(&query)?);
    }
    Ok(Written(edge.till.put_session_json(&caller, id, request, mode).await?))
}

fn flag(query: &Query, name: &str) -> Result<bool, Refusal> {
    match query.get(name) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(Refusal::malformed("invalid-query", format!("`{name}` is true or false."))),
    }
}

fn mode(query: &Query) -> Result<QuoteMode, Refusal> {
    let dry = flag(query, "dry")?;
    match query.get("now") {
        None if !dry => Ok(QuoteMode::Stored),
        None => Ok(QuoteMode::Dry { at: None }),
        Some(_) if !dry => {
            Err(Refusal::unacceptable("now-needs-dry", "Another time than now can only be asked for with dry=true."))
        }
        Some(text) => {
            // A plus sign that nobody escaped arrives as a space.
            let at = DateTime::parse_from_rfc3339(&text.replace(' ', "+"))
                .ok()
                .filter(|at| (1970..=9999).contains(&at.year()))
                .ok_or_else(|| Refusal::malformed("invalid-query", "`now` is an RFC 3339 time with an offset."))?;
            Ok(QuoteMode::Dry { at: Some(at.with_timezone(&Utc)) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(query: &str) -> Result<QuoteMode, String> {
        Query::parse(Some(query)).and_then(|query| mode(&query)).map_err(|refusal| refusal.key)
    }

    #[test]
    fn another_time_is_for_dry_quotes_only() {
        assert_eq!(of(""), Ok(QuoteMode::Stored));
        assert_eq!(of("dry=false"), Ok(QuoteMode::Stored));
        assert_eq!(of("dry=true"), Ok(QuoteMode::Dry { at: None }));
        assert_eq!(of("now=2026-11-21T08:00:00Z"), Err("now-needs-dry".to_owned()));
        let at = DateTime::from_timestamp(1_795_248_000, 0);
        for text in ["2026-11-21T08:00:00Z", "2026-11-21T11:00:00%2B03:00", "2026-11-21T11:00:00+03:00"] {
            assert_eq!(of(&format!("dry=true&now={text}")), Ok(QuoteMode::Dry { at }), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for query in [
            "dry=maybe",
            "dry=true&now=later",
            "dry=true&now=%2B262000-01-01T00:00:00Z",
            "dry=%ff",
            "dry=true&dry=false",
        ] {
            assert_eq!(of(query), Err("invalid-query".to_owned()), "{query}");
        }
    }
}
