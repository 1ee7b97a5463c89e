//! `/`

use contract::customer::Home;
use leptos::prelude::*;
use leptos_meta::Title;

use super::api::load_home;
use super::cards::{Cards, Offer};
use super::code::CodeCard;
use super::landing::Landing;
use super::state::{Clock, Code, Showing};
use crate::customer::frame::{Frame, refused};
use crate::i18n::{Text, tr, use_locale};
use crate::page::use_page;
use crate::ui::{Icon, icon, loaded};

const HELLO: Text = Text::new("Hello", "Здравствуйте");
const SHOW: Text = Text::new("Show this code before you pay.", "Покажите этот код до оплаты.");
const SAVED: Text = Text::new("You have saved", "Вы сэкономили");
const VISITS: [Text; 3] = [Text::new("visit", "визит"), Text::new("visits", "визита"), Text::new("visits", "визитов")];
const NO_VISITS: Text = Text::new("Starts with your first purchase", "Начнётся с первой покупки");

#[component]
pub fn HomePage() -> impl IntoView {
    let signed_in = use_page().signed_in;
    view! {
        <Title text="Kava"/>
        <Frame>
            {if signed_in { view! { <HomeView/> }.into_any() } else { view! { <Landing/> }.into_any() }}
        </Frame>
    }
}

#[component]
fn HomeView() -> impl IntoView {
    let home = Resource::new(|| (), |()| load_home());
    loaded(home, skeleton, show)
}

fn skeleton() -> AnyView {
    view! {
        <div class="page home" aria-busy="true">
            <div class="home__head page__head"><div class="skeleton skeleton--title"></div></div>
            <div class="home__code"><div class="skeleton skeleton--code"></div></div>
            <div class="home__rest stack">
                <div class="skeleton skeleton--card"></div>
                <div class="skeleton skeleton--card"></div>
                <div class="skeleton skeleton--card"></div>
            </div>
        </div>
    }
    .into_any()
}

fn show(home: Home) -> AnyView {
    let locale = use_locale();
    let now = home.now.timestamp_millis();
    let code = Code {
        static_code: home.static_code,
        handle: home.code_handle,
        secret: home.code_secret,
        clock: Clock::default(),
    };
    let offers: Vec<Offer> = home.cards.iter().map(|card| Offer::of(card, locale)).collect();
    let hello = match home.display_name.trim() {
        "" => tr(HELLO).to_owned(),
        name => format!("{}, {name}", tr(HELLO)),
    };
    let saved = home.savings.display(home.currency, locale);
    let visits = match home.visits {
        0 => tr(NO_VISITS).to_owned(),
        n => format!("{n} {}", locale.plural(u64::from(n), VISITS.map(|text| text.of(locale)))),
    };
    view! {
        <div class="page home">
            <div class="home__head page__head">
                <h1>{hello}</h1>
                <p>{tr(SHOW)}</p>
            </div>
            <div class="home__code stack">
                <CodeCard code=code first=Showing::at(now) asked=Some(now)/>
                <a class="panel saved" href="/savings">
                    <span class="saved__leaf">{icon(Icon::Savings)}</span>
                    <span class="saved__words">
                        <span class="label">{tr(SAVED)}</span>
                        <strong class="figure-number">{saved}</strong>
                    </span>
                    <span class="saved__visits">{visits}{icon(Icon::Forward)}</span>
                </a>
            </div>
            <div class="home__rest"><Cards cards=offers refused=refused()/></div>
        </div>
    }
    .into_any()
}
