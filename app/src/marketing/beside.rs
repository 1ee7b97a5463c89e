//! How the other method divides the same customers, beside the segments in use.

use contract::marketing::{GroupRow, OtherDivision};
use domain::{Currency, Locale, SegmentMethod};
use leptos::prelude::*;

use super::section::TableSection;
use super::state::{count, decimal, share_bp, signed_percent};
use crate::i18n::{Text, tr, use_locale};

const NICHES: Text = Text::new("Niches and outliers", "Ниши и исключения");
const DIVIDED: Text = Text::new("Everybody divided", "Если делить всех");
const GROUP: Text = Text::new("Group", "Группа");
const CUSTOMERS: Text = Text::new("Customers", "Гости");
const LAST_SEEN: Text = Text::new("Days since the last visit", "Дней с последнего визита");
const VISITS: Text = Text::new("Visits", "Визиты");
const BASKET: Text = Text::new("Average basket", "Средний чек");
const REVENUE: Text = Text::new("Revenue", "Выручка");
const APART: Text = Text::new("Stand apart", "Сами по себе");

#[component]
pub fn BesideTable(beside: OtherDivision, customers: u64, currency: Currency) -> impl IntoView {
    let locale = use_locale();
    let hint = hint(&beside, locale);
    let heads =
        vec![(GROUP, ""), (CUSTOMERS, "num"), (LAST_SEEN, "num"), (VISITS, "num"), (BASKET, "num"), (REVENUE, "num")];
    let row = move |name: String, row: GroupRow| {
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
    let named = beside.groups.into_iter().map(|group| {
        let name = group.name.words(locale);
        row(name, group)
    });
    let rows = named.collect_view();
    let title = match beside.method {
        SegmentMethod::Dbscan => NICHES,
        SegmentMethod::KMeans => DIVIDED,
    };
    let apart = beside.apart.map(|apart| row(tr(APART).to_owned(), apart));
    view! { <TableSection id="beside" title hint heads>{rows}{apart}</TableSection> }
}

fn hint(beside: &OtherDivision, locale: Locale) -> String {
    let found = count(beside.found.into(), locale);
    let (agreement, silhouette) = (decimal(beside.agreement, 2, locale), decimal(beside.silhouette, 2, locale));
    match (beside.method, locale) {
        (SegmentMethod::Dbscan, Locale::En) => format!(
            "Segments divide everybody; this is where customers crowd, however few they are (DBSCAN, {found} found, separation \
             {silhouette}). How far both agree: {agreement}, where 1 is the same and 0 is chance."
        ),
        (SegmentMethod::Dbscan, Locale::Ru) => format!(
            "Сегменты делят всех; а здесь места, где гости похожи друг на друга, сколько бы их ни было (DBSCAN, найдено {found}, \
             разделимость {silhouette}). Насколько оба деления согласны: {agreement}, где 1: одно и то же, 0: случайно."
        ),
        (SegmentMethod::KMeans, Locale::En) => format!(
            "The segments in use are crowds; this is how everybody would be divided (K-Means, {found} segments, separation {silhouette}). \
             How far both agree about those in a crowd: {agreement}, where 1 is the same and 0 is chance."
        ),
        (SegmentMethod::KMeans, Locale::Ru) => format!(
            "Действующие сегменты: места скопления; а так выглядело бы деление всех гостей (K-Means, сегментов {found}, разделимость \
             {silhouette}). Насколько оба согласны о тех, кто в скоплении: {agreement}, где 1: одно и то же, 0: случайно."
        ),
    }
}
