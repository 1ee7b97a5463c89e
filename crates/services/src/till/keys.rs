//! Who a bearer key belongs to. Keys are 256 random bits, so a plain SHA-256 finds them; revoking works within seconds.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use contract::Refusal;
use contract::till::TillCaller;
use sha2::{Digest, Sha256};

use crate::Shop;

/// How long a key that was good is not looked up again, and so how long a revoked one may still work.
const REMEMBERED: TimeDelta = TimeDelta::seconds(2);
/// More tills than this in two seconds, and the ring begins anew.
const MOST: usize = 4_096;
/// Longer than any key that we give out.
const MAX_KEY: usize = 512;

/// The keys that were good a moment ago.
#[derive(Debug, Default)]
pub(crate) struct KeyRing(Mutex<HashMap<[u8; 32], Seen>>);

#[derive(Debug)]
struct Seen {
    at: DateTime<Utc>,
    caller: TillCaller,
}

impl KeyRing {
    fn get(&self, hash: &[u8; 32], now: DateTime<Utc>) -> Option<TillCaller> {
        let ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = ring.get(hash)?;
        let age = now - seen.at;
        (age >= TimeDelta::zero() && age < REMEMBERED).then(|| seen.caller.clone())
    }

    fn put(&self, hash: [u8; 32], caller: &TillCaller, now: DateTime<Utc>) {
        let mut ring = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if ring.len() >= MOST {
            ring.clear();
        }
        ring.insert(hash, Seen { at: now, caller: caller.clone() });
    }
}

impl Shop {
    pub(super) async fn till_of_key(&self, key: &str) -> Result<TillCaller, Refusal> {
        if key.is_empty() || key.len() > MAX_KEY {
            return Err(Refusal::unauthenticated());
        }
        let (hash, now) = (hash_key(key), self.clock.now());
        if let Some(caller) = self.keys.get(&hash, now) {
            return Ok(caller);
        }
        let holder = self.store.till_by_key_hash(&hash).await.map_err(|error| self.failed(&error))?;
        let holder = holder.ok_or_else(Refusal::unauthenticated)?;
        let (Some((till, store)), true) = (holder.till, holder.has("till")) else {
            return Err(Refusal::forbidden("This key is not a till's: it lacks the scope `till`."));
        };
        let caller = TillCaller { till, store, sets_prices: holder.has("till_prices"), locale: domain::Locale::En };
        self.keys.put(hash, &caller, now);
        Ok(caller)
    }
}

/// What is stored of a bearer key.
#[must_use]
pub fn hash_key(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}
