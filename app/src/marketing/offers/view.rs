//! The page: what offers bring, who made them lately, the terms, and the models.

use contract::offers::{OffersDashboard, OffersMade};
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::api::{OffersShown, offers};
use super::brought::Brought;
use super::models::Models;
use super::terms::{TermsForm, mode_words};
use crate::checkout::{OfficeFrame, ShutScreen};
use crate::fault::{Answer, Fault, key_words};
use crate::i18n::{Text, tr, use_locale};
use crate::marketing::section::TableSection;
use crate::marketing::state::{count, signed_percent};
use crate::ui::{Notice, Tone};

const TITLE: Text = Text::new("Personal offers", "Личные предложения");
const LEAD: Text = Text::new(
    "The smallest discount that changes a customer's mind: who decides it, what may be spent, and what it brings.",
    "Самая малая скидка, которая меняет решение гостя: кто её назначает, сколько можно потратить и что она приносит.",
);
const SAVED: Text = Text::new("The terms are saved.", "Условия сохранены.");
const TRAINING: Text =
    Text::new("Training has begun. Look again in a moment.", "Обучение началось. Обновите через минуту.");
const STOPPED: Text = Text::new("Training was asked to stop.", "Обучение остановлено.");
const USED: Text = Text::new("Another model is in use.", "Действует другая модель.");
const MADE: Text = Text::new("Offers of the last four weeks", "Предложения за четыре недели");
const BY: Text = Text::new("Decided by", "Кто решил");
const NOBODY: Text = Text::new("Nobody: held out", "Никто: контрольная группа");
const OFFERS: Text = Text::new("Offers", "Предложений");
const MEAN: Text = Text::new("Off the basket, on average", "В среднем с покупки");
const NONE: Text = Text::new("None were made.", "Не было.");

/// `/marketing/offers`
#[component]
pub fn OffersPage() -> impl IntoView {
    let shown = Resource::new_blocking(|| (), |()| offers());
    view! {
        <Suspense fallback=Waiting>
            {move || Suspend::new(async move { opened(shown.await) })}
        </Suspense>
    }
}

fn opened(shown: Result<Answer<OffersShown>, Fault>) -> AnyView {
    match shown {
        Ok(Ok(OffersShown { staff, dashboard })) => {
            view! { <OfficeFrame title=TITLE staff=Some(staff)><Dashboard dashboard/></OfficeFrame> }.into_any()
        }
        Ok(Err(refusal)) | Err(Fault(refusal)) => view! { <ShutScreen title=TITLE refusal/> }.into_any(),
    }
}

#[component]
fn Waiting() -> impl IntoView {
    view! {
        <OfficeFrame title=TITLE staff=None>
            <div class="page" aria-busy="true">
                <div class="skeleton skeleton--title"></div><div class="skeleton skeleton--card"></div>
            </div>
        </OfficeFrame>
    }
}

#[component]
fn Dashboard(dashboard: OffersDashboard) -> impl IntoView {
    let (terms, currency, made, stood_in) =
        (dashboard.terms, dashboard.currency, dashboard.made.clone(), dashboard.stood_in);
    view! {
        <div class="page">
            <header class="page__head"><h1>{tr(TITLE)}</h1><p>{tr(LEAD)}</p></header>
            <Happened/>
            <Brought dashboard=dashboard.clone()/>
            <Made made stood_in/>
            <TermsForm terms currency/>
            <Models dashboard/>
        </div>
    }
}

/// What the form that led here did.
#[component]
fn Happened() -> impl IntoView {
    let locale = use_locale();
    let query = use_query_map();
    query.with_untracked(|query| {
        if let Some(words) = query.get_str("refused").map(|key| key_words(key, locale)) {
            return Some(view! { <Notice tone=Tone::Error><p>{words}</p></Notice> }.into_any());
        }
        let done = [("saved", SAVED), ("training", TRAINING), ("stopped", STOPPED), ("used", USED)];
        let (_, words) = done.into_iter().find(|(key, _)| query.get_str(key).is_some())?;
        Some(view! { <Notice tone=Tone::Good><p>{tr(words)}</p></Notice> }.into_any())
    })
}

#[component]
fn Made(made: Vec<OffersMade>, stood_in: u64) -> impl IntoView {
    let locale = use_locale();
    if made.is_empty() {
        return view! {
            <section class="stack" aria-labelledby="made-title">
                <h2 id="made-title">{tr(MADE)}</h2>
                <p class="soft">{tr(NONE)}</p>
            </section>
        }
        .into_any();
    }
    let heads = vec![(BY, ""), (OFFERS, "num"), (MEAN, "num")];
    let rows = made.into_iter().map(|made| {
        view! {
            <tr>
                <th scope="row">{tr(made.by.map_or(NOBODY, mode_words))}</th>
                <td class="num">{count(made.offers, locale)}</td>
                <td class="num">{signed_percent(i64::from(made.mean.bp()), locale)}</td>
            </tr>
        }
    });
    let stood_in = (stood_in > 0).then(|| {
        let number = count(stood_in, locale);
        let words = match locale {
            domain::Locale::En => format!(
                "{number} of them are the segment's level where the model should have decided and could not. The log says why."
            ),
            domain::Locale::Ru => format!(
                "Из них {number}: уровень сегмента вместо модели, которая не смогла решить. Причина есть в журнале."
            ),
        };
        view! { <Notice tone=Tone::Warn><p>{words}</p></Notice> }
    });
    let rows = rows.collect_view();
    view! {
        <TableSection id="made" title=MADE heads>{rows}</TableSection>
        {stood_in}
    }
    .into_any()
}
