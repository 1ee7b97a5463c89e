//! A phone number in the one form that limits and log-ins compare: E.164.

use std::fmt;

use serde::{Deserialize, Serialize};

/// `+` and 8 to 15 digits, the first of them not zero (ITU-T E.164).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Phone(String);

impl Phone {
    /// Reads what people type: blanks, hyphens, dots and brackets are dropped, a leading `00` is a `+`.
    ///
    /// # Errors
    /// [`PhoneError`] when there is no country code, another character, or a length that no number has.
    pub fn parse(text: &str) -> Result<Self, PhoneError> {
        if text.chars().count() > 40 {
            return Err(PhoneError::Length);
        }
        let mut digits = String::with_capacity(16);
        let mut plus = false;
        for c in text.trim().chars() {
            match c {
                '+' if digits.is_empty() && !plus => plus = true,
                '0'..='9' => digits.push(c),
                ' ' | '\u{a0}' | '-' | '.' | '(' | ')' | '\u{2011}' | '\u{2013}' => {}
                _ => return Err(PhoneError::Character),
            }
        }
        if !plus && let Some(rest) = digits.strip_prefix("00") {
            digits = rest.to_owned();
            plus = true;
        }
        if !plus {
            return Err(PhoneError::CountryCode);
        }
        if !(8..=15).contains(&digits.len()) || digits.starts_with('0') {
            return Err(PhoneError::Length);
        }
        Ok(Self(format!("+{digits}")))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// For logs and screens that are not the owner's: `+447…123`.
    #[must_use]
    pub fn masked(&self) -> String {
        format!("{}…{}", &self.0[..4], &self.0[self.0.len() - 3..])
    }
}

impl fmt::Display for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
/// Phones get into logs through `Debug`; only the mask may.
impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}
impl TryFrom<String> for Phone {
    type Error = PhoneError;
    fn try_from(text: String) -> Result<Self, PhoneError> {
        Self::parse(&text)
    }
}
impl From<Phone> for String {
    fn from(phone: Phone) -> Self {
        phone.0
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PhoneError {
    #[error("a phone number begins with + and the country code")]
    CountryCode,
    #[error("a phone number has digits only")]
    Character,
    #[error("a phone number has 8 to 15 digits")]
    Length,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_14_people_type_phones_in_many_ways() {
        for text in ["+44 20 7946 0018", "0044 (20) 7946-0018", "+442079460018"] {
            assert_eq!(Phone::parse(text).map(String::from), Ok("+442079460018".to_owned()));
        }
        assert_eq!(Phone::parse("020 7946 0018"), Err(PhoneError::CountryCode));
        assert_eq!(Phone::parse("+44"), Err(PhoneError::Length));
        assert_eq!(Phone::parse("+44 20 7946 OO18"), Err(PhoneError::Character));
        assert_eq!(format!("{:?}", Phone::parse("+442079460018")), "Ok(+442…018)");
    }
}
