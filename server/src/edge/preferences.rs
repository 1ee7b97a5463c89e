//! `GET /preferences?locale=&theme=&next=`: language and theme without JavaScript. Sets cookies and goes back.

use app::visitor::{LOCALE_COOKIE, THEME_COOKIE, Visitor};
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use contract::customer::ProfileEdit;
use domain::Locale;
use http::header::{CACHE_CONTROL, LOCATION, SET_COOKIE};
use http::{HeaderValue, StatusCode};

use super::Edge;
use crate::rest::Query;

const YEAR_SECONDS: u32 = 365 * 24 * 60 * 60;

pub fn router() -> Router<Edge> {
    Router::new().route("/preferences", get(preferences))
}

async fn preferences(
    State(edge): State<Edge>,
    visitor: Option<Extension<Visitor>>,
    RawQuery(query): RawQuery,
) -> Response {
    let query = Query::parse(query.as_deref()).unwrap_or_default();
    let next = query.get("next").and_then(back).unwrap_or(HeaderValue::from_static("/"));
    let mut response = (StatusCode::SEE_OTHER, [(LOCATION, next)]).into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let locale = query.get("locale").and_then(|tag| [Locale::En, Locale::Ru].into_iter().find(|l| l.tag() == tag));
    let theme = query.get("theme").filter(|theme| ["light", "dark", "auto"].contains(theme));
    for (name, value) in [(LOCALE_COOKIE, locale.map(Locale::tag)), (THEME_COOKIE, theme)] {
        let Some(value) = value else { continue };
        let secure = if edge.rules.secure { "; Secure" } else { "" };
        let cookie = format!("{name}={value}; Path=/; Max-Age={YEAR_SECONDS}; SameSite=Lax{secure}");
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            headers.append(SET_COOKIE, cookie);
        }
    }
    // Their cards and messages follow; where that fails, the screen is still in the language that was chosen.
    if let (Some(Extension(Visitor { customer: Some(caller), .. })), Some(locale)) = (visitor, locale) {
        let edit = ProfileEdit { locale: Some(locale), ..ProfileEdit::default() };
        if let Err(refusal) = edge.customer.edit_profile(caller, edit).await {
            tracing::warn!(%refusal, "the chosen language did not reach the profile");
        }
    }
    response
}

/// A path of this very site: it cannot lead to another one, nor break out of its header.
fn back(next: &str) -> Option<HeaderValue> {
    let mut bytes = next.bytes();
    let here = bytes.next() == Some(b'/')
        && !matches!(bytes.next(), Some(b'/' | b'\\'))
        && next.len() <= 2_000
        && next.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    here.then(|| HeaderValue::from_str(next).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_goes_back_to_this_site_only() {
        for path in ["/", "/menu/coffee?page=2", "/a#b"] {
            assert_eq!(back(path).unwrap(), path);
        }
        for path in
            ["", "menu", "//evil.example", "/\\evil.example", "https://evil.example", "/a\r\nb", "/\t/evil", "/ё"]
        {
            assert_eq!(back(path), None, "{path}");
        }
    }
}
