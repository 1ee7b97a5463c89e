//! When the edge itself has to say no: a problem to machines, a fault to our screens, a small page to people.

use axum::response::{IntoResponse, Response};
use contract::Refusal;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, RETRY_AFTER};

use crate::rest::{Refused, status};

/// Says no in the shape that the caller of this path understands.
#[must_use]
pub fn refuse(path: &str, refusal: Refusal) -> Response {
    if path.starts_with("/fn/") {
        fault(&refusal)
    } else if path.starts_with("/api/") || matches!(path, "/healthz" | "/readyz" | "/metrics") {
        Refused::from(refusal).into_response()
    } else {
        page(&refusal)
    }
}

/// As a server function's caller reads it.
fn fault(refusal: &Refusal) -> Response {
    let body = serde_json::to_vec(refusal).unwrap_or_default();
    let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-store")];
    let mut response = (status(refusal.kind), headers, body).into_response();
    retry(&mut response, refusal);
    response
}

/// In both languages, because nothing is known of the visitor; without scripts, because those may be what is broken.
fn page(refusal: &Refusal) -> Response {
    let incident = match &refusal.incident {
        // Ids of ours, or of the caller's choosing: visible ASCII, and still not to be trusted in HTML.
        Some(id) => format!("<p><small>{}</small></p>", id.replace('&', "&amp;").replace('<', "&lt;")),
        None => String::new(),
    };
    let html = format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Kava</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"></head><body><main>\
         <h1>We will be right back</h1><p>Something went wrong on our side. Please try again in a moment.</p>\
         <h1 lang=\"ru\">Сейчас вернёмся</h1><p lang=\"ru\">У нас что-то сломалось. Попробуйте ещё раз чуть позже.</p>\
         <p><a href=\"\">Try again · Ещё раз</a></p>{incident}</main></body></html>"
    );
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"),
    ];
    let mut response = (status(refusal.kind), headers, html).into_response();
    retry(&mut response, refusal);
    response
}

/// Tells how long to wait, where the refusal knows.
pub(super) fn retry(response: &mut Response, refusal: &Refusal) {
    if let Some(seconds) = refusal.retry_after {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
}

#[cfg(test)]
mod tests {
    use contract::Kind;

    use super::*;

    async fn text(response: Response) -> String {
        let bytes = axum::body::to_bytes(response.into_body(), 100_000).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn everybody_is_refused_in_their_own_shape() {
        let refusal = || Refusal::unavailable("<script>");
        let problem = refuse("/api/v1/products", refusal());
        assert_eq!(problem.headers()[CONTENT_TYPE], "application/problem+json");
        let fault = refuse("/fn/v1/home", refusal());
        assert_eq!(fault.headers()[RETRY_AFTER], "1");
        let read: Refusal = serde_json::from_str(&text(fault).await).unwrap();
        assert_eq!(read.kind, Kind::Unavailable);
        let page = refuse("/menu", refusal());
        assert_eq!(page.status(), 503);
        assert!(!text(page).await.contains("<script"));
    }
}
