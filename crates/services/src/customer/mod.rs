//! What customers do: sign in with their phone, choose a card, look at what they saved, edit their profile.

mod api;
mod feed;
mod menu;
mod one_time_code;
mod profile;
mod sign_in;
#[cfg(test)]
pub(crate) mod tests;

use std::net::IpAddr;
use std::time::Duration;

use cache::Hit;
use contract::Refusal;
use contract::customer::{CustomerCaller, SessionToken};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use store::StoreError;
use store::customers::Customer;

use crate::Shop;
use crate::clock::Draw;

pub(crate) use sign_in::IDLE;

impl Shop {
    /// The customer of a log-in; somebody who is no longer there must sign in again.
    async fn caller(&self, caller: CustomerCaller) -> Result<Customer, Refusal> {
        match self.store.customer(caller.customer).await {
            Ok(Some(customer)) if customer.erased => Err(Refusal::unauthenticated()),
            Ok(Some(Customer { merged_into: Some(now), .. })) => {
                Box::pin(self.caller(CustomerCaller { customer: now })).await
            }
            Ok(Some(customer)) => Ok(customer),
            Ok(None) => Err(Refusal::unauthenticated()),
            Err(error) => Err(self.failed(&error)),
        }
    }

    /// Counts a try against a limit. A cache that errs lets it pass: the database keeps the limits that matter.
    pub(crate) async fn limited(&self, key: &str, limit: u32, window: Duration) -> Result<(), Refusal> {
        match self.cache.hit(key, limit, window).await {
            Ok(Hit::Within) => Ok(()),
            Ok(Hit::Over { retry_after }) => Err(Refusal::too_many(retry_after)),
            Err(error) => {
                tracing::warn!(%error, "a limit could not be counted");
                Ok(())
            }
        }
    }

    /// 256 random bits for a cookie, and what is stored of them.
    pub(crate) fn new_token(&self) -> (SessionToken, [u8; 32]) {
        use base64::Engine;
        let token = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(self.entropy.bytes::<32>());
        let hash = Sha256::digest(token.as_bytes()).into();
        (SessionToken(token), hash)
    }

    /// The secret that one-time codes are stored under. Asked for before a transaction begins, never inside.
    async fn pepper(&self) -> Result<[u8; 32], StoreError> {
        self.store.secret("otp-pepper", self.entropy.bytes()).await
    }
}

/// HMAC-SHA-256 of the parts, each told from the next.
pub(crate) fn peppered(pepper: &[u8; 32], parts: [&str; 2]) -> Result<[u8; 32], StoreError> {
    let mut mac = Hmac::<Sha256>::new_from_slice(pepper).map_err(|why| StoreError::corrupt("secret", why))?;
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part.as_bytes());
    }
    Ok(mac.finalize().into_bytes().into())
}

/// What is stored of a token; `None` for a text that cannot be one, so that it costs no query.
pub(crate) fn token_hash(token: &str) -> Option<[u8; 32]> {
    let fits = token.len() == 43 && token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    fits.then(|| Sha256::digest(token.as_bytes()).into())
}

/// Whom a limit by address counts as one: an IPv4 address, or the /64 that an IPv6 household has.
pub(crate) fn neighbourhood(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}
