//! How a server function answers beside its value: cookies, and the way back for a form that was sent without JavaScript.

use http::HeaderMap;
use http::header::{ACCEPT, COOKIE};
use http::request::Parts;
use leptos::prelude::use_context;

use crate::fault::{Answer, Fault};
use crate::visitor::{SameSite, Visitor, visitor};

/// Sets a cookie that comes back also when somebody follows a link to us.
pub fn set_cookie(name: &str, value: &str, life: &str) -> Result<(), Fault> {
    crate::visitor::set_cookie(name, value, life, SameSite::Lax)
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
