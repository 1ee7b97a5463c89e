//! The table's order, and figures as people of a locale write them. Pure.

use std::cmp::Ordering;

use contract::Refusal;
use contract::marketing::SegmentRow;
use domain::segment::Division;
use domain::{Locale, SegmentMethod};

/// A column that the table can be sorted by; its name stands in the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    Name,
    Size,
    Recency,
    Frequency,
    Monetary,
    Basket,
    Revenue,
    Discount,
    Margin,
}

impl Column {
    pub const ALL: [Self; 9] = [
        Self::Name,
        Self::Size,
        Self::Recency,
        Self::Frequency,
        Self::Monetary,
        Self::Basket,
        Self::Revenue,
        Self::Discount,
        Self::Margin,
    ];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Size => "size",
            Self::Recency => "recency",
            Self::Frequency => "frequency",
            Self::Monetary => "monetary",
            Self::Basket => "basket",
            Self::Revenue => "revenue",
            Self::Discount => "discount",
            Self::Margin => "margin",
        }
    }
}

/// How the table is sorted; what the address does not say, or says wrongly, is revenue from the top.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sorting {
    pub column: Column,
    pub descending: bool,
}

impl Sorting {
    #[must_use]
    pub fn read(sort: Option<&str>, direction: Option<&str>) -> Self {
        let column = Column::ALL.into_iter().find(|column| Some(column.name()) == sort).unwrap_or(Column::Revenue);
        let descending = match direction {
            Some("asc") => false,
            Some("desc") => true,
            _ => column != Column::Name,
        };
        Self { column, descending }
    }

    /// What pressing a column's head leads to: the other direction where it is sorted by already.
    #[must_use]
    pub fn pressed(self, column: Column) -> Self {
        let descending = if self.column == column { !self.descending } else { column != Column::Name };
        Self { column, descending }
    }

    #[must_use]
    pub fn address(self) -> String {
        format!("?sort={}&dir={}", self.column.name(), if self.descending { "desc" } else { "asc" })
    }

    /// For `aria-sort`.
    #[must_use]
    pub fn aria(self, column: Column) -> &'static str {
        match (self.column == column, self.descending) {
            (false, _) => "none",
            (true, true) => "descending",
            (true, false) => "ascending",
        }
    }

    /// Each row with its number in the unsorted list. Equal values keep that order; an unknown margin goes last.
    #[must_use]
    pub fn sorted(self, rows: &[SegmentRow], locale: Locale) -> Vec<(usize, SegmentRow)> {
        let mut numbered: Vec<(usize, SegmentRow)> = rows.iter().cloned().enumerate().collect();
        numbered.sort_by(|(_, a), (_, b)| {
            let order = match self.column {
                Column::Name => a.name.words(locale).cmp(&b.name.words(locale)),
                Column::Size => a.size.cmp(&b.size),
                Column::Recency => a.recency_days.total_cmp(&b.recency_days),
                Column::Frequency => a.frequency.total_cmp(&b.frequency),
                Column::Monetary => a.monetary.cmp(&b.monetary),
                Column::Basket => a.average_basket.cmp(&b.average_basket),
                Column::Revenue => a.revenue.cmp(&b.revenue),
                Column::Discount => a.average_discount.cmp(&b.average_discount),
                Column::Margin => match (a.margin_after_discount_bp, b.margin_after_discount_bp) {
                    (None, None) => Ordering::Equal,
                    (None, Some(_)) => return Ordering::Greater,
                    (Some(_), None) => return Ordering::Less,
                    (Some(a), Some(b)) => a.cmp(&b),
                },
            };
            if self.descending { order.reverse() } else { order }
        });
        numbered
    }
}

/// What the form of how customers are divided sent.
///
/// # Errors
/// `segment-count` for what is no number of segments, `segment-method` for what is no method.
pub fn division(method: &str, count: &str) -> Result<Division, Refusal> {
    let wrong = |key: &str, detail: &str| Refusal::unacceptable(key, detail);
    let method = SegmentMethod::parse(method).map_err(|why| wrong("segment-method", &why))?;
    let many = || wrong("segment-count", "Segments are a number, or as many as the customers show.");
    let count = Some(count.trim()).filter(|count| !count.is_empty());
    // Which numbers can be is the shop's to say.
    let segments = count.map(|count| count.parse().map_err(|_| many())).transpose()?;
    Ok(Division { method, segments })
}

/// `2,974` or `2 974`.
#[must_use]
pub fn count(value: u64, locale: Locale) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(if locale == Locale::Ru { '\u{a0}' } else { ',' });
        }
        text.push(digit);
    }
    text
}

/// A number with so many decimals, and without them where they are all zero; a dash for what is no number.
#[must_use]
pub fn decimal(value: f64, decimals: usize, locale: Locale) -> String {
    if !value.is_finite() {
        return "\u{2014}".to_owned();
    }
    let text = format!("{value:.decimals$}");
    let text = if decimals > 0 { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    let text = if text == "-0" { "0" } else { text };
    let text = text.replace('-', "\u{2212}");
    if locale == Locale::Ru { text.replace('.', ",") } else { text }
}

/// Basis points with a sign: `−3.5%`. One decimal.
#[must_use]
pub fn signed_percent(bp: i64, locale: Locale) -> String {
    let tenths = bp.unsigned_abs().saturating_add(5) / 10;
    let sign = if bp < 0 && tenths > 0 { "\u{2212}" } else { "" };
    let gap = if locale == Locale::Ru { "\u{a0}" } else { "" };
    let point = if locale == Locale::Ru { ',' } else { '.' };
    format!("{sign}{}{point}{}{gap}%", tenths / 10, tenths % 10)
}

/// A part of a whole in basis points, rounded; zero of nothing.
#[must_use]
pub fn share_bp(part: i64, whole: i64) -> i64 {
    if whole == 0 {
        return 0;
    }
    let (part, whole) = (i128::from(part) * 10_000, i128::from(whole));
    let half = if (part < 0) == (whole < 0) { whole / 2 } else { -whole / 2 };
    i64::try_from((part + half) / whole).unwrap_or(0)
}

/// The categories of all segments, the strongest first, and no more than a chart has colours for.
#[must_use]
pub fn strongest_categories(rows: &[SegmentRow], most: usize) -> Vec<String> {
    let mut sums: Vec<(String, u64)> = Vec::new();
    for (name, rate) in rows.iter().flat_map(|row| &row.composition) {
        match sums.iter_mut().find(|(known, _)| known == name) {
            Some((_, sum)) => *sum += u64::from(rate.bp()),
            None => sums.push((name.clone(), u64::from(rate.bp()))),
        }
    }
    sums.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    sums.into_iter().take(most).map(|(name, _)| name).collect()
}

#[cfg(test)]
mod tests {
    use domain::{Amount, Rate, SegmentName};

    use super::*;

    fn row(revenue: i64, margin: Option<i64>) -> SegmentRow {
        SegmentRow {
            name: SegmentName::Newcomers,
            size: 1,
            recency_days: 1.0,
            frequency: 1.0,
            monetary: Amount(1),
            average_basket: Amount(1),
            revenue: Amount(revenue),
            average_discount: Rate(0),
            margin_after_discount_bp: margin,
            worth: None,
            habits: Default::default(),
            composition: vec![("Tea".to_owned(), Rate(5_000)), (format!("C{revenue}"), Rate(1_000))],
        }
    }

    #[test]
    fn the_address_sorts_the_table_and_nonsense_does_not_break_it() {
        let rows = [row(10, None), row(30, Some(-200)), row(20, Some(500))];
        let order = |sorting: Sorting| sorting.sorted(&rows, Locale::En).iter().map(|(n, _)| *n).collect::<Vec<_>>();
        assert_eq!(order(Sorting::read(None, None)), [1, 2, 0]);
        assert_eq!(order(Sorting::read(Some("revenue"), Some("asc"))), [0, 2, 1]);
        assert_eq!(order(Sorting::read(Some("'; drop table"), Some("up"))), [1, 2, 0]);
        // An unknown margin is last in both directions.
        assert_eq!(order(Sorting::read(Some("margin"), Some("asc"))), [1, 2, 0]);
        assert_eq!(order(Sorting::read(Some("margin"), Some("desc"))), [2, 1, 0]);
        let pressed = Sorting::read(Some("size"), None).pressed(Column::Size);
        assert_eq!(pressed.address(), "?sort=size&dir=asc");
        assert_eq!(pressed.aria(Column::Size), "ascending");
    }

    #[test]
    fn figures_are_written_as_the_reader_writes_them() {
        assert_eq!(count(1_234_567, Locale::En), "1,234,567");
        assert_eq!(count(2_974, Locale::Ru), "2\u{a0}974");
        assert_eq!(decimal(12.50, 1, Locale::Ru), "12,5");
        assert_eq!(decimal(12.0, 1, Locale::En), "12");
        assert_eq!(decimal(100.0, 0, Locale::En), "100");
        assert_eq!(decimal(-0.04, 1, Locale::En), "0");
        assert_eq!(decimal(f64::NAN, 1, Locale::En), "\u{2014}");
        assert_eq!(signed_percent(-350, Locale::En), "\u{2212}3.5%");
        assert_eq!(signed_percent(3_449, Locale::Ru), "34,5\u{a0}%");
        assert_eq!(signed_percent(-2, Locale::En), "0.0%");
        assert_eq!(signed_percent(i64::MIN, Locale::En).chars().next(), Some('\u{2212}'));
    }

    #[test]
    fn shares_are_of_a_whole_that_may_be_nothing() {
        assert_eq!(share_bp(1, 3), 3_333);
        assert_eq!(share_bp(2, 3), 6_667);
        assert_eq!(share_bp(-1, 3), -3_333);
        assert_eq!(share_bp(5, 0), 0);
        assert_eq!(share_bp(i64::MAX, 1), 0);
    }

    #[test]
    fn the_strongest_categories_come_first() {
        assert_eq!(strongest_categories(&[row(1, None), row(2, None)], 2), ["Tea", "C1"]);
    }
}
