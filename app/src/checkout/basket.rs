//! The basket: its lines, what each costs and why, and the totals.

use domain::session::MAX_QUANTITY;
use leptos::prelude::*;

use super::desk::Desk;
use super::payment::{PaymentPart, Sold};
use super::rows::{Row, Why, rows, totals};
use super::state::{Counter, Event, Place, Stage};
use super::{browser, words};
use crate::i18n::{Text, tr};
use crate::ui::{Icon, Notice, Tone, icon};

const TITLE: Text = Text::new("Basket", "Корзина");
const EMPTY: Text = Text::new("Tap a product to begin.", "Нажмите на товар, чтобы начать.");
const LESS: Text = Text::new("One less", "На один меньше");
const MORE: Text = Text::new("One more", "На один больше");
const REMOVE: Text = Text::new("Remove", "Убрать");
const QUANTITY: Text = Text::new("Quantity", "Количество");
const WHY: Text = Text::new("Why this discount?", "Почему такая скидка?");
const WHY_NOT: Text = Text::new("Why no discount?", "Почему нет скидки?");
const SUBTOTAL: Text = Text::new("Shelf prices", "По обычным ценам");
const DISCOUNT: Text = Text::new("Discount", "Скидка");
const TOTAL: Text = Text::new("To pay", "К оплате");
const UPDATING: Text = Text::new("Working out the price…", "Считаем цену…");
const PAY: Text = Text::new("Pay", "Оплатить");
const CANCEL: Text = Text::new("Cancel purchase", "Отменить");
const CANCELLING: Text = Text::new("Cancelling…", "Отменяем…");
const RETRY: Text = Text::new("Try again", "Повторить");
const OFF: Text = Text::new("off", "скидка");

#[derive(Clone, Copy, PartialEq, Eq)]
enum Showing {
    Selling,
    Paying,
    Cancelling,
    Sold,
}

fn showing(counter: &Counter) -> Showing {
    match counter.stage {
        Stage::Selling => Showing::Selling,
        Stage::Paying(_) => Showing::Paying,
        Stage::Cancelling { .. } => Showing::Cancelling,
        Stage::Sold(_) => Showing::Sold,
    }
}

#[component]
pub fn Basket(desk: Desk) -> impl IntoView {
    let stage = desk.see(showing);
    view! {
        <section class="till__basket" aria-labelledby="basket-title">
            {move || match stage.get() {
                Showing::Sold => view! { <Sold desk/> }.into_any(),
                Showing::Paying => view! { <PaymentPart desk/> }.into_any(),
                Showing::Selling => view! { <OpenBasket desk/> }.into_any(),
                Showing::Cancelling => view! { <p class="till__empty soft" aria-busy="true">{tr(CANCELLING)}</p> }.into_any(),
            }}
        </section>
    }
}

#[component]
fn OpenBasket(desk: Desk) -> impl IntoView {
    let rows = desk.see(rows);
    let count = desk.see(|counter| totals(counter).items);
    let begun = desk.see(|counter| !counter.lines.is_empty() || counter.customer.is_some());
    let locale = desk.locale;
    view! {
        <header class="till__head">
            <h2 id="basket-title">{tr(TITLE)}</h2>
            <p class="soft">{move || (count.get() > 0).then(|| words::items(count.get(), locale))}</p>
            <button
                type="button"
                class="button button--quiet button--small"
                disabled=move || !begun.get()
                on:click=move |_| desk.tell(Event::CancelAsked)
            >
                {tr(CANCEL)}
            </button>
        </header>
        {move || rows.with(Vec::is_empty).then(|| view! { <p class="till__empty soft">{tr(EMPTY)}</p> })}
        <ol class="till__lines">
            <For each=move || rows.get() key=|row| row.sku.clone() let:row>
                <Line desk rows sku=row.sku name=row.name/>
            </For>
        </ol>
        <Foot desk/>
    }
}

/// One line. It stays in the page while its figures change, so that the focus stays on its buttons.
#[component]
fn Line(desk: Desk, rows: Memo<Vec<Row>>, sku: String, name: String) -> impl IntoView {
    let sku = StoredValue::new(sku);
    let row =
        Memo::new(move |_| rows.with(|rows| sku.with_value(|sku| rows.iter().find(|row| row.sku == *sku).cloned())));
    let figure =
        move |of: fn(&Row) -> domain::Amount| move || row.with(|row| row.as_ref().map(|row| desk.money(of(row))));
    let quantity = move || row.with(|row| row.as_ref().map_or(0, |row| row.quantity));
    // Here, not in the view: there a `>` outside braces would end the tag.
    let full = move || quantity() >= MAX_QUANTITY;
    let set = move |quantity: u32| desk.tell(Event::QuantitySet { sku: sku.get_value(), quantity });
    let reduced = Memo::new(move |_| row.with(|row| row.as_ref().is_some_and(|row| !row.discount.is_zero())));
    let typed = move |event: leptos::ev::Event| {
        if let Ok(quantity) = event_target_value(&event).trim().parse::<u32>() {
            set(quantity);
        }
    };
    let named = move |action: Text| format!("{}: {name}", tr(action));
    let (less, more, remove, amount) = (named(LESS), named(MORE), named(REMOVE), named(QUANTITY));
    let title = rows.with_untracked(|rows| {
        sku.with_value(|sku| rows.iter().find(|row| row.sku == *sku).map(|row| row.name.clone()))
    });
    view! {
        <li class="till-line">
            <div class="till-line__top">
                <p class="till-line__name">{title}</p>
                <p class="price">
                    <span class="price__now">{figure(|row| row.total)}</span>
                    {move || reduced.get().then(|| view! { <s class="price__was">{figure(|row| row.subtotal)}</s> })}
                </p>
            </div>
            <div class="till-line__bottom">
                <div class="stepper">
                    <button type="button" class="icon-button" aria-label=less on:click=move |_| set(quantity().saturating_sub(1))>
                        {icon(Icon::Minus)}
                    </button>
                    <input
                        class="stepper__figure"
                        type="text"
                        inputmode="numeric"
                        maxlength="4"
                        aria-label=amount
                        prop:value=move || quantity().to_string()
                        on:change=typed
                    />
                    <button
                        type="button"
                        class="icon-button"
                        aria-label=more
                        disabled=full
                        on:click=move |_| set(quantity() + 1)
                    >
                        {icon(Icon::Plus)}
                    </button>
                </div>
                <span class="soft">"\u{d7} "{figure(|row| row.unit_price)}</span>
                <button type="button" class="icon-button till-line__remove" aria-label=remove on:click=move |_| set(0)>
                    {icon(Icon::Close)}
                </button>
            </div>
            {move || row.with(|row| row.clone().filter(|row| !row.why.is_empty())).map(|row| view! { <WhyLine desk row/> })}
        </li>
    }
}

#[component]
fn WhyLine(desk: Desk, row: Row) -> impl IntoView {
    let title = if row.discount.is_zero() { WHY_NOT } else { WHY };
    let reasons = row.why.into_iter().map(move |why| match why {
        Why::Card { title, reasons, amount, .. } => view! {
            <li>
                <strong>{format!("\u{2212}{}", desk.money(amount))}</strong>" "{title}
                {(!reasons.is_empty()).then(|| view! {
                    <ul class="why__reasons">{reasons.into_iter().map(|reason| view! { <li>{reason}</li> }).collect_view()}</ul>
                })}
            </li>
        }
        .into_any(),
        Why::Clipped { desired, granted } => view! { <li>{clipped(desk, desired, granted)}</li> }.into_any(),
    });
    view! {
        <details class="why">
            <summary>{tr(title)}</summary>
            <ul>{reasons.collect_view()}</ul>
        </details>
    }
}

/// What the margin floor did, in words.
fn clipped(desk: Desk, desired: domain::Amount, granted: domain::Amount) -> String {
    let (desired, some) = (desk.money(desired), !granted.is_zero());
    let granted = desk.money(granted);
    match (desk.locale, some) {
        (domain::Locale::En, true) => {
            format!(
                "The card would take {desired} off. We give {granted}: less would not leave the margin this product needs."
            )
        }
        (domain::Locale::En, false) => {
            format!("The card would take {desired} off, but this product is already sold at its lowest price.")
        }
        (domain::Locale::Ru, true) => {
            format!("По карте вышло бы {desired}. Даём {granted}: ниже не остаётся нужной наценки.")
        }
        (domain::Locale::Ru, false) => {
            format!("По карте вышло бы {desired}, но этот товар уже продаётся по самой низкой цене.")
        }
    }
}

#[component]
fn Foot(desk: Desk) -> impl IntoView {
    let totals = desk.see(totals);
    let settled = desk.see(Counter::is_settled);
    let may_pay = desk.see(Counter::may_pay);
    let trouble = desk.see(|counter| counter.trouble_at(Place::Basket).cloned());
    let degraded = desk.see(|counter| counter.quote.as_ref().is_some_and(|quote| quote.degraded.is_some()));
    let locale = desk.locale;
    let pay = move |_| desk.tell(Event::PaymentOpened { receipt: browser::receipt_number() });
    let discount = move || Some(totals.get().discount).filter(|discount| !discount.is_zero());
    view! {
        <footer class="till__foot">
            {move || trouble.get().map(|refusal| view! {
                <Notice tone=Tone::Error>
                    <p>{words::of_refusal(&refusal, locale)}</p>
                    <button type="button" class="button button--small" on:click=move |_| desk.tell(Event::QuoteWanted)>{tr(RETRY)}</button>
                    {refusal.is("unauthenticated").then(|| view! { " "<a href="/staff">"/staff"</a> })}
                </Notice>
            })}
            {move || degraded.get().then(|| view! { <Notice tone=Tone::Warn><p>{tr(words::degraded())}</p></Notice> })}
            <dl class="totals" aria-busy=move || (!settled.get()).to_string()>
                {move || discount().map(|discount| view! {
                    <div><dt>{tr(SUBTOTAL)}</dt><dd>{desk.money(totals.get().subtotal)}</dd></div>
                    <div class="totals__discount"><dt>{tr(DISCOUNT)}</dt><dd>{format!("\u{2212}{}", desk.money(discount))}</dd></div>
                })}
                <div class="totals__total"><dt>{tr(TOTAL)}</dt><dd>{move || desk.money(totals.get().total)}</dd></div>
            </dl>
            <p class="visually-hidden" role="status">
                {move || if settled.get() { spoken(desk, totals.get()) } else { tr(UPDATING).to_owned() }}
            </p>
            <button type="button" class="button button--primary button--wide" disabled=move || !may_pay.get() on:click=pay>
                {tr(PAY)}" "{move || desk.money(totals.get().total)}
            </button>
        </footer>
    }
}

fn spoken(desk: Desk, totals: super::rows::Totals) -> String {
    let mut text = format!("{} {}", tr(TOTAL), desk.money(totals.total));
    if !totals.discount.is_zero() {
        text.push_str(&format!(", {} {}", tr(OFF), desk.money(totals.discount)));
    }
    text
}
