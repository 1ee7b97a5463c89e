//! `/savings`

use contract::customer::{Purchase, SavingsPage as Savings};
use domain::Currency;
use leptos::prelude::*;

use super::api::load_savings;
use crate::customer::frame::Column;
use crate::i18n::{Text, tr, use_locale};
use crate::ui::{EmptyState, date, loaded};

const TITLE: Text = Text::new("Savings", "Экономия");
const LEAD: Text =
    Text::new("What your cards took off, receipt by receipt.", "Сколько сняли ваши карты, чек за чеком.");
const TOTAL: Text = Text::new("Saved so far", "Всего сэкономлено");
const PURCHASES: Text = Text::new("Your purchases", "Ваши покупки");
const RECEIPT: Text = Text::new("Receipt", "Чек");
const THINGS: [Text; 3] = [Text::new("item", "товар"), Text::new("items", "товара"), Text::new("items", "товаров")];
const SAVED: Text = Text::new("saved", "сэкономлено");
const CANCELLED: Text = Text::new("cancelled, does not count", "отменён, не считается");
const EMPTY: Text = Text::new("The jar is still empty", "Копилка пока пуста");
const EMPTY_LEAD: Text = Text::new(
    "Show your code with your next coffee and the first saving lands here.",
    "Покажите код со следующим кофе, и первая экономия появится здесь.",
);
const TO_CODE: Text = Text::new("Show my code", "Показать код");

#[component]
pub fn SavingsPage() -> impl IntoView {
    view! { <Column title=TITLE lead=LEAD><Purchases/></Column> }
}

#[component]
fn Purchases() -> impl IntoView {
    let savings = Resource::new(|| (), |()| load_savings());
    loaded(savings, skeleton, show)
}

fn skeleton() -> AnyView {
    view! {
        <div class="stack" aria-busy="true">
            <div class="skeleton skeleton--card"></div>
            <div class="skeleton skeleton--line"></div>
            <div class="skeleton skeleton--line"></div>
            <div class="skeleton skeleton--line"></div>
        </div>
    }
    .into_any()
}

fn show(savings: Savings) -> AnyView {
    let locale = use_locale();
    let total = savings.saved.display(savings.currency, locale);
    let body = if savings.purchases.is_empty() {
        view! {
            <EmptyState picture_name="beans" title=tr(EMPTY) text=tr(EMPTY_LEAD)>
                <a class="button button--primary" href="/">{tr(TO_CODE)}</a>
            </EmptyState>
        }
        .into_any()
    } else {
        let rows = savings.purchases.into_iter().map(|purchase| show_purchase(purchase, savings.currency));
        view! {
            <section class="stack" aria-labelledby="purchases">
                <h2 id="purchases">{tr(PURCHASES)}</h2>
                <ul class="panel list purchases">{rows.collect_view()}</ul>
            </section>
        }
        .into_any()
    };
    view! {
        <div class="panel panel--good jar">
            <span class="label">{tr(TOTAL)}</span>
            <strong class="figure-number jar__total">{total}</strong>
        </div>
        {body}
    }
    .into_any()
}

fn show_purchase(purchase: Purchase, currency: Currency) -> AnyView {
    let locale = use_locale();
    let items = locale.plural(u64::from(purchase.items), THINGS.map(|text| text.of(locale)));
    let gain = if purchase.cancelled {
        view! { <span class="badge">{tr(CANCELLED)}</span> }.into_any()
    } else if purchase.saved.is_zero() {
        ().into_any()
    } else {
        view! {
            <span class="badge badge--good">{tr(SAVED)}" "{purchase.saved.display(currency, locale)}</span>
        }
        .into_any()
    };
    view! {
        <li class="list__row purchase" class:purchase--cancelled=purchase.cancelled>
            <div class="list__main">
                <strong>{purchase.store}</strong>
                <p>
                    <time datetime=date::machine(purchase.at)>{date::day_and_year(purchase.at, locale)}</time>
                    " · "{purchase.items}" "{items}" · "{tr(RECEIPT)}" "{purchase.receipt_number}
                </p>
            </div>
            <div class="list__end purchase__sum">
                <span class="purchase__total">{purchase.total.display(currency, locale)}</span>
                {gain}
            </div>
        </li>
    }
    .into_any()
}
