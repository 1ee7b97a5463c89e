//! Who stands at the counter: one field that every scanner types into, the camera, the customer and their cards.

use contract::till::{CardView, ProductView};
use domain::CardId;
use leptos::html::Input;
use leptos::prelude::*;
use wasm_bindgen::JsCast;

use super::desk::Desk;
use super::state::{AtTheCounter, Event, Place};
use super::{browser, words};
use crate::i18n::{Text, tr};
use crate::page::when_alive;
use crate::ui::date;
use crate::ui::{Icon, Notice, Tone, icon};

const CODE: Text = Text::new("Customer code", "Код гостя");
const CODE_HINT: Text = Text::new("Scan or type", "Скан или ввод");
const FIND: Text = Text::new("Find", "Найти");
const CAMERA: Text = Text::new("Scan with the camera", "Сканировать камерой");
const CAMERA_OFF: Text = Text::new("Switch the camera off", "Выключить камеру");
const CAMERA_DENIED: Text = Text::new(
    "The browser may not use the camera. Allow it in the address bar, or type the code.",
    "Браузеру не разрешена камера. Разрешите её в адресной строке или введите код.",
);
const NO_CAMERA: Text = Text::new("There is no camera to scan with.", "Камеры нет.");
const CUSTOMER: Text = Text::new("Customer", "Гость");
const NOBODY: Text = Text::new(
    "Nobody yet. A purchase without a customer is sold at shelf prices.",
    "Пока никого. Без гостя покупка идёт по обычным ценам.",
);
const LOOKING: Text = Text::new("Looking up the code…", "Ищем гостя…");
const LEAVE: Text = Text::new("Take the customer off", "Убрать гостя");
const CARDS: Text = Text::new("Cards", "Карты");
const NO_CARDS: Text = Text::new("No card to redeem today.", "Сегодня карт нет.");
const SAVED: Text = Text::new("saved so far", "сэкономлено");
const UNTIL: Text = Text::new("until", "до");
const THEIRS: Text = Text::new("customer\u{2019}s choice", "выбор гостя");

#[component]
pub fn CustomerPart(desk: Desk, code_field: NodeRef<Input>, products: Vec<ProductView>) -> impl IntoView {
    let customer = desk.see(|counter| counter.customer.clone());
    let looking = desk.see(super::state::Counter::is_identifying);
    let trouble = desk.see(|counter| counter.trouble_at(Place::Code).cloned());
    let locale = desk.locale;
    let products = StoredValue::new(products);
    let scanned = move |text: String| {
        let text = text.trim();
        let product =
            products.with_value(|products| products.iter().find(|p| p.sku.eq_ignore_ascii_case(text)).cloned());
        desk.tell(match product {
            Some(product) => Event::Added { sku: product.sku, name: product.name, price: product.price },
            None => Event::CodeEntered(text.to_owned()),
        });
    };
    view! {
        <section class="till__who" aria-labelledby="who-title">
            <h2 class="visually-hidden" id="who-title">{tr(CUSTOMER)}</h2>
            <CodeField field=code_field scanned=Callback::new(scanned)/>
            {move || trouble.get().map(|refusal| view! {
                <Notice tone=Tone::Error><p>{words::of_refusal(&refusal, locale)}</p></Notice>
            })}
            <div class="till__customer" aria-live="polite">
                {move || match (looking.get(), customer.get()) {
                    (true, _) => view! { <p class="soft" aria-busy="true">{tr(LOOKING)}</p> }.into_any(),
                    (false, Some(customer)) => view! { <Known desk customer/> }.into_any(),
                    (false, None) => view! { <p class="soft">{tr(NOBODY)}</p> }.into_any(),
                }}
            </div>
        </section>
    }
}

#[component]
fn CodeField(field: NodeRef<Input>, scanned: Callback<String>) -> impl IntoView {
    let has_camera = RwSignal::new(false);
    let camera = RwSignal::new(false);
    let camera_trouble = RwSignal::new(None::<Text>);
    when_alive(move || {
        has_camera.set(browser::reads_codes());
        if let Some(field) = field.get_untracked() {
            _ = field.focus();
        }
    });
    let entered = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        if let Some(field) = field.get_untracked() {
            let text = field.value();
            field.set_value("");
            _ = field.focus();
            if !text.trim().is_empty() {
                scanned.run(text);
            }
        }
    };
    let seen = move |event: web_sys::CustomEvent| {
        if let Some(text) = event.detail().as_string() {
            camera.set(false);
            scanned.run(text);
        }
    };
    let ended = move |event: web_sys::CustomEvent| {
        camera.set(false);
        camera_trouble.set(match event.detail().as_string().as_deref() {
            Some("denied") => Some(CAMERA_DENIED),
            Some("no-camera") => Some(NO_CAMERA),
            _ => None,
        });
    };
    let switch = move |_| {
        camera_trouble.set(None);
        browser::load_scanner();
        camera.update(|on| *on = !*on);
    };
    view! {
        <form class="till__code" on:submit=entered>
            <label class="field__label" for="code">{tr(CODE)}</label>
            <div class="row row--nowrap">
                <input
                    class="field__input"
                    id="code"
                    name="code"
                    type="text"
                    autocomplete="off"
                    autocapitalize="characters"
                    spellcheck="false"
                    enterkeyhint="search"
                    maxlength="128"
                    placeholder=tr(CODE_HINT)
                    node_ref=field
                />
                <button type="submit" class="button button--primary">{tr(FIND)}</button>
                {move || has_camera.get().then(|| {
                    let words = move || tr(if camera.get() { CAMERA_OFF } else { CAMERA });
                    view! {
                        <button type="button" class="icon-button till__camera" aria-pressed=move || camera.get().to_string()
                            aria-label=words title=words on:click=switch>{icon(Icon::Camera)}</button>
                    }
                })}
            </div>
        </form>
        {move || camera.get().then(|| view! {
            <kava-scan class="till__scan" on:kavacode=seen on:kavaend=ended></kava-scan>
        })}
        {move || camera_trouble.get().map(|text| view! { <Notice tone=Tone::Warn><p>{tr(text)}</p></Notice> })}
    }
}

#[component]
fn Known(desk: Desk, customer: AtTheCounter) -> impl IntoView {
    let who = customer.who;
    let saved = desk.money(who.savings.amount);
    let in_use = desk.see(super::state::Counter::card_in_use);
    let cards = who.cards;
    let initial: String =
        who.customer.display_name.chars().next().map(|c| c.to_uppercase().collect()).unwrap_or_default();
    view! {
        <div class="till__known">
            <span class="till__initial" aria-hidden="true">{initial}</span>
            <div>
                <p class="till__name">{who.customer.display_name}</p>
                <p class="soft till__about">
                    <span>{who.customer.segment}</span>
                    <span>" \u{b7} "{saved}" "{tr(SAVED)}</span>
                </p>
            </div>
            <button
                type="button"
                class="icon-button"
                aria-label=tr(LEAVE)
                title=tr(LEAVE)
                on:click=move |_| desk.tell(Event::CustomerLeft)
            >
                {icon(Icon::Close)}
            </button>
        </div>
        {if cards.is_empty() {
            view! { <p class="soft">{tr(NO_CARDS)}</p> }.into_any()
        } else {
            view! { <Cards desk cards in_use/> }.into_any()
        }}
    }
}

#[component]
fn Cards(desk: Desk, cards: Vec<CardView>, in_use: Memo<Option<CardId>>) -> impl IntoView {
    let locale = desk.locale;
    let picked = move |event: leptos::ev::Event| {
        let value =
            event.target().and_then(|target| target.dyn_into::<web_sys::HtmlInputElement>().ok()).map(|i| i.value());
        if let Some(card) = value.and_then(|value| value.parse().ok()) {
            desk.tell(Event::CardPicked(card));
        }
    };
    let card = move |card: CardView| {
        let id = card.id;
        let reason = card.reasons.into_iter().next();
        view! {
            <label class="till-card">
                <input
                    type="radio"
                    name="card"
                    value=id.to_string()
                    prop:checked=move || in_use.get() == Some(id)
                    on:change=picked
                />
                <span class="till-card__dot" aria-hidden="true"></span>
                <span class="till-card__words">
                    <strong>{card.title}</strong>
                    <small>
                        {reason.map(|reason| format!("{reason} \u{b7} "))}
                        {tr(UNTIL)}" "{date::day(card.valid_until, locale)}
                        {card.active.then(|| format!(" \u{b7} {}", tr(THEIRS)))}
                    </small>
                </span>
            </label>
        }
    };
    view! {
        <fieldset class="till__cards">
            <legend class="label">{tr(CARDS)}</legend>
            {cards.into_iter().map(card).collect_view()}
        </fieldset>
    }
}
