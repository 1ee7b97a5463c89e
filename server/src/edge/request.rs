//! One request from its first byte to its last: its id, its span, its line in the log, its time limit, and the net
//! under a handler that panics. No path, query, code, phone or token is logged, only the route's pattern.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use contract::Refusal;
use futures::FutureExt;
use http::{HeaderMap, HeaderValue, Method};
use services::clock::Draw;
use tracing::Instrument;

use super::{Edge, faults};

const REQUEST_ID: &str = "x-request-id";

/// The id under which everything about this request is found.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// Outermost: names, measures, logs and catches.
pub async fn observe(State(edge): State<Edge>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = given_id(request.headers()).unwrap_or_else(|| incident(&edge));
    request.extensions_mut().insert(RequestId(id.clone()));
    let method = method_label(request.method());
    let path = request.uri().path().to_owned();
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", |path| path.as_str()).to_owned();
    let trace = trace_parent(request.headers());
    let span = tracing::info_span!(
        "request", %id, method, route,
        trace_id = trace.as_ref().map(|(trace, _)| trace.as_str()),
        parent_id = trace.as_ref().map(|(_, parent)| parent.as_str()),
    );
    let mut response = async {
        let response = match AssertUnwindSafe(next.run(request)).catch_unwind().await {
            Ok(response) => response,
            // The panic itself was logged by the panic hook.
            Err(_) => {
                tracing::error!(incident = %id, "a handler panicked");
                faults::refuse(&path, Refusal::internal(id.clone()))
            }
        };
        let (status, elapsed) = (response.status().as_u16(), started.elapsed());
        if status >= 500 {
            tracing::warn!(status, ms = millis(elapsed), "answered");
        } else {
            tracing::info!(status, ms = millis(elapsed), "answered");
        }
        edge.metrics.request(method, &route, status, elapsed);
        response
    }
    .instrument(span)
    .await;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// Answers 503 when the handler takes longer than the settings allow. What it did not commit is rolled back; a retry
/// with the same Idempotency-Key finds out what it did.
pub async fn within_time(State(edge): State<Edge>, request: Request, next: Next) -> Response {
    let id = request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
    let path = request.uri().path().to_owned();
    match tokio::time::timeout(edge.rules.timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            tracing::warn!(incident = %id, "a request ran out of time");
            faults::refuse(&path, Refusal::unavailable(id))
        }
    }
}

fn incident(edge: &Edge) -> String {
    edge.entropy.id(edge.clock.now()).to_string()
}

fn millis(elapsed: std::time::Duration) -> f64 {
    (elapsed.as_secs_f64() * 100_000.0).round() / 100.0
}

/// The caller's id, when it is 1 to 128 visible ASCII characters.
fn given_id(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(REQUEST_ID)?.to_str().ok()?;
    ((1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())).then(|| text.to_owned())
}

/// Trace and parent of a W3C `traceparent`.
fn trace_parent(headers: &HeaderMap) -> Option<(String, String)> {
    let text = headers.get("traceparent")?.to_str().ok()?;
    let mut parts = text.split('-');
    let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let hex =
        |text: &str, len: usize| text.len() == len && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let set = |text: &str| text.bytes().any(|b| b != b'0');
    let valid = hex(version, 2)
        && version != "ff"
        && (version != "00" || parts.next().is_none())
        && hex(trace, 32)
        && hex(parent, 16)
        && hex(flags, 2)
        && set(trace)
        && set(parent);
    valid.then(|| (trace.to_owned(), parent.to_owned()))
}

/// A bounded set of names, whatever callers send.
fn method_label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "PATCH" => "PATCH",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(
            http::HeaderName::from_static(name),
            HeaderValue::from_bytes(value.as_bytes()).unwrap(),
        )])
    }

    #[test]
    fn an_id_is_taken_over_when_it_can_be_logged_safely() {
        assert_eq!(given_id(&headers(REQUEST_ID, "abc-1")).as_deref(), Some("abc-1"));
        for text in ["", "two words", "\u{e9}t\u{e9}", &"x".repeat(129)] {
            assert_eq!(given_id(&headers(REQUEST_ID, text)), None, "{text}");
        }
    }

    #[test]
    fn a_trace_is_continued_when_it_is_one() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let parsed = trace_parent(&headers("traceparent", &format!("00-{trace}-00f067aa0ba902b7-01")));
        assert_eq!(parsed.map(|(trace, _)| trace).as_deref(), Some(trace));
        for text in [
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "",
        ] {
            assert_eq!(trace_parent(&headers("traceparent", text)), None, "{text}");
        }
    }
}
