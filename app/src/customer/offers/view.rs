//! `/offers`

use contract::customer::{FeedEntry, FeedItem};
use domain::{Card, Currency};
use leptos::prelude::*;

use super::api::load_offers;
use crate::customer::frame::Column;
use crate::customer::home::picture_of;
use crate::i18n::{Text, tr, use_locale};
use crate::ui::{EmptyState, Icon, Tile, date, icon, loaded};

const TITLE: Text = Text::new("Offers and news", "Новости и предложения");
const LEAD: Text = Text::new("What is new for you, latest first.", "Что у вас нового, сначала свежее.");
const CARDS: Text = Text::new("New cards for you", "Новые карты для вас");
const CHOOSE: Text = Text::new("Choose yours", "Выбрать карту");
const BOUGHT: Text = Text::new("Your visit to", "Вы были в");
const PAID: Text = Text::new("Paid", "Оплачено");
const SAVED: Text = Text::new("saved", "сэкономлено");
const SEGMENT: Text = Text::new("You are now among:", "Теперь вы в группе:");
const SEGMENT_WHY: Text = Text::new(
    "It follows from how often you come and what you choose, and it shapes your next cards.",
    "Это следует из того, как часто вы приходите и что выбираете. От этого зависят следующие карты.",
);
const EMPTY: Text = Text::new("Nothing new yet", "Пока ничего нового");
const EMPTY_LEAD: Text = Text::new(
    "Your cards are on the home screen. After your first visit the story begins here.",
    "Карты ждут на главном экране. После первого визита здесь появится история.",
);

#[component]
pub fn OffersPage() -> impl IntoView {
    view! { <Column title=TITLE lead=LEAD><Feed/></Column> }
}

#[component]
fn Feed() -> impl IntoView {
    let feed = Resource::new(|| (), |()| load_offers());
    loaded(feed, skeleton, show)
}

fn skeleton() -> AnyView {
    view! {
        <div class="stack" aria-busy="true">
            <div class="skeleton skeleton--card"></div>
            <div class="skeleton skeleton--card"></div>
            <div class="skeleton skeleton--card"></div>
        </div>
    }
    .into_any()
}

fn show((currency, feed): (Currency, Vec<FeedEntry>)) -> AnyView {
    if feed.is_empty() {
        return view! { <EmptyState picture_name="latte" title=tr(EMPTY) text=tr(EMPTY_LEAD)/> }.into_any();
    }
    let entries = feed.into_iter().map(|entry| view! { <li class="panel feed">{show_entry(entry, currency)}</li> });
    view! { <ol class="stack">{entries.collect_view()}</ol> }.into_any()
}

fn show_entry(entry: FeedEntry, currency: Currency) -> AnyView {
    let locale = use_locale();
    let when = view! { <time class="soft" datetime=date::machine(entry.at)>{date::day(entry.at, locale)}</time> };
    match entry.what {
        FeedItem::CardsIssued { cards } => view! {
            <div class="feed__head"><span class="feed__icon">{icon(Icon::Offers)}</span><h2>{tr(CARDS)}</h2>{when}</div>
            <ul class="list">{cards.iter().map(show_card).collect_view()}</ul>
            <a class="button button--small" href="/">{tr(CHOOSE)}</a>
        }
        .into_any(),
        FeedItem::Purchase { store, total, saved } => view! {
            <div class="feed__head">
                <span class="feed__icon">{icon(Icon::Receipt)}</span>
                <h2>{tr(BOUGHT)}" "{store}</h2>
                {when}
            </div>
            <p>
                {tr(PAID)}" "{total.display(currency, locale)}
                {(!saved.is_zero()).then(|| view! {
                    " "<span class="badge badge--good">{tr(SAVED)}" "{saved.display(currency, locale)}</span>
                })}
            </p>
        }
        .into_any(),
        FeedItem::SegmentChanged { to, .. } => view! {
            <div class="feed__head">
                <span class="feed__icon">{icon(Icon::Group)}</span>
                <h2>{tr(SEGMENT)}" "{to.personal_words(locale).to_lowercase()}</h2>
                {when}
            </div>
            <p class="soft">{tr(SEGMENT_WHY)}</p>
        }
        .into_any(),
    }
}

fn show_card(card: &Card) -> AnyView {
    let locale = use_locale();
    let why = card.reasons.first().map(|reason| reason.words(locale));
    view! {
        <li class="list__row">
            <Tile name=picture_of(&card.scope) small=true/>
            <div class="list__main"><strong>{card.title(locale)}</strong>{why.map(|why| view! { <p>{why}</p> })}</div>
        </li>
    }
    .into_any()
}
