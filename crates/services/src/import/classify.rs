//! One record of the file -> a receipt line, a reason to reject it, or a reason to stop.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use csv::StringRecord;
use domain::{Amount, Currency, MoneyError, Rate, Sku};

use super::columns::{Columns, Field};

/// A time as the file writes it: in the shop's time zone, or in UTC when the file gave an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment {
    pub naive: NaiveDateTime,
    pub utc: bool,
}

impl Moment {
    /// As PostgreSQL reads it.
    pub(crate) fn text(self) -> String {
        format!("{}{}", self.naive.format("%Y-%m-%d %H:%M:%S%.6f"), if self.utc { "+00" } else { "" })
    }
}

/// A line that can stand on a receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    pub number: &'a str,
    pub sku: &'a str,
    pub name: &'a str,
    pub quantity: i32,
    pub at: Moment,
    pub unit_price: Amount,
    /// Of one unit: the cost column's, else the assumed one; `None` where neither says.
    pub unit_cost: Option<Amount>,
    pub customer: Option<&'a str>,
    pub category: Option<&'a str>,
    pub is_return: bool,
}

/// What becomes of a record that can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict<'a> {
    Line(Line<'a>),
    Reject(&'static str, String),
}

/// Why the file as a whole cannot be trusted: the header of the column, and what is wrong there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    pub column: String,
    pub what: String,
}

/// How records are read.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    pub currency: Currency,
    pub cancellation_prefix: String,
    pub assume_margin: Option<Rate>,
    /// chrono's format, where the dates are not ISO 8601.
    pub date_format: Option<String>,
    pub now: DateTime<Utc>,
}

/// Ten trillion: a line beyond this is a broken file, and no sum of lines comes near the end of 64 bits.
const MOST_MONEY: i64 = 1_000_000_000_000_000;

impl Reading {
    /// # Errors
    /// [`Broken`] for what cannot be read as a number or a date, or is larger than one can be.
    pub(crate) fn classify<'r>(&self, columns: &Columns, record: &'r StringRecord) -> Result<Verdict<'r>, Broken> {
        let text = |field| columns.get(record, field);
        let broken = |field, what: String| Broken { column: columns.header(field).to_owned(), what };
        let reject = |key, detail: String| Ok(Verdict::Reject(key, detail));

        // Everything is read first: an unreadable field stops the import even on a line that would be rejected.
        let quantity = quantity(text(Field::Quantity)).map_err(|what| broken(Field::Quantity, what))?;
        let at = self.moment(text(Field::At)).map_err(|what| broken(Field::At, what))?;
        let price = self.money(text(Field::UnitPrice)).map_err(|what| broken(Field::UnitPrice, what))?;
        let cost = match text(Field::Cost) {
            "" => Ok(None),
            cost => self.money(cost).map_err(|what| broken(Field::Cost, what))?.map(Some),
        };
        let unit_price = match price {
            Ok(price) => price,
            Err(key) => return reject(key, format!("the price is {}", text(Field::UnitPrice))),
        };
        let cost = match cost {
            Ok(cost) => cost,
            Err(key) => return reject(key, format!("the cost is {}", text(Field::Cost))),
        };
        if unit_price.0.saturating_mul(i64::from(quantity).abs()) > MOST_MONEY {
            return Err(broken(Field::UnitPrice, "quantity times price is larger than money can be".to_owned()));
        }

        let number = text(Field::Receipt);
        if let Err(why) = short(number) {
            return reject("receipt-unusable", format!("the receipt number {why}"));
        }
        let sku = text(Field::Sku);
        if let Err(why) = Sku::parse(sku) {
            return reject("sku-unusable", why.to_owned());
        }
        let customer = without_zero_fraction(text(Field::Customer));
        if !customer.is_empty()
            && let Err(why) = short(customer)
        {
            return reject("customer-unusable", format!("the customer {why}"));
        }
        let prefix = &self.cancellation_prefix;
        let is_return = !prefix.is_empty() && number.starts_with(prefix.as_str());
        match (is_return, quantity) {
            (_, 0) => return reject("quantity-zero", "nothing was sold".to_owned()),
            (false, ..0) => {
                return reject("quantity-negative", format!("{quantity} on a receipt that is no cancellation"));
            }
            (true, 1..) => return reject("cancellation-positive", format!("{quantity} on a cancellation")),
            _ => {}
        }
        if at.naive > self.now.naive_utc() + TimeDelta::days(1) {
            return reject("in-the-future", format!("{} has not come yet", at.naive));
        }
        let category = Some(text(Field::Category)).filter(|c| !c.is_empty());
        Ok(Verdict::Line(Line {
            number,
            sku,
            name: text(Field::Name),
            quantity,
            at,
            unit_price,
            unit_cost: cost.or_else(|| self.assumed_cost(unit_price)),
            customer: Some(customer).filter(|c| !c.is_empty()),
            category,
            is_return,
        }))
    }

    /// What a unit of this price is taken to cost. What was given away says nothing of its cost.
    fn assumed_cost(&self, price: Amount) -> Option<Amount> {
        let margin = self.assume_margin?;
        (price > Amount::ZERO).then(|| (price - margin.of(price)).max(Amount::ZERO))
    }

    /// An amount, a reason to reject the line, or a reason to stop.
    fn money(&self, text: &str) -> Result<Result<Amount, &'static str>, String> {
        match self.currency.parse_amount(text.strip_prefix('+').unwrap_or(text)) {
            Ok(amount) if amount > Amount::MAX_PRICE => Err(format!("{text} is larger than a price can be")),
            Ok(amount) if amount < Amount::ZERO => Ok(Err("price-negative")),
            Ok(amount) => Ok(Ok(amount)),
            Err(MoneyError::TooFine { .. }) => Ok(Err("price-too-fine")),
            Err(MoneyError::TooLarge) => Err(format!("{} is larger than a price can be", cut(text))),
            Err(_) => Err(format!("{:?} is not a plain decimal number such as 2.55", cut(text))),
        }
    }

    fn moment(&self, text: &str) -> Result<Moment, String> {
        let read = match &self.date_format {
            Some(format) => NaiveDateTime::parse_from_str(text, format)
                .or_else(|_| NaiveDate::parse_from_str(text, format).map(|d| d.and_time(NaiveTime::MIN)))
                .ok()
                .map(|naive| Moment { naive, utc: false }),
            None => iso(text),
        };
        let known = |m: &Moment| (1970..2200).contains(&chrono::Datelike::year(&m.naive));
        read.filter(known).ok_or_else(|| match &self.date_format {
            Some(format) => format!("{:?} is not a date of the form {format}", cut(text)),
            None => {
                format!("{:?} is not a date such as 2010-12-01 08:26; another form is told by --date-format", cut(text))
            }
        })
    }
}

/// `2010-12-01`, `2010-12-01 08:26`, `2010-12-01T08:26:05.25`, and any of the latter with `Z` or `+01:00` behind.
fn iso(text: &str) -> Option<Moment> {
    let digits = |range: std::ops::Range<usize>| -> Option<u32> {
        let part = text.get(range)?;
        if part.bytes().all(|b| b.is_ascii_digit()) { part.parse().ok() } else { None }
    };
    let sign = |place: usize| text.as_bytes().get(place).copied();
    if sign(4)? != b'-' || sign(7)? != b'-' {
        return None;
    }
    let date = NaiveDate::from_ymd_opt(i32::try_from(digits(0..4)?).ok()?, digits(5..7)?, digits(8..10)?)?;
    if text.len() == 10 {
        return Some(Moment { naive: date.and_time(NaiveTime::MIN), utc: false });
    }
    if !matches!(sign(10)?, b' ' | b'T') || sign(13)? != b':' {
        return None;
    }
    let (hour, minute) = (digits(11..13)?, digits(14..16)?);
    if text.len() == 16 {
        return Some(Moment { naive: date.and_hms_opt(hour, minute, 0)?, utc: false });
    }
    let rest = text.get(16..)?;
    let (seconds, offset) = match rest.find(['Z', '+', '-']) {
        Some(place) => rest.split_at(place),
        None => (rest, ""),
    };
    let micros = match seconds.strip_prefix(':') {
        None if seconds.is_empty() => 0,
        None => return None,
        Some(seconds) => {
            let (whole, part) = seconds.split_once('.').unwrap_or((seconds, "0"));
            let plain = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
            if whole.len() != 2 || !plain(whole) || !plain(part) {
                return None;
            }
            let fraction: u64 = format!("{part:0<6}").get(..6)?.parse().ok()?;
            whole.parse::<u64>().ok().filter(|s| *s < 60)? * 1_000_000 + fraction
        }
    };
    let local = date.and_hms_opt(hour, minute, 0)? + TimeDelta::microseconds(i64::try_from(micros).ok()?);
    let minutes = match offset {
        "" => return Some(Moment { naive: local, utc: false }),
        "Z" => 0,
        _ => {
            let plain: String = offset.chars().skip(1).filter(|c| *c != ':').collect();
            let (hours, minutes) = match plain.len() {
                2 => (plain.parse::<i64>().ok()?, 0),
                4 => (plain.get(..2)?.parse().ok()?, plain.get(2..)?.parse().ok()?),
                _ => return None,
            };
            if !(0..=14).contains(&hours) || !(0..60).contains(&minutes) {
                return None;
            }
            (hours * 60 + minutes) * if offset.starts_with('-') { -1 } else { 1 }
        }
    };
    Some(Moment { naive: local.checked_sub_signed(TimeDelta::minutes(minutes))?, utc: true })
}

fn quantity(text: &str) -> Result<i32, String> {
    let plain = without_zero_fraction(text);
    let digits = plain.strip_prefix(['-', '+']).unwrap_or(plain);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format!("{:?} is not a whole number", cut(text)));
    }
    plain.parse().map_err(|_| format!("{} is larger than a quantity can be", cut(text)))
}

/// `17850.0`, as spreadsheets and data frames write whole numbers, is `17850`.
fn without_zero_fraction(text: &str) -> &str {
    match text.split_once('.') {
        Some((whole, zeros))
            if !zeros.is_empty()
                && zeros.bytes().all(|b| b == b'0')
                && !whole.is_empty()
                && whole.bytes().all(|b| b.is_ascii_digit() || b == b'-') =>
        {
            whole
        }
        _ => text,
    }
}

fn short(text: &str) -> Result<(), &'static str> {
    match text {
        "" => Err("is empty"),
        t if t.chars().count() > 64 => Err("has more than 64 characters"),
        t if t.chars().any(char::is_control) => Err("has characters that cannot be seen"),
        _ => Ok(()),
    }
}

/// The beginning of a text, for messages.
fn cut(text: &str) -> String {
    if text.chars().count() > 40 { text.chars().take(40).chain(['…']).collect() } else { text.to_owned() }
}

#[cfg(test)]
#[path = "classify_tests.rs"]
mod tests;
