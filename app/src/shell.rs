//! The document around every page, and the routes.
use leptos::prelude::*;

#[must_use]
pub fn shell(_options: LeptosOptions) -> impl IntoView {
    view! { <App/> }
}

#[component]
pub fn App() -> impl IntoView {
    view! { <p>"Kava"</p> }
}
