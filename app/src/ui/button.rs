//! Buttons. Links that look like one are plain `<a class="button …">`.

use leptos::prelude::*;

/// Sends the form it stands in. While `pending` it says so to eyes and ears and takes no second press.
#[component]
pub fn SubmitButton(
    label: &'static str,
    /// Class names beside `button`, such as `button--primary button--wide`.
    #[prop(default = "button--primary")]
    look: &'static str,
    #[prop(optional, into)] pending: Signal<bool>,
    /// Sent with the form under this name; for forms with several buttons.
    #[prop(optional)]
    name: Option<&'static str>,
    #[prop(optional, into)] value: Option<String>,
) -> impl IntoView {
    view! {
        <button
            type="submit"
            class=format!("button {look}")
            name=name
            value=value
            disabled=move || pending.get()
            aria-busy=move || pending.get().then_some("true")
        >
            {label}
        </button>
    }
}
