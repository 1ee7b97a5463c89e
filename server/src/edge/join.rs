//! `GET /join?store=&from=`: the link of a store's poster, or of a customer who sends it to a friend. Remembers in a cookie which one
//! it was until whoever came registers, and leads to the sign-in.

use app::visitor::{CAME_COOKIE, Visitor};
use axum::Router;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{CACHE_CONTROL, LOCATION, SET_COOKIE};
use http::{HeaderValue, StatusCode};

use super::Edge;
use crate::rest::Query;

/// Somebody who read a poster may think it over for so long.
const MONTH_SECONDS: u32 = 30 * 24 * 60 * 60;
/// More than an id has.
const MAX_CHARS: usize = 64;

pub fn router() -> Router<Edge> {
    Router::new().route("/join", get(join))
}

async fn join(State(edge): State<Edge>, RawQuery(query): RawQuery) -> Response {
    let query = Query::parse(query.as_deref()).unwrap_or_default();
    let mut response = (StatusCode::SEE_OTHER, [(LOCATION, HeaderValue::from_static("/sign-in"))]).into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let (store, from) = (query.get("store").and_then(word), query.get("from").and_then(word));
    if store.is_some() || from.is_some() {
        let name = Visitor::cookie_name(edge.rules.secure, CAME_COOKIE);
        let secure = if edge.rules.secure { "; Secure" } else { "" };
        let value = format!("{}~{}", store.unwrap_or_default(), from.unwrap_or_default());
        let cookie = format!("{name}={value}; Path=/; Max-Age={MONTH_SECONDS}; HttpOnly; SameSite=Lax{secure}");
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            headers.append(SET_COOKIE, cookie);
        }
    }
    response
}

/// What an id may look like: nothing that means something in a cookie.
fn word(text: &str) -> Option<&str> {
    let good = (1..=MAX_CHARS).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    good.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_says_an_id_and_nothing_else() {
        assert_eq!(word("0192a-F"), Some("0192a-F"));
        for text in ["", "a b", "a;b", "a~b", "\u{e9}", "a\r\n", &"a".repeat(65)] {
            assert_eq!(word(text), None, "{text:?}");
        }
    }
}
