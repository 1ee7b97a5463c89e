//! The three cards, one of them active. Radios in a form: they work by keyboard, by voice and without JavaScript.

use domain::{Card, CardScope, Locale};
use leptos::form::ActionForm;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use super::api::ChooseCard;
use crate::customer::sign_in::told;
use crate::i18n::{Text, tr};
use crate::ui::{Notice, SubmitButton, Tile, Tone, date};

const TITLE: Text = Text::new("Your cards", "Ваши карты");
const LEAD: Text = Text::new(
    "One is active at a time. Switch before you pay, as often as you like.",
    "Действует одна. Меняйте до оплаты сколько угодно.",
);
const BASKET: Text = Text::new("off your basket", "на всю покупку");
const UNTIL: Text = Text::new("until", "до");
const ACTIVE: Text = Text::new("Active", "Действует");
const CHOOSE: Text = Text::new("Choose", "Выбрать");
const USE: Text = Text::new("Use this card", "Включить карту");
const NONE: Text = Text::new(
    "No cards just now. You will see here when there are some.",
    "Сейчас карт нет. Когда появятся, вы увидите их здесь.",
);

/// A card in words. The server says them, so that the browser needs neither the calendar nor the grammar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    id: String,
    active: bool,
    picture: String,
    rate: String,
    subject: String,
    reasons: Vec<String>,
    /// In words, and for `<time datetime>`.
    until: (String, String),
}

impl Offer {
    #[must_use]
    pub fn of(card: &Card, locale: Locale) -> Self {
        let subject = match card.scope {
            CardScope::Basket => BASKET.of(locale).to_owned(),
            CardScope::Category(_) | CardScope::Product(_) => card.subject.clone(),
        };
        Self {
            id: card.id.to_string(),
            active: card.active,
            picture: picture_of(&card.scope),
            rate: format!("\u{2212}{}", card.rate.display(locale)),
            subject,
            reasons: card.reasons.iter().map(|reason| reason.words(locale)).collect(),
            until: (
                format!("{} {}", UNTIL.of(locale), date::day(card.valid_until, locale)),
                date::machine(card.valid_until),
            ),
        }
    }
}

#[island]
pub fn Cards(cards: Vec<Offer>, refused: Option<String>) -> impl IntoView {
    let choose = ServerAction::<ChooseCard>::new();
    let none = cards.is_empty();
    let before = cards.iter().find(|card| card.active).map(|card| card.id.clone()).unwrap_or_default();
    // The choice as the customer sees it: at once, and back again when the shop refuses.
    let chosen = RwSignal::new(before.clone());
    let kept = StoredValue::new(before);
    Effect::new(move |_| match choose.value().get() {
        Some(Ok(Ok(active))) => {
            kept.set_value(active.clone());
            chosen.set(active);
        }
        Some(_) => chosen.set(kept.get_value()),
        None => {}
    });
    let refused = told(refused, move || choose.value().get());
    view! {
        <section class="stack" aria-labelledby="cards-title">
            <div class="page__head">
                <h2 id="cards-title">{tr(TITLE)}</h2>
                <p>{if none { tr(NONE) } else { tr(LEAD) }}</p>
            </div>
            {move || refused.get().map(|words| view! { <Notice tone=Tone::Error><p>{words}</p></Notice> })}
            <ActionForm action=choose attr:class="stack">
                <div class="offers" role="radiogroup" aria-labelledby="cards-title">
                    {cards.into_iter().map(|card| view! { <CardChoice card=card chosen=chosen choose=choose/> }).collect_view()}
                </div>
                {(!none).then(|| view! {
                    <div class="plain-only"><SubmitButton label=tr(USE) look="button--primary button--wide"/></div>
                })}
            </ActionForm>
        </section>
    }
}

#[component]
fn CardChoice(card: Offer, chosen: RwSignal<String>, choose: ServerAction<ChooseCard>) -> impl IntoView {
    let id = card.id;
    let is_chosen = {
        let id = id.clone();
        Memo::new(move |_| chosen.with(|chosen| *chosen == id))
    };
    let on_change = {
        let id = id.clone();
        move |_| {
            chosen.set(id.clone());
            choose.dispatch(ChooseCard { card: id.clone() });
        }
    };
    let reasons = card.reasons.into_iter().map(|reason| view! { <li>{reason}</li> }).collect_view();
    let (until, until_machine) = card.until;
    view! {
        <label class="offer">
            <input
                class="offer__radio"
                type="radio"
                name="card"
                value=id
                checked=card.active
                prop:checked=move || is_chosen.get()
                on:change=on_change
            />
            <Tile name=card.picture/>
            <span class="offer__words">
                <span class="offer__rate">{card.rate}</span>
                <span class="offer__subject">{card.subject}</span>
                <ul class="offer__why">{reasons}</ul>
                <span class="offer__foot">
                    <span class="offer__state offer__state--on">{tr(ACTIVE)}</span>
                    <span class="offer__state offer__state--off">{tr(CHOOSE)}</span>
                    <time class="soft" datetime=until_machine>{until}</time>
                </span>
            </span>
        </label>
    }
}

/// The drawing of what a card is good for.
pub fn picture_of(scope: &CardScope) -> String {
    match scope {
        CardScope::Basket => "bag".to_owned(),
        CardScope::Category(category) => category.to_string(),
        CardScope::Product(sku) => sku.as_str().to_owned(),
    }
}
