//! The code without a network. Home keeps what the code is made from on the phone; the offline page draws it from there.
//! Nothing else of the customer is kept, and signing out (or being signed out) forgets it.

use leptos::prelude::*;
use leptos_meta::Title;

use super::home::CodeCard;
use super::home::state::Code;
use crate::i18n::{Text, tr};
use crate::ui::{EmptyState, Icon, Logo, icon};

const KEY: &str = "kava.code";

const TITLE: Text = Text::new("You are offline", "Нет связи");
const LEAD: Text = Text::new(
    "Your code works without a connection. Show it at the till as always.",
    "Код работает и без связи. Покажите его на кассе как обычно.",
);
const NO_CODE: Text = Text::new(
    "Open your code once while you are connected, and it will be here without a network too.",
    "Откройте свой код один раз при связи, и он будет здесь и без сети.",
);
const AGAIN: Text = Text::new("Try again", "Повторить");

/// Keeps the code on this phone.
pub fn keep(code: &Code) {
    if let (Some(storage), Ok(text)) = (storage(), serde_json::to_string(code)) {
        _ = storage.set_item(KEY, &text);
    }
}

/// Forgets it.
pub fn forget() {
    if let Some(storage) = storage() {
        _ = storage.remove_item(KEY);
    }
}

fn kept() -> Option<Code> {
    serde_json::from_str(&storage()?.get_item(KEY).ok()??).ok()
}

fn storage() -> Option<web_sys::Storage> {
    window().local_storage().ok()?
}

/// `/offline` as the server renders it: the words alone. The browser puts [`OfflineCode`] in its place.
#[component]
pub fn OfflinePage() -> impl IntoView {
    view! {
        <Title text=format!("{} · Kava", tr(TITLE))/>
        <main class="app__main" id="main">
            <EmptyState picture_name="cup" title=tr(TITLE) text=tr(LEAD) heading=1/>
        </main>
    }
}

/// The offline page in the browser: mounted, not hydrated, because it is shown for any address.
#[component]
pub fn OfflineCode() -> impl IntoView {
    let body = match kept() {
        Some(code) => {
            let first = code.clock.showing(js_sys::Date::now());
            view! {
                <div class="page page--narrow">
                    <div class="page__head"><h1>{tr(TITLE)}</h1><p>{tr(LEAD)}</p></div>
                    <CodeCard code=code first=first asked=None/>
                    <Again/>
                </div>
            }
            .into_any()
        }
        None => view! {
            <EmptyState picture_name="cup" title=tr(TITLE) text=tr(NO_CODE) heading=1><Again/></EmptyState>
        }
        .into_any(),
    };
    view! {
        <div class="app">
            <header class="app__bar">
                <span class="app__brand"><Logo/>"Kava"</span>
                <span class="app__end badge badge--warn">{icon(Icon::Offline)}{tr(TITLE)}</span>
            </header>
            <main class="app__main" id="main">{body}</main>
        </div>
    }
}

/// The address itself asks for the page again.
#[component]
fn Again() -> impl IntoView {
    let reload = |_| _ = window().location().reload();
    view! { <button class="button button--wide" type="button" on:click=reload>{tr(AGAIN)}</button> }
}
