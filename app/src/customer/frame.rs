//! The frame around a customer's page: logo and navigation above, tabs below on a phone.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::components::{A, Redirect};
use leptos_router::hooks::{use_location, use_query_map};

use crate::address::in_query;
use crate::i18n::{Text, tr};
use crate::page::{use_page, when_alive};
use crate::ui::{Icon, LanguageLink, Logo, icon};

const SKIP: Text = Text::new("Skip to content", "К содержанию");
const MAIN: Text = Text::new("Main", "Главное меню");
const HOME: Text = Text::new("Code", "Код");
const OFFERS: Text = Text::new("Offers", "Новости");
const MENU: Text = Text::new("Menu", "Меню");
const SAVINGS: Text = Text::new("Savings", "Экономия");
const PROFILE: Text = Text::new("Profile", "Профиль");
const SIGN_IN: Text = Text::new("Sign in", "Войти");
const NO_NETWORK: Text =
    Text::new("No connection. Your code works all the same.", "Нет связи. Код всё равно работает.");

const PLACES: [(&str, Icon, Text); 5] = [
    ("/", Icon::Code, HOME),
    ("/offers", Icon::Offers, OFFERS),
    ("/menu", Icon::Menu, MENU),
    ("/savings", Icon::Savings, SAVINGS),
    ("/profile", Icon::Profile, PROFILE),
];

#[component]
pub fn Frame(children: Children) -> impl IntoView {
    let signed_in = use_page().signed_in;
    view! {
        <div class="app">
            <a class="skip-link" href="#main" rel="external">{tr(SKIP)}</a>
            <header class="app__bar">
                <a class="app__brand" href="/"><Logo/>"Kava"</a>
                <nav class="nav" aria-label=tr(MAIN)>
                    {if signed_in { links(&PLACES, false) } else { links(&PLACES[2..3], false) }}
                </nav>
                <div class="app__end">
                    <LanguageLink/>
                    {(!signed_in).then(|| view! {
                        <A href="/sign-in" attr:class="button button--small">{tr(SIGN_IN)}</A>
                    })}
                </div>
            </header>
            <main class="app__main" id="main">
                <OfflineNotice/>
                {children()}
            </main>
            {signed_in.then(|| view! {
                <nav class="tabs" aria-label=tr(MAIN)>{links(&PLACES, true)}</nav>
            })}
        </div>
    }
}

fn links(places: &'static [(&'static str, Icon, Text)], with_icons: bool) -> AnyView {
    places
        .iter()
        .map(|&(href, shape, words)| {
            view! {
                <A href=href exact={href == "/"}>{with_icons.then(|| icon(shape))}{tr(words)}</A>
            }
        })
        .collect_view()
        .into_any()
}

/// A page of one column for a signed-in customer: what it is called, a line under it, and the rest.
#[component]
pub fn Column(title: Text, lead: Text, children: ChildrenFn) -> impl IntoView {
    view! {
        <Title text=format!("{} · Kava", tr(title))/>
        <Frame>
            <SignedIn>
                <div class="page page--middle">
                    <div class="page__head"><h1>{tr(title)}</h1><p>{tr(lead)}</p></div>
                    {children()}
                </div>
            </SignedIn>
        </Frame>
    }
}

/// Shows its children to a signed-in customer; anybody else signs in first and comes back.
#[component]
pub fn SignedIn(children: Children) -> impl IntoView {
    if use_page().signed_in {
        return children();
    }
    let path = use_location().pathname.get_untracked();
    view! { <Redirect path=format!("/sign-in?next={}", in_query(&path))/> }.into_any()
}

/// The key of the refusal that a plain form came back with.
#[must_use]
pub fn refused() -> Option<String> {
    use_query_map().read_untracked().get("refused")
}

/// Says when the network goes, and when it is back.
#[island]
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
