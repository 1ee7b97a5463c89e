//! The models that were learned: what each was judged to be, and which one decides.

use contract::offers::{ModelState, ModelVerdict, OfferModel, OfferPlan, OffersDashboard};
use domain::{Amount, Currency, Locale};
use leptos::prelude::*;
use leptos::server_fn::ServerFn;

use super::api::{BeginTraining, RollBackModel, StopTraining, UseModel};
use crate::fault;
use crate::i18n::{Text, tr, use_locale};
use crate::marketing::state::{count, decimal, signed_percent};
use crate::ui::{Notice, Tone, date};

const TITLE: Text = Text::new("Models", "Модели");
const HINT: Text = Text::new(
    "Learned from the log of offers by chance, and judged by customers that they have not seen. A new one is trained every week and \
     comes into use only where it is not worse.",
    "Учатся на журнале случайных предложений, а судят их по гостям, которых они не видели. Новая учится раз в неделю и вступает в \
     действие, только если она не хуже.",
);
const NONE: Text = Text::new(
    "None yet. Let chance decide for some weeks, then train one.",
    "Пока нет. Пусть несколько недель решает случай, затем обучите модель.",
);
const TRAIN: Text = Text::new("Train now", "Обучить сейчас");
const TRAINING: Text = Text::new("A model is being trained:", "Модель обучается:");
const STOP: Text = Text::new("Stop", "Остановить");
const AGAIN: Text = Text::new("Look again", "Обновить");
const VERSION: Text = Text::new("Model", "Модель");
const TRAINED: Text = Text::new("Trained", "Обучена");
const STATE: Text = Text::new("State", "Состояние");
const CUSTOMERS: Text = Text::new("Customers", "Гости");
const OFF: Text = Text::new("Foretells within", "Точность прогноза");
const GAIN: Text = Text::new("Gain over chance", "Выигрыш против случая");
const WEEKLY: Text = Text::new("a week", "в неделю");
const ACT: Text = Text::new("Action", "Действие");
const USE: Text = Text::new("Put in use", "Ввести в действие");
const ROLL_BACK: Text = Text::new("Roll back", "Вернуть прежнюю");
const DASH: Text = Text::new("\u{2013}", "\u{2013}");

const fn state_words(state: ModelState) -> Text {
    match state {
        ModelState::InUse => Text::new("in use", "действует"),
        ModelState::Shadow => Text::new("in the shadow", "в тени"),
        ModelState::Retired => Text::new("retired", "снята"),
        ModelState::Rejected => Text::new("rejected", "отклонена"),
    }
}

const fn verdict_words(verdict: ModelVerdict) -> Text {
    match verdict {
        ModelVerdict::Better => Text::new("pays", "окупается"),
        ModelVerdict::Worse => Text::new("does not pay", "не окупается"),
        ModelVerdict::NotDecidable => Text::new("cannot be told", "судить нельзя"),
    }
}

#[component]
pub fn Models(dashboard: OffersDashboard) -> impl IntoView {
    let locale = use_locale();
    let OffersDashboard { currency, plan, models, training, training_refused, .. } = dashboard;
    let may_roll_back = models.iter().any(|model| model.state == ModelState::Retired);
    let table = if models.is_empty() {
        view! { <p>{tr(NONE)}</p> }.into_any()
    } else {
        let heads =
            [(VERSION, ""), (TRAINED, ""), (STATE, ""), (CUSTOMERS, "num"), (OFF, "num"), (GAIN, "num"), (ACT, "")];
        let heads = heads.map(|(head, class)| view! { <th scope="col" class=class>{tr(head)}</th> }).collect_view();
        let rows = models.into_iter().map(|model| view! { <Row model currency/> }).collect_view();
        view! {
            <div class="panel panel--flush">
                <div class="table-wrap" role="region" aria-labelledby="models-title" tabindex="0">
                    <table class="table"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>
                </div>
            </div>
        }
        .into_any()
    };
    view! {
        <section class="stack" aria-labelledby="models-title">
            <h2 id="models-title">{tr(TITLE)}</h2>
            <p class="soft">{tr(HINT)}</p>
            {training.map(|done| view! { <Running done/> })}
            {training_refused.map(|refusal| view! {
                <Notice tone=Tone::Warn><p>{fault::words(&refusal, locale)}</p></Notice>
            })}
            {plan.map(|plan| view! { <p>{plan_words(&plan, currency, locale)}</p> })}
            {table}
            <div class="row">
                {training.is_none().then(|| view! {
                    <form method="post" action=BeginTraining::url()>
                        <button class="button button--small" type="submit">{tr(TRAIN)}</button>
                    </form>
                })}
                {may_roll_back.then(|| view! {
                    <form method="post" action=RollBackModel::url()>
                        <button class="button button--small button--quiet" type="submit">{tr(ROLL_BACK)}</button>
                    </form>
                })}
            </div>
        </section>
    }
}

#[component]
fn Running(done: f64) -> impl IntoView {
    let percent = signed_percent((done * 10_000.0).round() as i64, use_locale());
    view! {
        <Notice tone=Tone::Plain>
            <p>{tr(TRAINING)}" "{percent}</p>
            <form method="post" action=StopTraining::url() class="row">
                <button class="button button--small" type="submit">{tr(STOP)}</button>
                <a href="/marketing/offers" rel="external">{tr(AGAIN)}</a>
            </form>
        </Notice>
    }
}

#[component]
fn Row(model: OfferModel, currency: Currency) -> impl IntoView {
    let locale = use_locale();
    let gain = model.gain.map_or_else(
        || tr(DASH).to_owned(),
        |gain| format!("{} {}", Amount(gain.estimate.round() as i64).display(currency, locale), tr(WEEKLY)),
    );
    let is_in_use = model.state == ModelState::InUse;
    view! {
        <tr>
            <th scope="row">{model.version}</th>
            <td>{date::moment(model.trained_at, locale)}</td>
            <td>{tr(state_words(model.state))}</td>
            <td class="num">{count(model.customers, locale)}</td>
            <td class="num">{signed_percent((model.miscalibration * 10_000.0).round() as i64, locale)}</td>
            <td class="num">{gain}{model.verdict.map(|verdict| view! { <small class="verdict">{tr(verdict_words(verdict))}</small> })}</td>
            <td>
                {(!is_in_use).then(|| view! {
                    <form method="post" action=UseModel::url()>
                        <input type="hidden" name="version" value=model.version/>
                        <button class="button button--small button--quiet" type="submit">{tr(USE)}</button>
                    </form>
                })}
            </td>
        </tr>
    }
}

fn plan_words(plan: &OfferPlan, currency: Currency, locale: Locale) -> String {
    let (cost, gain) = (plan.cost.display(currency, locale), plan.gain.display(currency, locale));
    let (at, customers, price) =
        (date::moment(plan.at, locale), count(plan.customers, locale), decimal(plan.price, 2, locale));
    let weeks = plan.weeks;
    match locale {
        Locale::En => format!(
            "Planned {at} for {customers} customers and {weeks} weeks: cards cost {cost} and bring {gain} beyond that. One more unit of \
             budget would bring {price}."
        ),
        Locale::Ru => format!(
            "План от {at}, гостей {customers}, недель {weeks}: карты стоят {cost} и приносят сверх того {gain}. Ещё одна единица бюджета \
             принесла бы {price}."
        ),
    }
}
