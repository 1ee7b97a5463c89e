//! The segments.

use leptos::prelude::*;

#[component]
pub fn SegmentsPage() -> impl IntoView {
    view! { <main class="staff-page"><h1>"Segments"</h1></main> }
}
