//! The messages that a demo "sent".

use leptos::prelude::*;

#[component]
pub fn DemoMessagesPage() -> impl IntoView {
    view! { <main class="staff-page"><h1>"Messages"</h1></main> }
}
