//! What density sees beside the segments: niches of customers who are much alike, and those who stand apart.

use contract::marketing::{NicheRow, SegmentNiches};
use domain::{Currency, Locale};
use leptos::prelude::*;

use super::section::TableSection;
use super::state::{count, decimal, share_bp, signed_percent};
use crate::i18n::{Text, tr, use_locale};

const TITLE: Text = Text::new("Niches and outliers", "Ниши и исключения");
const NICHE: Text = Text::new("Niche", "Ниша");
const CUSTOMERS: Text = Text::new("Customers", "Гости");
const LAST_SEEN: Text = Text::new("Days since the last visit", "Дней с последнего визита");
const VISITS: Text = Text::new("Visits", "Визиты");
const BASKET: Text = Text::new("Average basket", "Средний чек");
const REVENUE: Text = Text::new("Revenue", "Выручка");
const APART: Text = Text::new("Stand apart", "Сами по себе");

#[component]
pub fn NichesTable(niches: SegmentNiches, customers: u64, currency: Currency) -> impl IntoView {
    let locale = use_locale();
    let hint = hint(&niches, locale);
    let heads =
        vec![(NICHE, ""), (CUSTOMERS, "num"), (LAST_SEEN, "num"), (VISITS, "num"), (BASKET, "num"), (REVENUE, "num")];
    let row = move |name: String, row: NicheRow| {
        let whole = i64::try_from(customers).unwrap_or(i64::MAX);
        let share = signed_percent(share_bp(i64::try_from(row.size).unwrap_or(i64::MAX), whole), locale);
        view! {
            <tr>
                <th scope="row">{name}</th>
                <td class="num">{count(row.size, locale)}<small class="verdict">{share}</small></td>
                <td class="num">{decimal(row.recency_days, 0, locale)}</td>
                <td class="num">{decimal(row.frequency, 1, locale)}</td>
                <td class="num">{row.average_basket.display(currency, locale)}</td>
                <td class="num">{row.revenue.display(currency, locale)}</td>
            </tr>
        }
    };
    let named = niches.niches.into_iter().map(|niche| {
        let name = niche.name.words(locale);
        row(name, niche)
    });
    let rows = named.collect_view();
    let apart = niches.apart.map(|apart| row(tr(APART).to_owned(), apart));
    view! { <TableSection id="niches" title=TITLE hint heads>{rows}{apart}</TableSection> }
}

fn hint(niches: &SegmentNiches, locale: Locale) -> String {
    let (found, agreement) = (count(niches.found.into(), locale), decimal(niches.agreement, 2, locale));
    match locale {
        Locale::En => format!(
            "Segments divide everybody; this is where customers crowd, however few they are (DBSCAN, {found} found). How far both agree: \
             {agreement}, where 1 is the same and 0 is chance."
        ),
        Locale::Ru => format!(
            "Сегменты делят всех; а здесь места, где гости похожи друг на друга, сколько бы их ни было (DBSCAN, найдено {found}). Насколько \
             оба деления согласны: {agreement}, где 1: одно и то же, 0: случайно."
        ),
    }
}
