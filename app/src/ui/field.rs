//! Form fields: a visible label, a hint, and an error that assistive technology reads with the input.

use leptos::prelude::*;

/// One line of text. `name` is the form field's name and the root of the ids, so it is unique on a page.
#[component]
pub fn TextField(
    label: &'static str,
    name: &'static str,
    #[prop(default = "text")] kind: &'static str,
    #[prop(optional, into)] value: String,
    #[prop(optional)] hint: Option<&'static str>,
    /// What is wrong with what was typed, in the reader's language.
    #[prop(optional, into)]
    error: Signal<Option<String>>,
    #[prop(optional)] autocomplete: Option<&'static str>,
    #[prop(optional)] inputmode: Option<&'static str>,
    #[prop(optional)] placeholder: Option<&'static str>,
    #[prop(default = 100)] maxlength: u32,
    #[prop(optional)] required: bool,
    #[prop(optional)] autofocus: bool,
    #[prop(optional)] node_ref: NodeRef<leptos::html::Input>,
) -> impl IntoView {
    let hint_id = format!("{name}-hint");
    let error_id = format!("{name}-error");
    let described = format!("{hint_id} {error_id}");
    view! {
        <div class="field">
            <label class="field__label" for=name>{label}</label>
            <input
                class="field__input"
                id=name
                name=name
                type=kind
                value=value
                maxlength=maxlength.to_string()
                autocomplete=autocomplete
                inputmode=inputmode
                placeholder=placeholder
                required=required
                autofocus=autofocus
                aria-describedby=described
                aria-invalid=move || error.with(Option::is_some).then_some("true")
                node_ref=node_ref
            />
            <span class="field__hint" id=hint_id hidden=hint.is_none()>{hint.unwrap_or_default()}</span>
            <span class="field__error" id=error_id>{move || error.get().unwrap_or_default()}</span>
        </div>
    }
}

/// A checkbox with its words; sends `on` when it is ticked and nothing otherwise.
#[component]
pub fn Checkbox(
    label: &'static str,
    name: &'static str,
    #[prop(optional)] checked: bool,
    /// The form is sent with it only.
    #[prop(optional)]
    required: bool,
) -> impl IntoView {
    view! {
        <label class="check">
            <input type="checkbox" name=name checked=checked required=required/>
            <span>{label}</span>
        </label>
    }
}
