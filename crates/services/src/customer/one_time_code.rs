//! One-time codes: six digits to a phone, for five minutes and five tries.
//!
//! What guards them: the wait before another code (30 s, 2 min, 10 min), a day's most per phone, limits per address and
//! per block of ten thousand numbers (which is how premium numbers are pumped), and one answer for known and unknown
//! phones. The waits and tries are rows of the database; only the outer limits may be forgotten by the cache.

use std::net::IpAddr;
use std::time::Duration;

use chrono::TimeDelta;
use contract::Refusal;
use contract::customer::CodeSent;
use domain::{Locale, Phone};
use store::StoreError;
use store::logins::LoginCode;
use subtle::ConstantTimeEq;

use super::{neighbourhood, peppered};
use crate::Shop;
use crate::clock::Draw;

pub(super) const VALID_MINUTES: i64 = 5;
pub(super) const TRIES: i32 = 5;
/// The wait after the first, second and every later code in a row.
const WAITS: [i64; 3] = [30, 120, 600];
/// So long without asking, and the row begins anew.
const ROW_ENDS: TimeDelta = TimeDelta::hours(1);

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const CODES_A_DAY: u32 = 20;
/// Per hour. A shop's guests share one address on its Wi-Fi.
const CODES_AN_ADDRESS: u32 = 200;
const CODES_A_BLOCK: u32 = 300;
/// A demo sends nothing, so nobody's money is at stake, and those who try it share an address.
const DEMO: u32 = 10;
/// Digits at the end of a number that its block leaves out.
const BLOCK: usize = 4;

impl Shop {
    pub(super) async fn send_code(&self, phone: &Phone, from: IpAddr, locale: Locale) -> Result<CodeSent, Refusal> {
        let settings = self.settings().await?;
        let times = if settings.demo { DEMO } else { 1 };
        self.limited(&format!("codes:address:{}", neighbourhood(from)), CODES_AN_ADDRESS * times, HOUR).await?;
        let (code, wait) = match self.new_code(phone, times).await {
            Ok(Ok(sent)) => sent,
            Ok(Err(refusal)) => return Err(refusal),
            Err(error) => return Err(self.failed(&error)),
        };
        if let Err(error) = self.sms.send(phone, &text(&settings.name, &code, locale)).await {
            // A code that never went out must not make anybody wait.
            if let Err(error) = self.forget_code(phone).await {
                tracing::warn!(%error, "a code that was not sent could not be forgotten");
            }
            return Err(self.not_sent(&error));
        }
        Ok(CodeSent {
            resend_after: u32::try_from(wait).unwrap_or(u32::MAX),
            valid_for: u32::try_from(VALID_MINUTES * 60).unwrap_or(u32::MAX),
            demo: settings.demo,
        })
    }

    /// The carrier's failure is not the caller's, and passes.
    fn not_sent(&self, error: &notify::SmsError) -> Refusal {
        let refusal = self.failed(error);
        Refusal::unavailable(refusal.incident.unwrap_or_default())
    }

    /// Makes a code that replaces the one before; gives it with the seconds until the next may be asked for.
    async fn new_code(&self, phone: &Phone, times: u32) -> Result<Result<(String, i64), Refusal>, StoreError> {
        let (now, pepper) = (self.clock.now(), self.pepper().await?);
        let mut tx = self.store.begin().await?;
        store::logins::lock_phone(&mut tx, phone).await?;
        let before = store::logins::code(&mut tx, phone).await?;
        let in_row = match &before {
            Some(before) if now - before.sent_at < ROW_ENDS => before.sent_in_row.max(1),
            _ => 0,
        };
        if let Some(before) = before.filter(|_| in_row > 0) {
            let left = before.sent_at + TimeDelta::seconds(wait_after(in_row)) - now;
            if left > TimeDelta::zero() {
                return Ok(Err(Refusal::too_many(seconds(left))));
            }
        }
        // Counted here, behind the wait, so that impatience does not use up the day.
        let number = peppered(&pepper, ["limit", phone.as_str()])?;
        let block = &phone.as_str()[..phone.as_str().len() - BLOCK];
        let day = format!("codes:phone:{}", u64::from_be_bytes(first_eight(&number)));
        let limits = [(day, CODES_A_DAY, DAY), (format!("codes:block:{block}"), CODES_A_BLOCK * times, HOUR)];
        for (key, limit, window) in limits {
            if let Err(refusal) = self.limited(&key, limit, window).await {
                return Ok(Err(refusal));
            }
        }
        let code = format!("{:06}", self.entropy.number() % 1_000_000);
        let sent_in_row = in_row.saturating_add(1);
        let row = LoginCode {
            code_hmac: peppered(&pepper, [phone.as_str(), &code])?.to_vec(),
            sent_at: now,
            expires_at: now + TimeDelta::minutes(VALID_MINUTES),
            tries_left: TRIES,
            sent_in_row,
        };
        store::logins::put_code(&mut tx, phone, &row).await?;
        store::commit(tx).await?;
        Ok(Ok((code, wait_after(sent_in_row))))
    }

    async fn forget_code(&self, phone: &Phone) -> Result<(), StoreError> {
        let mut tx = self.store.begin().await?;
        store::logins::forget_code(&mut tx, phone).await?;
        store::commit(tx).await
    }
}

/// Whether `code` is the one that was sent, in a time that does not tell how nearly.
pub(super) fn is_code(pepper: &[u8; 32], phone: &Phone, code: &str, sent: &LoginCode) -> Result<bool, StoreError> {
    let given = peppered(pepper, [phone.as_str(), code])?;
    Ok(bool::from(given.as_slice().ct_eq(&sent.code_hmac)))
}

fn wait_after(sent_in_row: i32) -> i64 {
    let place = usize::try_from(sent_in_row.max(1) - 1).unwrap_or(0).min(WAITS.len() - 1);
    WAITS[place]
}

/// Whole seconds, rounded up.
fn seconds(span: TimeDelta) -> u32 {
    u32::try_from(span.num_milliseconds().max(0).unsigned_abs().div_ceil(1_000)).unwrap_or(u32::MAX).max(1)
}

fn first_eight(bytes: &[u8; 32]) -> [u8; 8] {
    let mut first = [0; 8];
    first.copy_from_slice(&bytes[..8]);
    first
}

/// The code stands first, where a lock screen shows it. No WebOTP line: that binds a code to a domain, and a shop that
/// has none configured would bind it to the wrong one.
fn text(shop: &str, code: &str, locale: Locale) -> String {
    match locale {
        Locale::En => format!(
            "{code} is your code for {shop}. It is good for {VALID_MINUTES} minutes. Do not tell it to anybody."
        ),
        Locale::Ru => {
            format!("{code} \u{2014} ваш код для {shop}. Действует {VALID_MINUTES} минут. Никому его не говорите.")
        }
    }
}
