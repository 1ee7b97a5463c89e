//! Customer codes: the static number that any scanner reads, and the rotating code that a screenshot cannot reuse.
//!
//! The rotating code follows RFC 6238 (time steps of 30 s, HMAC) with SHA-256 and 80 bits of the tag, so the phone makes
//! it without a network. The server accepts one step to either side and each step once.

use std::fmt;

use chrono::{DateTime, Utc};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// Seconds that one rotating code is shown.
pub const STEP_SECONDS: i64 = 30;
/// Steps that a till's scan may be early or late.
pub const TOLERATED_STEPS: i64 = 1;

const PREFIX: &str = "K1";
const HANDLE_CHARS: usize = 10;
const STEP_CHARS: usize = 7;
const TAG_CHARS: usize = 16;
const ROTATING_CHARS: usize = PREFIX.len() + HANDLE_CHARS + STEP_CHARS + TAG_CHARS;
/// Crockford's base 32: capitals and digits only, so a QR code stays small and nobody confuses I, L and O.
pub(crate) const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum CodeKind {
    Static,
    Rotating,
}

/// What a scanner reads, taken apart but not yet looked up.
#[derive(Clone, PartialEq, Eq)]
pub enum CustomerCode {
    Static(StaticCode),
    Rotating(RotatingCode),
}

/// 16 digits: 15 random ones and Luhn's check digit (ISO/IEC 7812-1).
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StaticCode(String);

/// `K1`, the customer's handle, the time step and the tag, in base 32.
#[derive(Clone, PartialEq, Eq)]
pub struct RotatingCode {
    /// Finds the customer without telling the static code.
    pub handle: CodeHandle,
    pub step: i64,
    tag: String,
}

/// 50 random bits that only rotating codes carry.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CodeHandle(pub i64);

/// The secret a phone makes its rotating codes from.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotatingSecret(pub [u8; 32]);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// Not a code at all, or a tag that does not fit: one answer for both.
    #[error("no customer has this code")]
    Unknown,
    #[error("this code has expired: show the one on the screen now")]
    Expired,
}

impl CustomerCode {
    /// Takes apart what was scanned or typed; blanks and hyphens are dropped, lower case is fine.
    ///
    /// # Errors
    /// [`CodeError::Unknown`] for anything that cannot be a code.
    pub fn parse(text: &str) -> Result<Self, CodeError> {
        if text.len() > 128 {
            return Err(CodeError::Unknown);
        }
        let code: String = text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
        if let Ok(digits) = StaticCode::parse(&code) {
            return Ok(Self::Static(digits));
        }
        RotatingCode::parse(&code.to_ascii_uppercase()).map(Self::Rotating)
    }

    #[must_use]
    pub fn kind(&self) -> CodeKind {
        match self {
            Self::Static(_) => CodeKind::Static,
            Self::Rotating(_) => CodeKind::Rotating,
        }
    }
}

impl StaticCode {
    pub const DIGITS: usize = 16;
    /// `seed` below this gives distinct codes.
    pub const SEEDS: u64 = 1_000_000_000_000_000;

    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        let body = format!("{:015}", seed % Self::SEEDS);
        let check = luhn(&body);
        Self(format!("{body}{check}"))
    }

    /// # Errors
    /// [`CodeError::Unknown`] unless it is 16 digits with the right check digit.
    pub fn parse(text: &str) -> Result<Self, CodeError> {
        let body = text.get(..Self::DIGITS - 1).ok_or(CodeError::Unknown)?;
        let fits = text.len() == Self::DIGITS
            && text.bytes().all(|b| b.is_ascii_digit())
            && text.ends_with(char::from(b'0' + luhn(body)));
        if fits { Ok(Self(text.to_owned())) } else { Err(CodeError::Unknown) }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// In groups of four, for people who read it aloud.
    #[must_use]
    pub fn grouped(&self) -> String {
        self.0.as_bytes().chunks(4).map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ")
    }
}

fn luhn(body: &str) -> u8 {
    let sum: u32 = body
        .bytes()
        .rev()
        .enumerate()
        .map(|(i, b)| {
            let digit = u32::from(b.wrapping_sub(b'0')) * if i % 2 == 0 { 2 } else { 1 };
            digit / 10 + digit % 10
        })
        .sum();
    ((10 - sum % 10) % 10) as u8
}

impl TryFrom<String> for StaticCode {
    type Error = CodeError;
    fn try_from(text: String) -> Result<Self, CodeError> {
        Self::parse(&text)
    }
}
impl From<StaticCode> for String {
    fn from(code: StaticCode) -> Self {
        code.0
    }
}
/// A code identifies somebody: its `Debug` shows the last digits only.
impl fmt::Debug for StaticCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StaticCode(…{})", &self.0[Self::DIGITS - 4..])
    }
}
impl fmt::Debug for RotatingCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RotatingCode(step {})", self.step)
    }
}
impl fmt::Debug for CustomerCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Static(code) => code.fmt(f),
            Self::Rotating(code) => code.fmt(f),
        }
    }
}
impl fmt::Debug for RotatingSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RotatingSecret")
    }
}

impl CodeHandle {
    /// `seed` below this gives distinct handles.
    pub const SEEDS: u64 = 1 << 50;

    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        Self((seed % Self::SEEDS) as i64)
    }

    /// The 10 characters that a rotating code carries it as.
    #[must_use]
    pub fn text(self) -> String {
        base32(self.0 as u64, HANDLE_CHARS)
    }
}

/// The time step that a moment falls into.
#[must_use]
pub fn step_at(now: DateTime<Utc>) -> i64 {
    now.timestamp().div_euclid(STEP_SECONDS)
}

impl RotatingSecret {
    /// The text that the QR code carries at this step.
    #[must_use]
    pub fn code(&self, handle: CodeHandle, step: i64) -> String {
        let handle_text = handle.text();
        let step_text = base32(step as u64, STEP_CHARS);
        format!("{PREFIX}{handle_text}{step_text}{}", self.tag(handle, step))
    }

    /// # Errors
    /// [`CodeError::Unknown`] for a tag that this secret did not make (checked first, in constant time),
    /// [`CodeError::Expired`] for a step that is not this one, the one before or the one after.
    pub fn verify(&self, code: &RotatingCode, now: DateTime<Utc>) -> Result<(), CodeError> {
        let tag = self.tag(code.handle, code.step);
        let differs = tag.bytes().zip(code.tag.bytes()).fold(0_u8, |acc, (a, b)| acc | (a ^ b));
        if differs != 0 || tag.len() != code.tag.len() {
            return Err(CodeError::Unknown);
        }
        if (step_at(now) - code.step).abs() > TOLERATED_STEPS {
            return Err(CodeError::Expired);
        }
        Ok(())
    }

    /// As [`RotatingSecret::verify`], at whatever time: for a code that was scanned offline and comes in later.
    ///
    /// # Errors
    /// [`CodeError::Unknown`] for a tag that this secret did not make.
    pub fn verify_ever(&self, code: &RotatingCode) -> Result<(), CodeError> {
        let shown = code.step.checked_mul(STEP_SECONDS).and_then(|seconds| DateTime::from_timestamp(seconds, 0));
        self.verify(code, shown.ok_or(CodeError::Unknown)?)
    }

    fn tag(&self, handle: CodeHandle, step: i64) -> String {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else {
            return String::new(); // HMAC takes keys of any length, so this arm is never reached.
        };
        mac.update(b"kava-code-v1");
        mac.update(&handle.0.to_be_bytes());
        mac.update(&step.to_be_bytes());
        let tag = mac.finalize().into_bytes();
        let mut high = [0_u8; 8];
        high[3..].copy_from_slice(&tag[..5]);
        let mut low = [0_u8; 8];
        low[3..].copy_from_slice(&tag[5..10]);
        let half = TAG_CHARS / 2;
        base32(u64::from_be_bytes(high), half) + &base32(u64::from_be_bytes(low), half)
    }
}

impl RotatingCode {
    fn parse(text: &str) -> Result<Self, CodeError> {
        if text.len() != ROTATING_CHARS || !text.is_ascii() {
            return Err(CodeError::Unknown);
        }
        let body = text.strip_prefix(PREFIX).ok_or(CodeError::Unknown)?;
        let (handle, rest) = body.split_at(HANDLE_CHARS);
        let (step, tag) = rest.split_at(STEP_CHARS);
        let number = |part: &str| unbase32(part).and_then(|n| i64::try_from(n).ok()).ok_or(CodeError::Unknown);
        Ok(Self { handle: CodeHandle(number(handle)?), step: number(step)?, tag: tag.to_owned() })
    }
}

fn base32(mut number: u64, chars: usize) -> String {
    let mut text = vec![b'0'; chars];
    for place in text.iter_mut().rev() {
        *place = ALPHABET[(number % 32) as usize];
        number /= 32;
    }
    text.into_iter().map(char::from).collect()
}

fn unbase32(text: &str) -> Option<u64> {
    text.bytes().try_fold(0_u64, |number, byte| {
        let digit = ALPHABET.iter().position(|&a| a == byte)?;
        number.checked_mul(32)?.checked_add(digit as u64)
    })
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    proptest! {
        #[test]
        fn every_static_code_is_read_back(seed in 0..StaticCode::SEEDS) {
            let code = StaticCode::from_seed(seed);
            prop_assert_eq!(CustomerCode::parse(&code.grouped()), Ok(CustomerCode::Static(code)));
        }

        /// Luhn finds every single wrong digit.
        #[test]
        fn one_wrong_digit_is_noticed(seed in 0..StaticCode::SEEDS, place in 0..16_usize, add in 1..10_u8) {
            let mut digits = StaticCode::from_seed(seed).as_str().as_bytes().to_vec();
            digits[place] = b'0' + (digits[place] - b'0' + add) % 10;
            prop_assert_eq!(StaticCode::parse(&String::from_utf8(digits).unwrap()), Err(CodeError::Unknown));
        }

        #[test]
        fn a_rotating_code_holds_for_its_steps_only(
            secret: [u8; 32], seed in 0..CodeHandle::SEEDS, now in 0_i64..9_000_000_000, late in -200_i64..200,
        ) {
            let (secret, handle) = (RotatingSecret(secret), CodeHandle::from_seed(seed));
            let text = secret.code(handle, step_at(at(now)));
            let CustomerCode::Rotating(code) = CustomerCode::parse(&text.to_lowercase()).unwrap() else {
                panic!("a rotating code reads as one");
            };
            prop_assert_eq!(code.handle, handle);
            let scanned = at(now) + TimeDelta::seconds(late);
            let steps = (step_at(scanned) - step_at(at(now))).abs();
            let expected = if steps <= TOLERATED_STEPS { Ok(()) } else { Err(CodeError::Expired) };
            prop_assert_eq!(secret.verify(&code, scanned), expected);
            prop_assert_eq!(secret.verify_ever(&code), Ok(()));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,60}") {
            let _ = CustomerCode::parse(&text);
        }
    }

    #[test]
    fn another_secret_is_not_told_from_nonsense() {
        let code = RotatingSecret([1; 32]).code(CodeHandle(7), 100);
        let CustomerCode::Rotating(code) = CustomerCode::parse(&code).unwrap() else { panic!() };
        assert_eq!(RotatingSecret([2; 32]).verify(&code, at(3_000)), Err(CodeError::Unknown));
    }
}
