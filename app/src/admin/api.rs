//! What the shop's own screens ask of it.

use contract::customer::DemoMessage;
use leptos::prelude::*;

use crate::fault::{Answer, Fault};

/// The messages that the demo "sent", newest first; `not-found` outside a demo.
#[server(prefix = "/fn", endpoint = "v1/demo/messages")]
pub async fn demo_messages() -> Result<Answer<Vec<DemoMessage>>, Fault> {
    let answer = crate::visitor::customer_api()?.demo_messages().await;
    if answer.is_err()
        && let Some(response) = use_context::<leptos_axum::ResponseOptions>()
        && is_page()
    {
        response.set_status(http::StatusCode::NOT_FOUND);
    }
    Ok(answer)
}

/// Asked for while a page is rendered, and not by a screen that is alive already.
#[cfg(feature = "ssr")]
fn is_page() -> bool {
    use_context::<http::request::Parts>().is_some_and(|parts| !parts.uri.path().starts_with("/fn/"))
}
