//! How a server function answers beside its value: cookies, and the way back for a form that was sent without JavaScript.

use contract::Refusal;
use http::header::{ACCEPT, COOKIE, SET_COOKIE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use leptos::prelude::use_context;
use leptos_axum::ResponseOptions;

use crate::fault::{Answer, Fault};
use crate::visitor::{Visitor, visitor};

/// Sets an `HttpOnly` cookie under the name that this connection calls for; `life` is `Max-Age=…` or `Expires=…`.
pub fn set_cookie(name: &str, value: &str, life: &str) -> Result<(), Fault> {
    let secure = visitor()?.secure;
    let name = Visitor::cookie_name(secure, name);
    let secure = if secure { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path=/; {life}; HttpOnly; SameSite=Lax{secure}");
    let value = HeaderValue::from_str(&text).map_err(|_| Refusal::internal("customer-cookie"))?;
    let response = use_context::<ResponseOptions>().ok_or_else(|| Refusal::internal("no-response-options"))?;
    response.append_header(SET_COOKIE, value);
    Ok(())
}

/// The cookie that [`set_cookie`] set.
pub fn cookie(name: &str) -> Option<String> {
    let name = Visitor::cookie_name(visitor().ok()?.secure, name);
    let headers = headers()?;
    headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(';')).find_map(
        |pair| {
            let (key, value) = pair.trim().split_once('=')?;
            (key == name).then(|| value.to_owned())
        },
    )
}

/// Gives `answer` to the screen; a plain form post is sent on to `done`, or back to `form` with the refusal's key.
pub fn settle<T>(answer: Answer<T>, form: &str, done: &str) -> Answer<T> {
    if is_plain_form() {
        match &answer {
            Ok(_) => leptos_axum::redirect(done),
            Err(refusal) => {
                let key: String = refusal.key.chars().filter(|c| c.is_ascii_lowercase() || *c == '-').collect();
                let joint = if form.contains('?') { '&' } else { '?' };
                leptos_axum::redirect(&format!("{form}{joint}refused={key}"));
            }
        }
    }
    answer
}

/// Sent by the browser itself and not by our client, which asks for JSON.
fn is_plain_form() -> bool {
    headers()
        .and_then(|headers| headers.get(ACCEPT).and_then(|value| value.to_str().ok()).map(|v| v.contains("text/html")))
        .unwrap_or(false)
}

fn headers() -> Option<HeaderMap> {
    use_context::<Parts>().map(|parts| parts.headers)
}
