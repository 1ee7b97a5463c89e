//! Coupon codes: a word of the marketer's own for everybody, or a random one that nobody guesses.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::code::ALPHABET;

/// A code in the one form in which codes are compared and printed: upper case, letters and digits only, so that
/// `welcome-10`, `Welcome 10` and `WELCOME10` are one code.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CouponCode(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CouponCodeError {
    #[error("a coupon's code has {} to {} letters and digits", CouponCode::MIN, CouponCode::MAX)]
    Length,
    #[error("a coupon's code has letters and digits only; spaces, hyphens and underscores between them are dropped")]
    Character,
}

impl CouponCode {
    pub const MIN: usize = 3;
    pub const MAX: usize = 64;
    /// Random characters of a code that was made by the machine: 5 bits each, 65 in all. Who tries a thousand codes a
    /// second against a million good ones waits about a thousand years for one.
    pub const RANDOM: usize = 13;
    /// What may stand before the random characters.
    pub const MAX_PREFIX: usize = 24;

    /// Reads what was scanned or typed.
    ///
    /// # Errors
    /// [`CouponCodeError`] for what cannot be a code.
    pub fn parse(text: &str) -> Result<Self, CouponCodeError> {
        let code = tidy(text)?;
        if (Self::MIN..=Self::MAX).contains(&code.chars().count()) {
            Ok(Self(code))
        } else {
            Err(CouponCodeError::Length)
        }
    }

    /// Reads what is to stand before random characters; may be empty.
    ///
    /// # Errors
    /// [`CouponCodeError`] for what cannot be the beginning of a code.
    pub fn prefix(text: &str) -> Result<String, CouponCodeError> {
        let prefix = tidy(text)?;
        if prefix.chars().count() <= Self::MAX_PREFIX { Ok(prefix) } else { Err(CouponCodeError::Length) }
    }

    /// A code that nobody guesses: the prefix, and one character for each random byte.
    #[must_use]
    pub fn random(prefix: &str, bytes: [u8; Self::RANDOM]) -> Self {
        let mut code = String::with_capacity(prefix.len() + bytes.len());
        code.push_str(prefix);
        // 32 divides 256: every character is as likely as every other.
        code.extend(bytes.map(|byte| char::from(ALPHABET[usize::from(byte % 32)])));
        Self(code)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The codes that may have been meant, the likeliest first: as it was typed, and with what looks like another
    /// character in its random part (which has no I, L and O) read as that.
    #[must_use]
    pub fn spellings(&self) -> Vec<Self> {
        let random_from = self.0.char_indices().rev().nth(Self::RANDOM - 1).map_or(self.0.len(), |(at, _)| at);
        let (prefix, random) = self.0.split_at(random_from);
        let meant: String = random
            .chars()
            .map(|c| match c {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            })
            .collect();
        let mut spellings = vec![self.clone()];
        if meant != random {
            spellings.push(Self(format!("{prefix}{meant}")));
        }
        spellings
    }
}

/// Upper case, without separators.
fn tidy(text: &str) -> Result<String, CouponCodeError> {
    // Longer than any code, however it is spaced: not worth reading.
    if text.len() > 8 * CouponCode::MAX {
        return Err(CouponCodeError::Length);
    }
    let code: String =
        text.chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '_')).flat_map(char::to_uppercase).collect();
    if code.chars().all(char::is_alphanumeric) { Ok(code) } else { Err(CouponCodeError::Character) }
}

impl fmt::Display for CouponCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Codes are worth money: the log shows how they begin.
impl fmt::Debug for CouponCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: String = self.0.chars().take(2).collect();
        write!(f, "CouponCode({shown}…)")
    }
}

impl TryFrom<String> for CouponCode {
    type Error = CouponCodeError;
    fn try_from(text: String) -> Result<Self, CouponCodeError> {
        Self::parse(&text)
    }
}

impl From<CouponCode> for String {
    fn from(code: CouponCode) -> Self {
        code.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn code(text: &str) -> CouponCode {
        CouponCode::parse(text).unwrap()
    }

    #[test]
    fn one_code_has_many_spellings() {
        for text in ["welcome-10", " Welcome 10", "WELCOME_10", "wElcome\t10\n"] {
            assert_eq!(code(text).as_str(), "WELCOME10");
        }
        assert_eq!(code("привет 10").as_str(), "ПРИВЕТ10");
        assert_eq!(CouponCode::parse("a-b"), Err(CouponCodeError::Length));
        assert_eq!(CouponCode::parse(&"a".repeat(65)), Err(CouponCodeError::Length));
        assert_eq!(CouponCode::parse(&"-".repeat(100_000)), Err(CouponCodeError::Length));
        assert_eq!(CouponCode::parse("50% off"), Err(CouponCodeError::Character));
        assert_eq!(CouponCode::prefix("gift-"), Ok("GIFT".to_owned()));
    }

    #[test]
    fn look_alikes_are_read_in_the_random_part_only() {
        let made = CouponCode::random("LOYAL", [0, 1, 31, 255, 32, 7, 8, 9, 10, 11, 12, 13, 14]);
        assert_eq!(made.as_str(), "LOYAL01ZZ0789ABCDE");
        let typed = code("loyal-oizzo-789-abcde").spellings();
        assert_eq!(typed, [code("LOYALOIZZO789ABCDE"), made]);
        assert_eq!(code("LOYALTY").spellings(), [code("LOYALTY")], "too short to have a random part");
    }

    proptest! {
        #[test]
        fn a_code_reads_as_itself(text in "\\PC{0,80}") {
            if let Ok(code) = CouponCode::parse(&text) {
                prop_assert_eq!(CouponCode::parse(code.as_str()).unwrap(), code.clone());
                prop_assert!(code.spellings().iter().all(|spelling| CouponCode::parse(spelling.as_str()).is_ok()));
            }
        }

        #[test]
        fn a_made_code_is_found_however_it_is_typed(bytes in any::<[u8; CouponCode::RANDOM]>()) {
            let made = CouponCode::random("GIFT", bytes);
            prop_assert_eq!(&code(made.as_str()), &made);
            let typed = made.as_str().to_lowercase().replace('0', "o").replace('1', "l");
            let typed = code(&format!("{}-{}", &typed[..9], &typed[9..]));
            prop_assert!(typed.spellings().contains(&made) );
        }
    }
}
