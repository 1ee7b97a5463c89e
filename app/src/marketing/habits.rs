//! How and when the members of each segment buy, as a table.

use contract::marketing::SegmentHabits;
use domain::Locale;
use leptos::prelude::*;

use super::section::TableSection;
use super::state::{decimal, signed_percent};
use crate::i18n::{Text, tr, use_locale};

const TITLE: Text = Text::new("How and when they buy", "Как и когда покупают");
const HINT: Text = Text::new(
    "Typical days between two visits, with how much they vary; the hour and the day around which visits gather.",
    "Обычный перерыв между визитами и его разброс; час и день, вокруг которых собираются визиты.",
);
const SEGMENT: Text = Text::new("Segment", "Сегмент");
const GAP: Text = Text::new("Days between visits", "Дней между визитами");
const DISCOUNTED: Text = Text::new("Visits with a discount", "Визиты со скидкой");
const RETURNED: Text = Text::new("Paid back", "Возвраты");
const HOUR: Text = Text::new("Around", "Около");
const WEEKDAY: Text = Text::new("Day", "День");
const NONE: Text = Text::new("\u{2013}", "\u{2013}");
const ANY_HOUR: Text = Text::new("any hour", "в любой час");
const ANY_DAY: Text = Text::new("any day", "в любой день");
const DAYS: [Text; 7] = [
    Text::new("Monday", "понедельник"),
    Text::new("Tuesday", "вторник"),
    Text::new("Wednesday", "среда"),
    Text::new("Thursday", "четверг"),
    Text::new("Friday", "пятница"),
    Text::new("Saturday", "суббота"),
    Text::new("Sunday", "воскресенье"),
];

#[component]
pub fn HabitsTable(rows: Vec<(String, SegmentHabits)>) -> impl IntoView {
    let locale = use_locale();
    let heads = vec![(SEGMENT, ""), (GAP, "num"), (DISCOUNTED, "num"), (RETURNED, "num"), (HOUR, "num"), (WEEKDAY, "")];
    let rows = rows.into_iter().map(|(name, habits)| {
        let gap = gap(&habits, locale).unwrap_or_else(|| tr(NONE).to_owned());
        let hour = habits.hour.map_or_else(|| tr(ANY_HOUR).to_owned(), clock);
        let day = habits.weekday.and_then(|day| DAYS.get(usize::from(day))).map_or(ANY_DAY, |day| *day);
        view! {
            <tr>
                <th scope="row">{name}</th>
                <td class="num">{gap}</td>
                <td class="num">{signed_percent(i64::from(habits.discounted.bp()), locale)}</td>
                <td class="num">{signed_percent(i64::from(habits.returned.bp()), locale)}</td>
                <td class="num">{hour}</td>
                <td>{tr(day)}</td>
            </tr>
        }
    });
    let rows = rows.collect_view();
    view! { <TableSection id="habits" title=TITLE hint=tr(HINT) heads>{rows}</TableSection> }
}

/// `7 ± 3`
fn gap(habits: &SegmentHabits, locale: Locale) -> Option<String> {
    let days = habits.gap_days?;
    let places = usize::from(days < 10.0);
    let mean = decimal(days, places, locale);
    Some(match habits.gap_spread_days {
        Some(spread) => format!("{mean}\u{a0}\u{b1}\u{a0}{}", decimal(spread, places, locale)),
        None => mean,
    })
}

/// To the half hour: `08:30`.
fn clock(hour: f64) -> String {
    let halves = (hour * 2.0).round() as u32 % 48;
    format!("{:02}:{:02}", halves / 2, halves % 2 * 30)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_and_hours_are_said_no_finer_than_they_are_known() {
        let habits = |gap_days, gap_spread_days| SegmentHabits { gap_days, gap_spread_days, ..Default::default() };
        assert_eq!(gap(&habits(Some(3.26), Some(1.04)), Locale::En).as_deref(), Some("3.3\u{a0}\u{b1}\u{a0}1"));
        assert_eq!(gap(&habits(Some(31.5), None), Locale::En).as_deref(), Some("32"));
        assert_eq!(gap(&habits(None, Some(1.0)), Locale::Ru), None);
        assert_eq!(["08:30", "00:00", "13:00"], [clock(8.4), clock(23.9), clock(13.1)].each_ref().map(String::as_str));
    }
}
