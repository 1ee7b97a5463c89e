//! The segments as a table. Its heads are links, so that it sorts without JavaScript as well.

use contract::marketing::SegmentDashboard;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::state::{Column, Sorting, count, decimal, share_bp, signed_percent};
use crate::i18n::{Text, tr, use_locale};

const CAPTION: Text = Text::new("Segments in figures", "Сегменты в цифрах");
const TOP: Text = Text::new("Strongest categories", "Главные категории");
const UNKNOWN: Text = Text::new("not known", "нет данных");
const DAYS: Text = Text::new("d", "дн.");
const OF_CUSTOMERS: Text = Text::new("of customers", "гостей");
const OF_REVENUE: Text = Text::new("of revenue", "выручки");
const BELOW_COST: Text = Text::new("below cost", "ниже себестоимости");

const fn head(column: Column) -> Text {
    match column {
        Column::Name => Text::new("Segment", "Сегмент"),
        Column::Size => Text::new("Customers", "Гости"),
        Column::Recency => Text::new("Last seen", "Последний визит"),
        Column::Frequency => Text::new("Visits", "Визиты"),
        Column::Monetary => Text::new("Spend", "Траты"),
        Column::Basket => Text::new("Average basket", "Средний чек"),
        Column::Revenue => Text::new("Revenue", "Выручка"),
        Column::Discount => Text::new("Average discount", "Средняя скидка"),
        Column::Margin => Text::new("Margin after discount", "Маржа после скидок"),
    }
}

#[component]
pub fn SegmentTable(dashboard: SegmentDashboard) -> impl IntoView {
    let query = use_query_map();
    let sorting = query.with_untracked(|query| Sorting::read(query.get_str("sort"), query.get_str("dir")));
    let heads = Column::ALL.into_iter().map(move |column| {
        let class = if column == Column::Name { "" } else { "num" };
        view! {
            <th scope="col" class=class aria-sort=sorting.aria(column)>
                <a class="sort" href=format!("/marketing/segments{}", sorting.pressed(column).address())>
                    {tr(head(column))}
                    <span class="sort__arrow" aria-hidden="true">{match sorting.aria(column) {
                        "descending" => "\u{2193}",
                        "ascending" => "\u{2191}",
                        _ => "",
                    }}</span>
                </a>
            </th>
        }
    });
    let heads = heads.collect_view();
    let locale = use_locale();
    let rows = sorting.sorted(&dashboard.rows, locale).into_iter();
    let rows = rows.map(|(number, row)| view! { <Row number row dashboard=dashboard.clone()/> }).collect_view();
    view! {
        <div class="table-wrap" role="region" aria-label=tr(CAPTION) tabindex="0">
            <table class="table segments">
                <caption class="visually-hidden">{tr(CAPTION)}</caption>
                <thead><tr>{heads}<th scope="col">{tr(TOP)}</th></tr></thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
}

#[component]
fn Row(number: usize, row: contract::marketing::SegmentRow, dashboard: SegmentDashboard) -> impl IntoView {
    let locale = use_locale();
    let money = move |amount: domain::Amount| amount.display(dashboard.currency, locale);
    let customers = i64::try_from(dashboard.customers).unwrap_or(i64::MAX);
    let size_share = signed_percent(share_bp(i64::try_from(row.size).unwrap_or(i64::MAX), customers), locale);
    let revenue_share = signed_percent(share_bp(row.revenue.minor(), dashboard.revenue.minor()), locale);
    let margin = match row.margin_after_discount_bp {
        None => view! { <span class="soft">{tr(UNKNOWN)}</span> }.into_any(),
        Some(bp) if bp < 0 => view! {
            <span class="segments__loss">{signed_percent(bp, locale)}</span>
            <small class="segments__loss">{tr(BELOW_COST)}</small>
        }
        .into_any(),
        Some(bp) => view! { <span>{signed_percent(bp, locale)}</span> }.into_any(),
    };
    let composition: Vec<String> = row
        .composition
        .iter()
        .map(|(name, rate)| format!("{name}\u{a0}{}", signed_percent(i64::from(rate.bp()), locale)))
        .collect();
    view! {
        <tr>
            <th scope="row">
                <span class="segments__name">
                    <span class="segments__number">{number + 1}</span>
                    <span>{row.name.words(locale)}</span>
                </span>
            </th>
            <td class="num">{count(row.size, locale)}<small>{size_share}" "{tr(OF_CUSTOMERS)}</small></td>
            <td class="num">{decimal(row.recency_days, 0, locale)}"\u{a0}"{tr(DAYS)}</td>
            <td class="num">{decimal(row.frequency, 1, locale)}</td>
            <td class="num">{money(row.monetary)}</td>
            <td class="num">{money(row.average_basket)}</td>
            <td class="num">{money(row.revenue)}<small>{revenue_share}" "{tr(OF_REVENUE)}</small></td>
            <td class="num">{row.average_discount.display(locale)}</td>
            <td class="num">{margin}</td>
            <td class="segments__top">{composition.join(", ")}</td>
        </tr>
    }
}
