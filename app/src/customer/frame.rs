//! The frame around a customer's page: logo and navigation above, tabs below on a phone.

use leptos::prelude::*;
use leptos_router::components::{A, Redirect};
use leptos_router::hooks::use_location;

use super::sign_in::state::in_query;
use crate::i18n::{Text, tr, use_locale};
use crate::page::{use_page, when_alive};
use crate::ui::{Icon, Logo, icon};

const SKIP: Text = Text::new("Skip to content", "К содержанию");
const MAIN: Text = Text::new("Main", "Главное меню");
const HOME: Text = Text::new("Code", "Код");
const OFFERS: Text = Text::new("Offers", "Новости");
const MENU: Text = Text::new("Menu", "Меню");
const SAVINGS: Text = Text::new("Savings", "Экономия");
const PROFILE: Text = Text::new("Profile", "Профиль");
const SIGN_IN: Text = Text::new("Sign in", "Войти");
const NO_NETWORK: Text = Text::new(
    "No connection. Your code works all the same.",
    "Нет связи. Код всё равно работает.",
);

const PLACES: [(&str, Icon, Text); 5] = [
    ("/", Icon::Code, HOME),
    ("/offers", Icon::Offers, OFFERS),
    ("/menu", Icon::Menu, MENU),
    ("/savings", Icon::Savings, SAVINGS),
    ("/profile", Icon::Profile, PROFILE),
];

#[component]
pub fn Frame(children: Children) -> impl IntoView {
    let page = use_page();
    when_alive(focus_heading);
    view! {
        <div class="app">
            <a class="skip-link" href="#main" rel="external">{tr(SKIP)}</a>
            <header class="app__bar">
                <a class="app__brand" href="/"><Logo/>"Kava"</a>
                <nav class="nav" aria-label=tr(MAIN)>
                    {move || if page.signed_in.get() { links(&PLACES, false) } else { links(&PLACES[2..3], false) }}
                </nav>
                <div class="app__end">
                    <LanguageLink/>
                    {move || (!page.signed_in.get()).then(|| view! {
                        <A href="/sign-in" attr:class="button button--small">{tr(SIGN_IN)}</A>
                    })}
                </div>
            </header>
            <main class="app__main" id="main">
                <OfflineNotice/>
                {children()}
            </main>
            {move || page.signed_in.get().then(|| view! {
                <nav class="tabs" aria-label=tr(MAIN)>{links(&PLACES, true)}</nav>
            })}
        </div>
    }
}

fn links(places: &'static [(&'static str, Icon, Text)], with_icons: bool) -> AnyView {
    places
        .iter()
        .map(|&(href, shape, words)| view! {
            <A href=href exact={href == "/"}>{with_icons.then(|| icon(shape))}{tr(words)}</A>
        })
        .collect_view()
        .into_any()
}

/// The other language, by its own name. The server sets the cookie and comes back to this page.
#[component]
pub fn LanguageLink() -> impl IntoView {
    let (other, tag, short) = match use_locale() {
        domain::Locale::En => ("Русский", "ru", "RU"),
        domain::Locale::Ru => ("English", "en", "EN"),
    };
    let here = use_location().pathname;
    let href = move || format!("/preferences?locale={tag}&next={}", in_query(&here.read()));
    view! {
        <a class="quiet-link" href=href rel="external" lang=tag hreflang=tag aria-label=other>{short}</a>
    }
}

/// Shows its children to a signed-in customer; anybody else signs in first and comes back.
#[component]
pub fn SignedIn(children: ChildrenFn) -> impl IntoView {
    let page = use_page();
    let here = use_location().pathname;
    move || {
        if page.signed_in.get() {
            children()
        } else {
            let path = format!("/sign-in?next={}", in_query(&here.get_untracked()));
            view! { <Redirect path=path/> }.into_any()
        }
    }
}

/// After a navigation inside the app the heading gets the focus, as it would have after a page load.
fn focus_heading() {
    let page = use_page();
    if page.visited.try_get_value() == Some(true)
        && let Ok(Some(heading)) = document().query_selector("#main h1")
    {
        use wasm_bindgen::JsCast;
        _ = heading.set_attribute("tabindex", "-1");
        if let Some(heading) = heading.dyn_ref::<web_sys::HtmlElement>() {
            _ = heading.focus();
        }
    }
    page.visited.set_value(true);
}

#[component]
fn OfflineNotice() -> impl IntoView {
    let away = RwSignal::new(false);
    when_alive(move || {
        away.set(!window().navigator().on_line());
        let online = window_event_listener_untyped("online", move |_| away.set(false));
        let offline = window_event_listener_untyped("offline", move |_| away.set(true));
        on_cleanup(move || {
            online.remove();
            offline.remove();
        });
    });
    view! {
        <div class="offline-bar" role="status">
            {move || away.get().then(|| view! { <p>{icon(Icon::Offline)}{tr(NO_NETWORK)}</p> })}
        </div>
    }
}
