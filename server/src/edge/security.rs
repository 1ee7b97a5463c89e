//! Headers that keep browsers from harm: on every answer, and on pages with a nonce of their own.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderValue;
use http::header::{
    CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use services::clock::Draw;

use super::Edge;

/// On every answer of this server.
const COMMON: [(HeaderName, &str); 5] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "strict-origin-when-cross-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(self), geolocation=(), microphone=(), payment=(), usb=()"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Sets what is the same everywhere; a handler's own header stays.
pub async fn headers(State(edge): State<Edge>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in COMMON {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if edge.rules.secure {
        let value = HeaderValue::from_static("max-age=31536000; includeSubDomains");
        headers.entry(STRICT_TRANSPORT_SECURITY).or_insert(value);
    }
    response
}

/// The number that this page's own scripts carry: 128 random bits, new for every answer.
#[derive(Clone, Debug)]
pub struct PageNonce(pub String);

/// Makes the nonce of a page and the policy that allows exactly it.
pub async fn page_policy(State(edge): State<Edge>, mut request: Request, next: Next) -> Response {
    let nonce = URL_SAFE_NO_PAD.encode(edge.entropy.bytes::<16>());
    let policy = policy(&nonce);
    request.extensions_mut().insert(PageNonce(nonce));
    let mut response = next.run(request).await;
    if let Ok(value) = HeaderValue::from_str(&policy) {
        response.headers_mut().entry(CONTENT_SECURITY_POLICY).or_insert(value);
    }
    response
}

/// No `strict-dynamic`: leptos' module preload carries no nonce, so it would be blocked.
fn policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'wasm-unsafe-eval'; style-src 'self' 'nonce-{nonce}'; \
         img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self'; \
         media-src 'self' blob:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
}
