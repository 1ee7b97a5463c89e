//! Taking the money, and what the purchase moved.

use contract::till::Session;
use domain::Locale;
use leptos::html::{Button, Input};
use leptos::prelude::*;

use super::desk::Desk;
use super::rows::totals;
use super::state::{Counter, Event, Payment, Place, Stage};
use super::words;
use crate::i18n::{Text, tr};
use crate::page::when_alive;
use crate::ui::{Icon, Notice, Tone, icon};

const TITLE: Text = Text::new("Payment", "Оплата");
const TO_PAY: Text = Text::new("To pay", "К оплате");
const RECEIPT: Text = Text::new("Receipt number", "Номер чека");
const RECEIPT_HINT: Text = Text::new(
    "Made for this till. Type the printed one if it differs.",
    "Создан для этой кассы. Если на чеке другой, введите его.",
);
const CONFIRM: Text = Text::new("Paid, close the purchase", "Оплачено, закрыть покупку");
const RETRY: Text = Text::new("Try again", "Повторить");
const BACK: Text = Text::new("Back to the basket", "Назад к корзине");
const CANCEL: Text = Text::new("Cancel purchase", "Отменить покупку");
const UNSURE: Text = Text::new(
    "The answer was lost, and the purchase may be recorded already. Trying again finds out and never counts it twice.",
    "Ответ потерялся, покупка могла уже записаться. Повтор это выяснит и дважды её не засчитает.",
);
const DONE: Text = Text::new("Purchase closed", "Покупка закрыта");
const SAVED_NOW: Text = Text::new("Saved today", "Сэкономлено сегодня");
const SAVED_IN_ALL: Text = Text::new("Saved in all", "Сэкономлено всего");
const PAID: Text = Text::new("Paid", "Оплачено");
const NEXT: Text = Text::new("Next customer", "Следующий гость");
const NEW_SEGMENT: Text = Text::new("New segment", "Новый сегмент");

fn payment(counter: &Counter) -> Option<Payment> {
    match &counter.stage {
        Stage::Paying(payment) => Some(payment.clone()),
        _ => None,
    }
}

#[component]
pub fn PaymentPart(desk: Desk) -> impl IntoView {
    let payment = desk.see(payment);
    let is = move |of: fn(&Payment) -> bool| move || payment.with(|payment| payment.as_ref().is_some_and(of));
    let sending = is(|payment| payment.sending);
    let unsure = is(|payment| payment.unsure);
    let ready = desk.see(|counter| counter.may_pay() || counter.is_unsure());
    let total = desk.see(|counter| totals(counter).total);
    let trouble = desk.see(|counter| counter.trouble_at(Place::Payment).or(counter.trouble_at(Place::Basket)).cloned());
    let locale = desk.locale;
    let confirm = NodeRef::<Button>::new();
    let receipt = NodeRef::<Input>::new();
    when_alive(move || {
        if let Some(button) = confirm.get_untracked() {
            _ = button.focus();
        }
    });
    let sent = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        // What stands in the field counts, also when a scanner's Enter was quicker than its input event.
        if let Some(field) = receipt.get_untracked() {
            desk.tell(Event::ReceiptTyped(field.value()));
        }
        desk.tell(Event::PaymentSent);
    };
    let escape = move |event: leptos::ev::KeyboardEvent| {
        if event.key() == "Escape" {
            desk.tell(Event::PaymentLeft);
        }
    };
    view! {
        <form class="till__payment" on:submit=sent on:keydown=escape>
            <h2 id="basket-title">{tr(TITLE)}</h2>
            <div>
                <p class="label">{tr(TO_PAY)}</p>
                <p class="till__sum">{move || desk.money(total.get())}</p>
            </div>
            {move || trouble.get().map(|refusal| view! {
                <Notice tone=Tone::Error><p>{words::of_refusal(&refusal, locale)}</p></Notice>
            })}
            {move || unsure().then(|| view! { <Notice tone=Tone::Warn><p>{tr(UNSURE)}</p></Notice> })}
            <div class="field">
                <label class="field__label" for="receipt">{tr(RECEIPT)}</label>
                <input
                    class="field__input"
                    id="receipt"
                    name="receipt"
                    type="text"
                    required
                    maxlength="64"
                    autocomplete="off"
                    spellcheck="false"
                    aria-describedby="receipt-hint"
                    readonly=move || sending() || unsure()
                    prop:value=move || payment.with(|payment| payment.as_ref().map(|payment| payment.receipt.clone()))
                    on:input=move |event| desk.tell(Event::ReceiptTyped(event_target_value(&event)))
                    node_ref=receipt
                />
                <span class="field__hint" id="receipt-hint">{tr(RECEIPT_HINT)}</span>
            </div>
            <div class="till__actions">
                <button
                    type="submit"
                    class="button button--primary button--wide"
                    disabled=move || sending() || !ready.get()
                    aria-busy=move || sending().then_some("true")
                    node_ref=confirm
                >
                    {move || tr(if unsure() { RETRY } else { CONFIRM })}
                </button>
                {move || if unsure() {
                    view! {
                        <button type="button" class="button button--danger button--wide" disabled=sending on:click=move |_| desk.tell(Event::CancelAsked)>{tr(CANCEL)}</button>
                    }.into_any()
                } else {
                    view! {
                        <button type="button" class="button button--quiet button--wide" disabled=sending on:click=move |_| desk.tell(Event::PaymentLeft)>{tr(BACK)}</button>
                    }.into_any()
                }}
            </div>
        </form>
    }
}

fn sold(counter: &Counter) -> Option<Box<Session>> {
    match &counter.stage {
        Stage::Sold(session) => Some(session.clone()),
        _ => None,
    }
}

#[component]
pub fn Sold(desk: Desk) -> impl IntoView {
    let session = desk.see(sold);
    let button = NodeRef::<Button>::new();
    when_alive(move || {
        if let Some(button) = button.get_untracked() {
            _ = button.focus();
        }
    });
    view! {
        <div class="till__sold">
            <div class="till__done">
                <span class="till__tick">{icon(Icon::Check)}</span>
                <div role="status"><h2 id="basket-title">{tr(DONE)}</h2></div>
            </div>
            {move || session.get().map(|session| view! { <SoldFigures desk session=*session/> })}
            <button type="button" class="button button--primary button--wide" node_ref=button on:click=move |_| desk.tell(Event::NextCustomer)>
                {tr(NEXT)}
            </button>
        </div>
    }
}

#[component]
fn SoldFigures(desk: Desk, session: Session) -> impl IntoView {
    let name = session.customer.as_ref().map(|customer| customer.display_name.clone());
    let saved = session.savings.map(|savings| savings.amount);
    let moved = session.segment_changed.flatten().map(|change| match desk.locale {
        Locale::En => {
            format!("From \u{201c}{}\u{201d} to \u{201c}{}\u{201d}: {}", change.from, change.to, change.reason)
        }
        Locale::Ru => format!("Из «{}» в «{}»: {}", change.from, change.to, change.reason),
    });
    view! {
        {name.map(|name| view! { <p class="till__name">{name}</p> })}
        <dl class="totals">
            <div><dt>{tr(RECEIPT)}</dt><dd>{session.receipt_number}</dd></div>
            {(!session.discount.is_zero()).then(|| view! {
                <div class="totals__discount"><dt>{tr(SAVED_NOW)}</dt><dd>{desk.money(session.discount)}</dd></div>
            })}
            {saved.map(|saved| view! { <div><dt>{tr(SAVED_IN_ALL)}</dt><dd>{desk.money(saved)}</dd></div> })}
            <div class="totals__total"><dt>{tr(PAID)}</dt><dd>{desk.money(session.total)}</dd></div>
        </dl>
        {moved.map(|words| view! {
            <Notice tone=Tone::Good><p class="notice__title">{tr(NEW_SEGMENT)}</p><p>{words}</p></Notice>
        })}
    }
}
