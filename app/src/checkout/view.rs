//! The counter's screen.

use leptos::prelude::*;

#[component]
pub fn CheckoutPage() -> impl IntoView {
    view! { <main class="staff-page"><h1>"Checkout"</h1></main> }
}
