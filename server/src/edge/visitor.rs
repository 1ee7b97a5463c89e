//! Proves who visits, from the cookies, and hands it to the pages.

use app::visitor::{CUSTOMER_COOKIE, LOCALE_COOKIE, STAFF_COOKIE, THEME_COOKIE, Visitor};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use axum_extra::extract::CookieJar;
use contract::Refusal;
use domain::Locale;
use http::HeaderValue;
use http::header::{ACCEPT_LANGUAGE, CACHE_CONTROL, VARY};
use http::request::Parts;

use super::{Edge, client, faults};

/// The longest token that is worth a look at the store.
const MAX_TOKEN: usize = 256;

/// Puts the [`Visitor`] into the request. What a signed-in visitor gets is nobody's to keep.
pub async fn introduce(State(edge): State<Edge>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let visitor = match prove(&edge, &parts).await {
        Ok(visitor) => visitor,
        Err(refusal) => return faults::refuse(parts.uri.path(), refusal),
    };
    let private = visitor.customer.is_some() || visitor.staff.is_some() || parts.uri.path().starts_with("/fn/");
    parts.extensions.insert(visitor);
    let mut response = next.run(Request::from_parts(parts, body)).await;
    let value = HeaderValue::from_static(if private { "no-store" } else { "private, no-cache" });
    response.headers_mut().entry(CACHE_CONTROL).or_insert(value);
    response.headers_mut().append(VARY, HeaderValue::from_static("cookie, accept-language"));
    response
}

async fn prove(edge: &Edge, parts: &Parts) -> Result<Visitor, Refusal> {
    let jar = CookieJar::from_headers(&parts.headers);
    let secure = edge.rules.secure;
    let token = |name| {
        let cookie = jar.get(&Visitor::cookie_name(secure, name))?;
        let value = cookie.value();
        ((1..=MAX_TOKEN).contains(&value.len()) && value.is_ascii()).then(|| value.to_owned())
    };
    let (customer_token, staff_token) = (token(CUSTOMER_COOKIE), token(STAFF_COOKIE));
    let customer = match &customer_token {
        Some(token) => edge.customer.authenticate(token).await?,
        None => None,
    };
    let staff = match &staff_token {
        Some(token) => edge.staff.authenticate(token).await?,
        None => None,
    };
    let locale = match jar.get(LOCALE_COOKIE).map(|cookie| cookie.value()) {
        Some("en") => Locale::En,
        Some("ru") => Locale::Ru,
        _ => Locale::negotiate(
            parts.headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default(),
        ),
    };
    Ok(Visitor {
        ip: client::address(parts, edge.rules.trusted_hops),
        locale,
        // A store that is away costs a page its right hour, not the page.
        zone: edge.customer.time_zone().await.ok().and_then(|name| name.parse().ok()).unwrap_or_default(),
        theme: theme(jar.get(THEME_COOKIE).map(|cookie| cookie.value())),
        customer,
        staff,
        customer_token,
        staff_token,
        secure,
        origin: edge.rules.origin.clone(),
    })
}

/// A theme that there is.
#[must_use]
pub fn theme(text: Option<&str>) -> &'static str {
    match text {
        Some("light") => "light",
        Some("dark") => "dark",
        _ => "auto",
    }
}
