//! What offers bring, against customers who are held out for good; and what the page says where that cannot be told.

use contract::offers::{OffersBrought, OffersDashboard, Range};
use domain::{Amount, Currency, Locale};
use leptos::prelude::*;

use crate::i18n::{Text, tr, use_locale};
use crate::marketing::state::{count, share_bp, signed_percent};
use crate::ui::{Notice, Tone, date};

const TITLE: Text = Text::new("What offers bring", "Что приносят предложения");
const EFFECT: Text = Text::new("Margin beyond no offers", "Маржа сверх той, что без предложений");
const EACH: Text = Text::new("a customer, 95 %:", "на гостя, 95 %:");
const TO: Text = Text::new("to", "до");
const OFFERED: Text = Text::new("With offers", "С предложениями");
const HELD_OUT: Text = Text::new("Held out", "Контрольная группа");
const MARGIN_EACH: Text = Text::new("margin each", "маржи на гостя");
const SPENT: Text = Text::new("Cards took off", "Карты сняли");
const OF_BUDGET: Text = Text::new("of the budget", "бюджета");
const NO_LIMIT: Text = Text::new("no budget set", "бюджет не задан");
const NOBODY: Text = Text::new(
    "Nobody is held out, so it cannot be known what offers bring. Hold out a few percent below.",
    "Контрольной группы нет, поэтому неизвестно, что приносят предложения. Задайте несколько процентов ниже.",
);
const TOO_FEW: Text = Text::new(
    "Too few customers are held out yet to say what offers bring: 50 in each group are needed.",
    "В группах пока слишком мало гостей, чтобы судить: нужно по 50 в каждой.",
);
const UNEVEN: Text = Text::new(
    "The two groups are not as large as chance would have them. Do not believe these figures before it is known why.",
    "Размеры групп не такие, какими их сделал бы случай. Не верьте этим цифрам, пока причина не найдена.",
);
const LOOKS: Text = Text::new(
    "Whoever looks every day and decides when it looks good goes by this interval:",
    "Кто смотрит каждый день и решает, когда станет хорошо, пусть смотрит на этот интервал:",
);

/// A mean of minor units, to the unit.
fn money(minor: f64, currency: Currency, locale: Locale) -> String {
    Amount(minor.round() as i64).display(currency, locale)
}

fn interval(range: Range, currency: Currency, locale: Locale) -> String {
    format!("{} {} {}", money(range.low, currency, locale), tr(TO), money(range.high, currency, locale))
}

#[component]
pub fn Brought(dashboard: OffersDashboard) -> impl IntoView {
    let locale = use_locale();
    let OffersDashboard { currency, terms, from, until, spent, brought, .. } = dashboard;
    let figure = |words: Text, value: String, beside: String| {
        view! {
            <div class="panel headline__figure">
                <dt class="label">{tr(words)}</dt>
                <dd class="figure-number">{value}</dd>
                <dd class="soft">{beside}</dd>
            </div>
        }
    };
    let effect = brought.effect.map(|effect| {
        let beside = format!("{} {}", tr(EACH), interval(effect, currency, locale));
        figure(EFFECT, money(effect.estimate, currency, locale), beside)
    });
    let group = |margin: Amount| format!("{} {}", margin.display(currency, locale), tr(MARGIN_EACH));
    let budget = match terms.budget {
        Some(budget) if budget.minor() > 0 => {
            let share = signed_percent(share_bp(spent.minor(), budget.minor()), locale);
            format!("{share} {}", tr(OF_BUDGET))
        }
        Some(budget) => format!("{} {}", budget.display(currency, locale), tr(OF_BUDGET)),
        None => tr(NO_LIMIT).to_owned(),
    };
    view! {
        <section class="stack" aria-labelledby="brought-title">
            <h2 id="brought-title">{tr(TITLE)}</h2>
            <p class="soft">{period(from, until, locale)}</p>
            {warning(&brought, terms.held_out.bp() == 0)}
            <dl class="headline">
                {effect}
                {figure(OFFERED, count(brought.offered, locale), group(brought.margin_offered))}
                {figure(HELD_OUT, count(brought.held_out, locale), group(brought.margin_held_out))}
                {figure(SPENT, spent.display(currency, locale), budget)}
            </dl>
            {brought.at_every_look.map(|range| view! {
                <p class="soft">{tr(LOOKS)}" "{interval(range, currency, locale)}"."</p>
            })}
        </section>
    }
}

fn warning(brought: &OffersBrought, nobody: bool) -> Option<AnyView> {
    let (tone, words) = match brought {
        _ if nobody => (Tone::Plain, NOBODY),
        OffersBrought { is_parted_by_chance: false, .. } => (Tone::Warn, UNEVEN),
        OffersBrought { effect: None, .. } => (Tone::Plain, TOO_FEW),
        OffersBrought { .. } => return None,
    };
    Some(view! { <Notice tone><p>{tr(words)}</p></Notice> }.into_any())
}

fn period(from: chrono::DateTime<chrono::Utc>, until: chrono::DateTime<chrono::Utc>, locale: Locale) -> String {
    let (from, until) = (date::day(from, locale), date::day(until, locale));
    match locale {
        Locale::En => {
            format!("The period from {from} to {until}; margin after discount, of customers who were there before it.")
        }
        Locale::Ru => format!("Период с {from} до {until}; маржа после скидок, по гостям, которые были и раньше."),
    }
}
