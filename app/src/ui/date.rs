//! Dates in words, as the shop's clocks show them. The server asks the visitor's page for the shop's time zone; a browser
//! that says a date itself is a till's, and goes by its own clock.

use chrono::{DateTime, Datelike, NaiveDateTime, Timelike, Utc};
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

/// The moment on the shop's clocks.
#[cfg(not(feature = "hydrate"))]
fn on_the_clock(at: DateTime<Utc>) -> NaiveDateTime {
    #[cfg(feature = "ssr")]
    if let Some(visitor) = leptos::prelude::use_context::<crate::visitor::Visitor>() {
        return at.with_timezone(&visitor.zone).naive_local();
    }
    at.naive_utc()
}

#[cfg(feature = "hydrate")]
fn on_the_clock(at: DateTime<Utc>) -> NaiveDateTime {
    let behind_utc = js_sys::Date::new(&(at.timestamp_millis() as f64).into()).get_timezone_offset();
    at.naive_utc() - chrono::TimeDelta::minutes(behind_utc as i64)
}

/// `21 November`
#[must_use]
pub fn day(at: DateTime<Utc>, locale: Locale) -> String {
    day_of(on_the_clock(at), locale)
}

/// `21 November 2026`
#[must_use]
pub fn day_and_year(at: DateTime<Utc>, locale: Locale) -> String {
    let at = on_the_clock(at);
    format!("{} {}", day_of(at, locale), at.year())
}

/// `21 November, 07:05`
#[must_use]
pub fn moment(at: DateTime<Utc>, locale: Locale) -> String {
    moment_of(on_the_clock(at), locale)
}

/// `21 November, 07:05 UTC`: the same on both sides of the wire.
#[must_use]
pub fn moment_of_utc(at: DateTime<Utc>, locale: Locale) -> String {
    format!("{} UTC", moment_of(at.naive_utc(), locale))
}

fn day_of(at: NaiveDateTime, locale: Locale) -> String {
    format!("{}\u{a0}{}", at.day(), month(at.month(), locale))
}

fn moment_of(at: NaiveDateTime, locale: Locale) -> String {
    format!("{}, {:02}:{:02}", day_of(at, locale), at.hour(), at.minute())
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
        assert_eq!(moment_of_utc(at, Locale::En), "21\u{a0}November, 07:05 UTC");
        assert_eq!(day_and_year(at, Locale::En), "21\u{a0}November 2026");
        assert_eq!(machine(at), "2026-11-21T07:05:00Z");
        assert_eq!(month(13, Locale::En), "");
        assert_eq!(month(0, Locale::Ru), "");
    }

    #[cfg(feature = "ssr")]
    #[test]
    fn a_day_is_the_shops_own() {
        use chrono_tz::Tz;
        use leptos::prelude::{Owner, provide_context};

        use crate::visitor::Visitor;

        let midnight = DateTime::from_timestamp(1_795_305_600, 0).unwrap();
        let said_in = |zone| {
            Owner::new().with(|| {
                provide_context(Visitor {
                    ip: std::net::Ipv4Addr::LOCALHOST.into(),
                    locale: Locale::En,
                    zone,
                    theme: "auto",
                    customer: None,
                    staff: None,
                    customer_token: None,
                    staff_token: None,
                    secure: false,
                    origin: String::new(),
                });
                day_and_year(midnight, Locale::En)
            })
        };
        assert_eq!(said_in(Tz::America__New_York), "21\u{a0}November 2026");
        assert_eq!(said_in(Tz::Europe__Minsk), "22\u{a0}November 2026");
    }
}
