//! The way to the other language.

use domain::Locale;
use leptos::prelude::*;
use leptos_router::hooks::use_location;

use crate::address::in_query;
use crate::i18n::use_locale;

/// The other language, by its own name. The server sets the cookie and comes back to this page.
#[component]
pub fn LanguageLink() -> impl IntoView {
    let (other, tag, short) = match use_locale() {
        Locale::En => ("Русский", "ru", "RU"),
        Locale::Ru => ("English", "en", "EN"),
    };
    let here = use_location().pathname;
    let href = format!("/preferences?locale={tag}&next={}", in_query(&here.read_untracked()));
    view! { <a class="quiet-link" href=href rel="external" lang=tag hreflang=tag aria-label=other>{short}</a> }
}
