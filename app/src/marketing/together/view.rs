//! Two tables: which categories, and which products, lie in one basket more often than chance would have them.

use contract::marketing::{BoughtTogether, TogetherRule};
use domain::Locale;
use leptos::prelude::*;

use super::api::{TogetherShown, together};
use crate::checkout::{OfficeFrame, ShutScreen};
use crate::fault::{Answer, Fault};
use crate::i18n::{Text, tr, use_locale};
use crate::marketing::state::{count, decimal, signed_percent};
use crate::ui::date;

const TITLE: Text = Text::new("Bought together", "Берут вместе");
const LEAD: Text = Text::new(
    "What lies in one basket more often than chance would have it. The first ones sell most beyond chance.",
    "Что оказывается в одной покупке чаще, чем случайно. Сначала то, что чаще всего продаётся сверх случая.",
);
const PRODUCTS: Text = Text::new("Products", "Товары");
const CATEGORIES: Text = Text::new("Categories", "Категории");
const SEEN: Text = Text::new("Who takes", "Кто берёт");
const EXPECTED: Text = Text::new("also takes", "берёт и");
const CONFIDENCE: Text = Text::new("How many of them", "Сколько из них");
const ANYWAY: Text = Text::new("Of all baskets", "Из всех покупок");
const LIFT: Text = Text::new("Times as often", "Во сколько раз чаще");
const BASKETS: Text = Text::new("Baskets with both", "Покупок с обоими");
const NONE: Text = Text::new("Nothing goes together beyond chance.", "Ничего не берут вместе чаще, чем случайно.");
const NOT_YET: Text = Text::new("Not worked out yet", "Ещё не посчитано");
const NOT_YET_HINT: Text = Text::new(
    "It is worked out every night from the baskets of the last year. To have it now:",
    "Считается каждую ночь по покупкам за год. Чтобы получить сейчас:",
);

/// `/marketing/together`
#[component]
pub fn TogetherPage() -> impl IntoView {
    let shown = Resource::new_blocking(|| (), |()| together());
    view! {
        <Suspense fallback=Waiting>
            {move || Suspend::new(async move { opened(shown.await) })}
        </Suspense>
    }
}

fn opened(shown: Result<Answer<TogetherShown>, Fault>) -> AnyView {
    match shown {
        Ok(Ok(TogetherShown { staff, together })) => {
            let body = match together {
                Some(together) => view! { <Found together/> }.into_any(),
                None => view! { <NotYet/> }.into_any(),
            };
            view! { <OfficeFrame title=TITLE staff=Some(staff)>{body}</OfficeFrame> }.into_any()
        }
        Ok(Err(refusal)) | Err(Fault(refusal)) => view! { <ShutScreen title=TITLE refusal/> }.into_any(),
    }
}

#[component]
fn Waiting() -> impl IntoView {
    view! {
        <OfficeFrame title=TITLE staff=None>
            <div class="page" aria-busy="true"><div class="skeleton skeleton--title"></div><div class="skeleton skeleton--card"></div></div>
        </OfficeFrame>
    }
}

#[component]
fn NotYet() -> impl IntoView {
    view! {
        <div class="page">
            <header class="page__head"><h1>{tr(TITLE)}</h1><p>{tr(LEAD)}</p></header>
            <section class="panel empty">
                <h2>{tr(NOT_YET)}</h2>
                <p>{tr(NOT_YET_HINT)}</p>
                <pre class="command"><code>"kava work --once baskets"</code></pre>
            </section>
        </div>
    }
}

#[component]
fn Found(together: BoughtTogether) -> impl IntoView {
    let locale = use_locale();
    view! {
        <div class="page">
            <header class="page__head">
                <h1>{tr(TITLE)}</h1>
                <p>{tr(LEAD)}</p>
                <p class="soft">{made_of(&together, locale)}</p>
            </header>
            <RuleTable id="categories" title=CATEGORIES rules=together.categories/>
            <RuleTable id="products" title=PRODUCTS rules=together.products/>
        </div>
    }
}

fn made_of(together: &BoughtTogether, locale: Locale) -> String {
    let (baskets, made) = (count(together.baskets, locale), date::moment(together.made_at, locale));
    match locale {
        Locale::En => {
            let words = locale.plural(together.baskets, ["basket", "baskets", "baskets"]);
            format!("From {baskets} {words} of the last year, {made}")
        }
        Locale::Ru => {
            let words = locale.plural(together.baskets, ["покупке", "покупкам", "покупкам"]);
            format!("По {baskets} {words} за год, {made}")
        }
    }
}

#[component]
fn RuleTable(id: &'static str, title: Text, rules: Vec<TogetherRule>) -> impl IntoView {
    let locale = use_locale();
    let heads = [(SEEN, ""), (EXPECTED, ""), (CONFIDENCE, "num"), (ANYWAY, "num"), (LIFT, "num"), (BASKETS, "num")];
    let heads = heads.map(|(head, class)| view! { <th scope="col" class=class>{tr(head)}</th> }).collect_view();
    let body = if rules.is_empty() {
        view! { <p class="soft">{tr(NONE)}</p> }.into_any()
    } else {
        let rows = rules.into_iter().map(|rule| {
            view! {
                <tr>
                    <th scope="row">{rule.seen.join(" + ")}</th>
                    <td>{rule.expected.join(" + ")}</td>
                    <td class="num">{signed_percent(i64::from(rule.confidence.bp()), locale)}</td>
                    <td class="num">{signed_percent(i64::from(rule.expected_anyway.bp()), locale)}</td>
                    <td class="num">{decimal(rule.lift, 1, locale)}</td>
                    <td class="num">{count(rule.baskets, locale)}</td>
                </tr>
            }
        });
        view! {
            <div class="panel panel--flush">
                <div class="table-wrap" role="region" aria-labelledby=id tabindex="0">
                    <table class="table"><thead><tr>{heads}</tr></thead><tbody>{rows.collect_view()}</tbody></table>
                </div>
            </div>
        }
        .into_any()
    };
    view! { <section class="stack"><h2 id=id>{tr(title)}</h2>{body}</section> }
}
