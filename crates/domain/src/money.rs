//! Money is an integer of minor units; the parts of a split always add up to the whole, to the last unit.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An amount in minor units (pence, cents, kopecks) of the shop's one currency.
///
/// Arithmetic saturates instead of overflowing: with the bounds of the contract (200 lines of at most 9,999 units at a
/// price of at most [`Amount::MAX_PRICE`]) no sum comes near the limit, and hostile input never panics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct Amount(pub i64);

impl Amount {
    pub const ZERO: Self = Self(0);
    /// The highest price of one unit: ten million in a currency of two decimals.
    pub const MAX_PRICE: Self = Self(1_000_000_000);

    #[must_use]
    pub fn minor(self) -> i64 {
        self.0
    }

    #[must_use]
    pub fn is_zero(self) -> bool {
        self.0 == 0
    }

    #[must_use]
    pub fn times(self, quantity: u32) -> Self {
        Self(self.0.saturating_mul(i64::from(quantity)))
    }

    /// As text for people: `£12.50`, `12,50 €`. `ru` writes a comma and puts the sign behind.
    #[must_use]
    pub fn display(self, currency: Currency, locale: crate::Locale) -> String {
        let exponent = currency.exponent();
        let base = 10_u64.pow(u32::from(exponent));
        let units = self.0.unsigned_abs();
        let (whole, part) = (units / base, units % base);
        let ru = locale == crate::Locale::Ru;
        let mut text = group_thousands(whole, if ru { '\u{a0}' } else { ',' });
        if exponent > 0 {
            text.push(if ru { ',' } else { '.' });
            text.push_str(&format!("{part:0width$}", width = usize::from(exponent)));
        }
        let sign = if self.0 < 0 { "\u{2212}" } else { "" };
        let symbol = currency.symbol();
        if ru {
            format!("{sign}{text}\u{a0}{symbol}")
        } else if symbol.chars().all(char::is_alphabetic) {
            format!("{sign}{symbol}\u{a0}{text}")
        } else {
            format!("{sign}{symbol}{text}")
        }
    }
}

fn group_thousands(whole: u64, separator: char) -> String {
    let digits = whole.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(separator);
        }
        text.push(digit);
    }
    text
}

impl Add for Amount {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}
impl Sub for Amount {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}
impl Neg for Amount {
    type Output = Self;
    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}
impl AddAssign for Amount {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}
impl SubAssign for Amount {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}
impl Sum for Amount {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::ZERO, Add::add)
    }
}

/// An ISO 4217 code: three capital letters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(value_type = String, example = "GBP"))]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

impl Currency {
    pub const EUR: Self = Self(*b"EUR");
    pub const GBP: Self = Self(*b"GBP");

    #[must_use]
    pub fn code(&self) -> &str {
        // Only capital ASCII letters get in, so this is always UTF-8.
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }

    /// Decimal places of the minor unit (ISO 4217): 2, but for the few currencies that have none, or three.
    #[must_use]
    pub fn exponent(&self) -> u8 {
        match &self.0 {
            b"BIF" | b"CLP" | b"DJF" | b"GNF" | b"ISK" | b"JPY" | b"KMF" | b"KRW" | b"PYG" | b"RWF" | b"UGX"
            | b"UYI" | b"VND" | b"VUV" | b"XAF" | b"XOF" | b"XPF" => 0,
            b"BHD" | b"IQD" | b"JOD" | b"KWD" | b"LYD" | b"OMR" | b"TND" => 3,
            _ => 2,
        }
    }

    #[must_use]
    pub fn symbol(&self) -> &str {
        match &self.0 {
            b"EUR" => "€",
            b"GBP" => "£",
            b"USD" => "$",
            b"RUB" => "₽",
            b"JPY" => "¥",
            b"UAH" => "₴",
            b"KZT" => "₸",
            b"BYN" => "Br",
            _ => self.code(),
        }
    }

    /// Reads a decimal such as `2.55`, `-12` or `1e3`-free text exactly into minor units, never through a float.
    ///
    /// # Errors
    /// [`MoneyError::NotANumber`] for anything but digits with at most one point, [`MoneyError::TooFine`] for more
    /// decimals than the currency has (trailing zeros are fine), [`MoneyError::TooLarge`] past 18 digits.
    pub fn parse_amount(&self, text: &str) -> Result<Amount, MoneyError> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) || digits.ends_with('.') {
            return Err(MoneyError::NotANumber);
        }
        let fraction = fraction.trim_end_matches('0');
        let exponent = usize::from(self.exponent());
        if fraction.len() > exponent {
            return Err(MoneyError::TooFine { exponent: self.exponent() });
        }
        let mut minor: i64 = 0;
        let padding = std::iter::repeat_n(b'0', exponent - fraction.len());
        for digit in whole.bytes().chain(fraction.bytes()).chain(padding) {
            minor = minor
                .checked_mul(10)
                .and_then(|m| m.checked_add(i64::from(digit - b'0')))
                .ok_or(MoneyError::TooLarge)?;
        }
        Ok(Amount(if negative { -minor } else { minor }))
    }
}

impl FromStr for Currency {
    type Err = MoneyError;
    fn from_str(text: &str) -> Result<Self, MoneyError> {
        match text.as_bytes() {
            &[a, b, c] if [a, b, c].iter().all(u8::is_ascii_uppercase) => Ok(Self([a, b, c])),
            _ => Err(MoneyError::NotACurrency),
        }
    }
}
impl TryFrom<String> for Currency {
    type Error = MoneyError;
    fn try_from(text: String) -> Result<Self, MoneyError> {
        text.parse()
    }
}
impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.code().to_owned()
    }
}
impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// A rate in basis points: 1,000 is 10 %.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct Rate(pub u32);

impl Rate {
    pub const ZERO: Self = Self(0);
    pub const WHOLE: Self = Self(10_000);

    #[must_use]
    pub fn bp(self) -> u32 {
        self.0
    }

    /// The rate of an amount that is not negative, rounded half up: the named rule for a desired discount.
    #[must_use]
    pub fn of(self, amount: Amount) -> Amount {
        let product = i128::from(amount.0.max(0)) * i128::from(self.0);
        Amount(i64::try_from((product + 5_000) / 10_000).unwrap_or(i64::MAX))
    }

    /// `amount x (1 + rate)`, rounded up: the named rule for a floor, which must not be undercut by a fraction.
    #[must_use]
    pub fn on_top_of(self, amount: Amount) -> Amount {
        let product = i128::from(amount.0.max(0)) * (10_000 + i128::from(self.0));
        Amount(i64::try_from((product + 9_999) / 10_000).unwrap_or(i64::MAX))
    }

    /// `35%`, `12.5 %` or `0.07%` as people type it.
    ///
    /// # Errors
    /// [`MoneyError::NotARate`] for anything else, more than two decimals, or over 1,000 %.
    pub fn parse_percent(text: &str) -> Result<Self, MoneyError> {
        let number = text.trim().strip_suffix('%').unwrap_or(text.trim()).trim_end();
        // A percentage with two decimals is a basis point count: the same exact reading as money.
        let bp = Currency::EUR.parse_amount(number).map_err(|_| MoneyError::NotARate)?;
        match u32::try_from(bp.0) {
            Ok(bp) if bp <= 100_000 => Ok(Self(bp)),
            _ => Err(MoneyError::NotARate),
        }
    }

    /// `10 %` or `7.5 %`, with the locale's decimal sign.
    #[must_use]
    pub fn display(self, locale: crate::Locale) -> String {
        let (whole, part) = (self.0 / 100, self.0 % 100);
        let point = if locale == crate::Locale::Ru { ',' } else { '.' };
        let gap = if locale == crate::Locale::Ru { "\u{a0}" } else { "" };
        match part {
            0 => format!("{whole}{gap}%"),
            p if p % 10 == 0 => format!("{whole}{point}{}{gap}%", p / 10),
            p => format!("{whole}{point}{p:02}{gap}%"),
        }
    }
}

/// Splits `total` in proportion to `weights`: the parts add up to `total` exactly, none is negative, and none exceeds
/// its weight while `total <= sum(weights)`.
///
/// Largest remainder (Hamilton); equal remainders go to the earlier position, so the same input has one answer.
/// With no positive weight nothing is split and every part is zero.
#[must_use]
pub fn split(total: Amount, weights: &[Amount]) -> Vec<Amount> {
    let mut parts = weights.to_vec();
    split_in_place(total, &mut parts);
    parts
}

/// The same, with the parts in the place of their weights.
pub fn split_in_place(total: Amount, weights: &mut [Amount]) {
    let whole: i128 = weights.iter().map(|w| i128::from(w.0.max(0))).sum();
    if whole == 0 || total.0 <= 0 {
        weights.fill(Amount::ZERO);
        return;
    }
    match (u32::try_from(total.0), u32::try_from(whole)) {
        (Ok(total), Ok(whole)) => split_small(total, weights, whole),
        _ => split_any(total, weights, whole),
    }
}

/// Of any size: 128 bits hold every product.
fn split_any(total: Amount, parts: &mut [Amount], whole: i128) {
    let mut remainders = Vec::with_capacity(parts.len());
    let mut left = i128::from(total.0);
    for (position, part) in parts.iter_mut().enumerate() {
        let product = i128::from(total.0) * i128::from(part.0.max(0));
        let whole_units = product / whole;
        left -= whole_units;
        *part = Amount(i64::try_from(whole_units).unwrap_or(i64::MAX));
        remainders.push((product % whole, position));
    }
    remainders.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    for &(_, position) in remainders.iter().take(usize::try_from(left).unwrap_or(0)) {
        parts[position] += Amount(1);
    }
}

/// Weights whose remainders are kept without asking for memory.
const FEW: usize = 32;

/// The same of a basket's usual sums, whose products fit into 64 bits: a division of 128 bits takes several times as long,
/// and a quote makes some hundreds.
fn split_small(total: u32, parts: &mut [Amount], whole: u32) {
    let (mut few, mut many) = ([0; FEW], Vec::new());
    // Remainder and position as one number: the largest first, and of equal ones the earlier.
    let remainders: &mut [u64] = match few.get_mut(..parts.len()) {
        Some(few) => few,
        None => {
            many.resize(parts.len(), 0);
            &mut many
        }
    };
    let (whole, mut left) = (u64::from(whole), u64::from(total));
    for ((part, remainder), position) in parts.iter_mut().zip(&mut *remainders).zip(0_u32..) {
        let product = u64::from(total) * part.0.max(0).unsigned_abs();
        let whole_units = product / whole;
        left -= whole_units;
        *part = Amount(whole_units.cast_signed());
        *remainder = (product % whole) << 32 | u64::from(u32::MAX - position);
    }
    let ups = usize::try_from(left).unwrap_or(0).min(remainders.len());
    if ups > 0 {
        remainders.select_nth_unstable_by(ups - 1, |a, b| b.cmp(a));
    }
    for key in &remainders[..ups] {
        let position = u64::from(u32::MAX) - (key & u64::from(u32::MAX));
        if let Some(part) = usize::try_from(position).ok().and_then(|position| parts.get_mut(position)) {
            *part += Amount(1);
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    #[error("not a plain decimal number")]
    NotANumber,
    #[error("more decimals than the currency has ({exponent})")]
    TooFine { exponent: u8 },
    #[error("larger than an amount can be")]
    TooLarge,
    #[error("not a currency: three capital letters such as GBP are")]
    NotACurrency,
    #[error("not a percentage: write 35% or 12.5%")]
    NotARate,
}

#[cfg(test)]
mod tests;
