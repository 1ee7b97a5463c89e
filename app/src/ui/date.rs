//! Dates in words, the same on both sides of the wire. They are calendar days of UTC.

use chrono::{DateTime, Datelike, Timelike, Utc};
use domain::Locale;

const MONTHS_EN: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const MONTHS_RU: [&str; 12] = [
    "января",
    "февраля",
    "марта",
    "апреля",
    "мая",
    "июня",
    "июля",
    "августа",
    "сентября",
    "октября",
    "ноября",
    "декабря",
];

/// A month's name as it stands in a date; `month` is 1 to 12, and anything else is an empty text.
#[must_use]
pub fn month(month: u32, locale: Locale) -> &'static str {
    let names = match locale {
        Locale::En => MONTHS_EN,
        Locale::Ru => MONTHS_RU,
    };
    month.checked_sub(1).and_then(|index| names.get(index as usize).copied()).unwrap_or_default()
}

/// `21 November`
#[must_use]
pub fn day(at: DateTime<Utc>, locale: Locale) -> String {
    format!("{}\u{a0}{}", at.day(), month(at.month(), locale))
}

/// `21 November 2026`
#[must_use]
pub fn day_and_year(at: DateTime<Utc>, locale: Locale) -> String {
    format!("{} {}", day(at, locale), at.year())
}

/// `21 November, 07:05`
#[must_use]
pub fn moment(at: DateTime<Utc>, locale: Locale) -> String {
    format!("{}, {:02}:{:02}", day(at, locale), at.hour(), at.minute())
}

/// For the `datetime` attribute of `<time>`: `2026-11-21T07:05:00Z`.
#[must_use]
pub fn machine(at: DateTime<Utc>) -> String {
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        at.year(),
        at.month(),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_reads_naturally() {
        let at = DateTime::from_timestamp(1_795_244_700, 0).unwrap();
        assert_eq!(day(at, Locale::En), "21\u{a0}November");
        assert_eq!(moment(at, Locale::Ru), "21\u{a0}ноября, 07:05");
        assert_eq!(day_and_year(at, Locale::En), "21\u{a0}November 2026");
        assert_eq!(machine(at), "2026-11-21T07:05:00Z");
        assert_eq!(month(13, Locale::En), "");
        assert_eq!(month(0, Locale::Ru), "");
    }
}
