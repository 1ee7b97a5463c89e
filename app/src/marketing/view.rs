//! Who the customers are, what they bring, and what discounts leave of the margin.

use std::collections::BTreeMap;

use contract::marketing::{
    FitProgress, FitStage, LeadingComponent, LifetimeAccuracy, ModelSummary, SegmentDashboard, SegmentHabits,
    SegmentWorth,
};
use domain::Locale;
use domain::segment::Drift;
use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos_router::hooks::use_query_map;

use super::api::{SegmentsShown, StopFit, segments};
use super::beside::BesideTable;
use super::division::{DivisionForm, WaysIn};
use super::habits::HabitsTable;
use super::section::TableSection;
use super::state::{count, decimal, share_bp, signed_percent, strongest_categories};
use super::table::SegmentTable;
use crate::checkout::{OfficeFrame, ShutScreen};
use crate::fault::{Answer, Fault, key_words, words};
use crate::i18n::{Text, tr, use_locale};
use crate::ui::chart::{Bar, BarChart, Bubble, BubbleChart, Stack, StackChart, TONES};
use crate::ui::{Notice, Tone, date};

const TITLE: Text = Text::new("Segments", "Сегменты");
const LEAD: Text = Text::new(
    "Groups of customers who behave alike, what they bring, and what is left after discounts.",
    "Группы гостей с похожим поведением: что они приносят и что остаётся после скидок.",
);
const CUSTOMERS: Text = Text::new("Customers", "Гости");
const REVENUE: Text = Text::new("Revenue", "Выручка");
const DISCOUNT: Text = Text::new("Discounts given", "Выдано скидок");
const OF_SHELF: Text = Text::new("of shelf prices", "от обычных цен");
const SEGMENTS: Text = Text::new("Segments", "Сегменты");
const SEPARATION: Text = Text::new("separation", "разделимость");
const STABILITY: Text = Text::new("stability", "устойчивость");
const READING: Text =
    Text::new("New segments are being fitted. Customers read:", "Строятся новые сегменты. Прочитано гостей:");
const LEARNING: Text = Text::new(
    "New segments are being fitted. Numbers of segments tried:",
    "Строятся новые сегменты. Испробовано вариантов числа сегментов:",
);
const PLACING: Text =
    Text::new("New segments are in use. Customers placed in them:", "Новые сегменты действуют. Распределено гостей:");
const SAVED: Text =
    Text::new("Saved. It counts from the next fit on.", "Сохранено. Действует со следующего построения.");
const BEGUN: Text = Text::new(
    "A fit was begun. This page says how far it is when you look again.",
    "Построение началось. Обновите страницу, чтобы увидеть, как оно идёт.",
);
const STOP: Text = Text::new("Stop", "Остановить");
const AGAIN: Text = Text::new("Look again", "Обновить");
const SEGMENT: Text = Text::new("Segment", "Сегмент");
const STILL: Text = Text::new("Still customers", "Ещё с нами");
const TO_COME: Text = Text::new("Purchases in 12 months", "Покупок за 12 месяцев");
const WORTH_EACH: Text = Text::new("Worth each", "Ценность гостя");
const WORTH: Text = Text::new("From now on", "Что впереди");
const WORTH_HINT: Text = Text::new(
    "Foretold for the next twelve months; worth is what is earned of it, at today's value.",
    "Прогноз на двенадцать месяцев; ценность: сколько на этом будет заработано, в сегодняшних деньгах.",
);
const OWN: Text = Text::new("foretold by itself", "свой прогноз");
const DRIFT: Text = Text::new(
    "Customers are not quite those of the fit before. Moved most:",
    "Гости уже не совсем те, что при прошлом построении. Сильнее всего сдвинулось:",
);
const DRIFT_ALARM: Text = Text::new(
    "Customers have changed a lot since the fit before, so segments may mean something else now. Moved most:",
    "Гости сильно изменились с прошлого построения, сегменты могут означать уже другое. Сильнее всего сдвинулось:",
);
const DRIFTED: [Text; 5] = [
    Text::new("days since the last visit", "давность визита"),
    Text::new("number of visits", "число визитов"),
    Text::new("spend", "траты"),
    Text::new("average basket", "средний чек"),
    Text::new("sizes of the segments", "размеры сегментов"),
];
const REVENUE_BARS: Text = Text::new("Revenue by segment", "Выручка по сегментам");
const REVENUE_HINT: Text =
    Text::new("What members paid, returns taken off.", "Сколько заплатили гости, за вычетом возвратов.");
const MARGIN_BARS: Text = Text::new("Margin after discount", "Маржа после скидок");
const MARGIN_HINT: Text = Text::new(
    "Share of revenue that is left after cost, over products whose cost is known.",
    "Доля выручки за вычетом себестоимости, по товарам с известной себестоимостью.",
);
const BUBBLES: Text = Text::new("How lately and how often", "Как давно и как часто");
const BUBBLES_HINT: Text = Text::new(
    "A circle is a segment; its area is revenue. Top left come often and were here lately.",
    "Круг: сегмент, площадь: выручка. Слева вверху приходят часто и были недавно.",
);
const RECENCY: Text = Text::new("Days since the last visit", "Дней с последнего визита");
const FREQUENCY: Text = Text::new("Visits", "Визиты");
const COMPOSITION: Text = Text::new("What they buy", "Что они покупают");
const COMPOSITION_HINT: Text = Text::new(
    "The strongest categories of each segment, by share of spend.",
    "Главные категории каждого сегмента по доле трат.",
);
// Not "Other": shops have a category of that name.
const REST: Text = Text::new("Smaller categories", "Остальные категории");
const NO_MODEL: Text = Text::new("No segments yet", "Сегментов пока нет");
const NO_MODEL_HINT: Text = Text::new(
    "Segments come from recorded purchases. When there are some, fit the first model with:",
    "Сегменты строятся по покупкам. Когда покупки есть, постройте первую модель командой:",
);
const APART: Text = Text::new("What tells orders apart:", "Чем отличаются заказы:");
const AGAINST: Text = Text::new("against", "против");
const UNKNOWN: Text = Text::new("not known", "нет данных");
const TABLE: Text = Text::new("In figures", "В цифрах");

/// `/marketing/segments`
#[component]
pub fn SegmentsPage() -> impl IntoView {
    let shown = Resource::new_blocking(|| (), |()| segments());
    view! {
        <Suspense fallback=Waiting>
            {move || Suspend::new(async move { opened(shown.await) })}
        </Suspense>
    }
}

fn opened(shown: Result<Answer<SegmentsShown>, Fault>) -> AnyView {
    match shown {
        Ok(Ok(shown)) => view! {
            <OfficeFrame title=TITLE staff=Some(shown.staff)><Dashboard dashboard=shown.dashboard origin=shown.origin/></OfficeFrame>
        }
        .into_any(),
        Ok(Err(refusal)) | Err(Fault(refusal)) => view! { <ShutScreen title=TITLE refusal/> }.into_any(),
    }
}

#[component]
fn Waiting() -> impl IntoView {
    view! {
        <OfficeFrame title=TITLE staff=None>
            <div class="page" aria-busy="true">
                <div class="skeleton skeleton--title"></div>
                <div class="grid"><div class="skeleton skeleton--card"></div><div class="skeleton skeleton--card"></div></div>
            </div>
        </OfficeFrame>
    }
}

#[component]
fn Dashboard(dashboard: SegmentDashboard, origin: String) -> impl IntoView {
    let locale = use_locale();
    let model = dashboard.model.clone();
    let body = match (&model, dashboard.rows.is_empty()) {
        (Some(_), false) => view! { <Fitted dashboard=dashboard.clone()/> }.into_any(),
        _ => view! { <Unfitted/> }.into_any(),
    };
    let (division, is_fitting, refused) =
        (dashboard.division, dashboard.fitting.is_some(), dashboard.fit_refused.clone());
    let (ways_in, invited) = (dashboard.ways_in.clone(), dashboard.invited);
    let prospects = model.as_ref().and_then(|model| model.prospects);
    view! {
        <div class="page">
            <header class="page__head">
                <h1>{tr(TITLE)}</h1>
                <p>{tr(LEAD)}</p>
                {model.as_ref().map(|model| view! { <p class="soft">{model_words(model, locale)}</p> })}
            </header>
            {dashboard.fitting.map(|fitting| view! { <Fitting fitting/> })}
            {model.and_then(|model| model.drift).and_then(|drift| drift_notice(&drift, locale))}
            {happened(locale)}
            {refused.map(|refusal| view! { <Notice tone=Tone::Warn><p>{words(&refusal, locale)}</p></Notice> })}
            <Headline dashboard/>
            {body}
            <DivisionForm division is_fitting/>
            <WaysIn ways_in invited prospects origin/>
        </div>
    }
}

/// What the form that led here did.
fn happened(locale: Locale) -> Option<AnyView> {
    use_query_map().with_untracked(|query| {
        if let Some(words) = query.get_str("refused").map(|key| key_words(key, locale)) {
            return Some(view! { <Notice tone=Tone::Error><p>{words}</p></Notice> }.into_any());
        }
        let (_, words) =
            [("saved", SAVED), ("begun", BEGUN)].into_iter().find(|(key, _)| query.get_str(key).is_some())?;
        Some(view! { <Notice tone=Tone::Good><p>{tr(words)}</p></Notice> }.into_any())
    })
}

fn model_words(model: &ModelSummary, locale: Locale) -> String {
    let fitted = date::moment(model.fitted_at, locale);
    let samples = count(model.samples, locale);
    let mut separation = format!("{} {}", tr(SEPARATION), decimal(model.silhouette, 2, locale));
    if let Some(stability) = model.stability {
        separation.push_str(&format!(", {} {}", tr(STABILITY), decimal(stability, 2, locale)));
    }
    match locale {
        Locale::En => {
            let people = locale.plural(model.samples, ["customer", "customers", "customers"]);
            format!("Model {}, fitted {fitted} from {samples} {people}, {separation}", model.version)
        }
        Locale::Ru => {
            let people = locale.plural(model.samples, ["гостю", "гостям", "гостям"]);
            format!("Модель {} от {fitted}, по {samples} {people}, {separation}", model.version)
        }
    }
}

/// A fit that is running: how far it is, and a way to stop it. A plain form: the page says where it was when it was made.
#[component]
fn Fitting(fitting: FitProgress) -> impl IntoView {
    let locale = use_locale();
    let stage = match fitting.stage {
        FitStage::Reading => READING,
        FitStage::Learning => LEARNING,
        FitStage::Placing => PLACING,
    };
    let done = match fitting.of {
        0 => count(fitting.done, locale),
        of => format!("{} / {}", count(fitting.done, locale), count(of, locale)),
    };
    view! {
        <Notice tone=Tone::Plain>
            <p>{tr(stage)}" "{done}</p>
            <form method="post" action=StopFit::url() class="row">
                <button class="button button--small" type="submit">{tr(STOP)}</button>
                <a href="/marketing/segments" rel="external">{tr(AGAIN)}</a>
            </form>
        </Notice>
    }
}

/// Said only where it matters; the index of what moved most with it.
fn drift_notice(drift: &Drift, locale: Locale) -> Option<AnyView> {
    let worst = drift.worst();
    if worst < Drift::NOTICED {
        return None;
    }
    let (tone, words) = if worst < Drift::ALARM { (Tone::Plain, DRIFT) } else { (Tone::Warn, DRIFT_ALARM) };
    let Drift { recency, frequency, monetary, average_order, segments } = *drift;
    let moved = [recency, frequency, monetary, average_order, segments].iter().position(|x| *x >= worst)?;
    let words = format!("{} {} ({}).", tr(words), tr(DRIFTED[moved]), decimal(worst, 2, locale));
    Some(view! { <Notice tone><p>{words}</p></Notice> }.into_any())
}

#[component]
fn Headline(dashboard: SegmentDashboard) -> impl IntoView {
    let locale = use_locale();
    let money = |amount: domain::Amount| amount.display(dashboard.currency, locale);
    let shelf = dashboard.revenue + dashboard.discount;
    let rate = share_bp(dashboard.discount.minor(), shelf.minor());
    let figure = |words: Text, value: String, beside: Option<String>| {
        view! {
            <div class="panel headline__figure">
                <dt class="label">{tr(words)}</dt>
                <dd class="figure-number">{value}</dd>
                {beside.map(|beside| view! { <dd class="soft">{beside}</dd> })}
            </div>
        }
    };
    let segments = u64::try_from(dashboard.rows.len()).unwrap_or(u64::MAX);
    view! {
        <dl class="headline">
            {figure(CUSTOMERS, count(dashboard.customers, locale), None)}
            {figure(REVENUE, money(dashboard.revenue), None)}
            {figure(DISCOUNT, money(dashboard.discount), Some(format!("{} {}", signed_percent(rate, locale), tr(OF_SHELF))))}
            {figure(SEGMENTS, count(segments, locale), None)}
        </dl>
    }
}

#[component]
fn Unfitted() -> impl IntoView {
    view! {
        <section class="panel empty">
            <h2>{tr(NO_MODEL)}</h2>
            <p>{tr(NO_MODEL_HINT)}</p>
            <pre class="command"><code>"kava work --once segment"</code></pre>
        </section>
    }
}

/// What a member of each segment is worth from now on, and how far such forecasts can be trusted.
#[component]
fn WorthTable(
    rows: Vec<(String, SegmentWorth)>,
    #[prop(optional_no_strip)] accuracy: Option<LifetimeAccuracy>,
    currency: domain::Currency,
) -> impl IntoView {
    let locale = use_locale();
    let heads = vec![(SEGMENT, ""), (STILL, "num"), (TO_COME, "num"), (WORTH_EACH, "num")];
    let trusted = accuracy.map(|accuracy| trusted(&accuracy, locale)).unwrap_or_default();
    let hint = format!("{} {trusted}", tr(WORTH_HINT));
    let rows = rows.into_iter().map(|(name, worth)| {
        view! {
            <tr>
                <th scope="row">{name}{worth.is_own.then(|| view! { <small class="verdict">{tr(OWN)}</small> })}</th>
                <td class="num">{worth.alive.display(locale)}</td>
                <td class="num">{decimal(worth.purchases, 1, locale)}</td>
                <td class="num">{worth.value.display(currency, locale)}</td>
            </tr>
        }
    });
    let rows = rows.collect_view();
    view! { <TableSection id="worth" title=WORTH hint heads>{rows}</TableSection> }
}

fn trusted(accuracy: &LifetimeAccuracy, locale: Locale) -> String {
    let number = |x: f64| decimal(x, 2, locale);
    let (weeks, error, rates) =
        (decimal(accuracy.weeks, 0, locale), number(accuracy.error), number(accuracy.error_of_rates));
    match locale {
        Locale::En => format!(
            "The last {weeks} weeks, foretold from those before: {error} purchases off a customer; everybody going on as before \
             would have been {rates} off."
        ),
        Locale::Ru => format!(
            "Проверка на последних неделях ({weeks}): ошибка {error} покупки на гостя; если бы все ходили как раньше, она была бы {rates}."
        ),
    }
}

/// `coffee against cakes (62 %); tea against coffee, beans (21 %).`
fn leading_words(leading: &[LeadingComponent], locale: Locale) -> Option<String> {
    let told = leading.iter().take(3).map(|component| {
        let side = |titles: &[String]| titles.join(", ").to_lowercase();
        let (more, less) = (side(&component.more), side(&component.less));
        let sides = if less.is_empty() { more } else { format!("{more} {} {less}", tr(AGAINST)) };
        format!("{sides} ({})", signed_percent(i64::from(component.explained.bp()), locale))
    });
    let told: Vec<String> = told.collect();
    (!told.is_empty()).then(|| format!("{}.", told.join("; ")))
}

#[component]
fn Fitted(dashboard: SegmentDashboard) -> impl IntoView {
    let locale = use_locale();
    let currency = dashboard.currency;
    let rows = &dashboard.rows;
    let name = |index: usize| format!("{}. {}", index + 1, rows[index].name.words(locale));
    let revenue: Vec<Bar> = rows
        .iter()
        .enumerate()
        .map(|(index, row)| Bar {
            label: name(index),
            value: row.revenue.minor() as f64,
            text: format!(
                "{} \u{b7} {}",
                row.revenue.display(currency, locale),
                signed_percent(share_bp(row.revenue.minor(), dashboard.revenue.minor()), locale)
            ),
        })
        .collect();
    let margin: Vec<Bar> = rows
        .iter()
        .enumerate()
        .map(|(index, row)| Bar {
            label: name(index),
            value: row.margin_after_discount_bp.unwrap_or(0) as f64,
            text: row.margin_after_discount_bp.map_or_else(|| tr(UNKNOWN).to_owned(), |bp| signed_percent(bp, locale)),
        })
        .collect();
    // Newcomers have bought nothing yet: they have no place between the axes.
    let bubbles: Vec<Bubble> = rows
        .iter()
        .map(|row| Bubble {
            label: row.name.words(locale),
            x: row.recency_days,
            y: row.frequency,
            size: row.revenue.minor() as f64,
            text: row.revenue.display(currency, locale),
        })
        .collect();
    let worth: Vec<(String, SegmentWorth)> =
        rows.iter().enumerate().filter_map(|(index, row)| Some((name(index), row.worth?))).collect();
    let worth = (!worth.is_empty()).then_some(worth);
    let lifetime = dashboard.lifetime;
    let habits: Vec<(String, SegmentHabits)> = rows
        .iter()
        .enumerate()
        .filter(|(_, row)| row.frequency > 0.0)
        .map(|(index, row)| (name(index), row.habits))
        .collect();
    let mut series = strongest_categories(rows, TONES - 1);
    let rest = series.len();
    let stacks: Vec<Stack> = rows
        .iter()
        .enumerate()
        .map(|(index, row)| {
            let mut shares: BTreeMap<usize, i64> = BTreeMap::new();
            for (category, rate) in &row.composition {
                let at = series.iter().position(|known| known == category).unwrap_or(rest);
                *shares.entry(at).or_default() += i64::from(rate.bp());
            }
            let part = |(at, bp): (usize, i64)| (at, bp as f64 / 10_000.0, signed_percent(bp, locale));
            Stack { label: name(index), parts: shares.into_iter().map(part).collect() }
        })
        .collect();
    if stacks.iter().flat_map(|stack| &stack.parts).any(|(at, _, _)| *at == rest) {
        series.push(tr(REST).to_owned());
    }
    let (beside, customers) = (dashboard.model.as_ref().and_then(|model| model.beside.clone()), dashboard.customers);
    let apart = dashboard.model.as_ref().and_then(|model| leading_words(&model.leading, locale));
    let apart = apart.map(|words| view! { <p class="soft">{tr(APART)}" "{words}</p> });
    view! {
        <div class="charts">
            <div class="panel"><BarChart title=tr(REVENUE_BARS) description=tr(REVENUE_HINT) bars=revenue/></div>
            <div class="panel"><BarChart title=tr(MARGIN_BARS) description=tr(MARGIN_HINT) bars=margin/></div>
            <div class="panel">
                <BubbleChart title=tr(BUBBLES) description=tr(BUBBLES_HINT) x_title=tr(RECENCY) y_title=tr(FREQUENCY) bubbles/>
            </div>
            <div class="panel"><StackChart title=tr(COMPOSITION) description=tr(COMPOSITION_HINT) series stacks/>{apart}</div>
        </div>
        <section class="stack" aria-labelledby="figures-title">
            <h2 id="figures-title">{tr(TABLE)}</h2>
            <div class="panel panel--flush"><SegmentTable dashboard/></div>
        </section>
        <HabitsTable rows=habits/>
        {worth.map(|rows| view! { <WorthTable rows accuracy=lifetime currency/> })}
        {beside.map(|beside| view! { <BesideTable beside customers currency/> })}
    }
}
