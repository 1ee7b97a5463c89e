//! Against guessing: codes are long, every code that is good for nothing is answered alike, and whoever shows many
//! different ones has to wait before *any* code is looked up, so that waiting tells nothing.

use std::time::Duration;

use cache::Hit;
use contract::Refusal;
use domain::{CustomerId, TillId};
use sha2::{Digest, Sha256};

use crate::Shop;

/// Different codes that are nobody's, a minute: a cashier's bad day, or a customer with a list from the internet.
const TILL: u32 = 30;
const CUSTOMER: u32 = 10;
const MINUTE: Duration = Duration::from_secs(60);

/// Stands before the look-up of one session's coupon codes.
pub(crate) struct Guard<'a> {
    shop: &'a Shop,
    /// Who is counted, and how many wrong codes they may show.
    counted: Vec<(String, u32)>,
}

impl Shop {
    /// Lets a session's codes be looked up, unless its till or its customer has shown too many wrong ones.
    ///
    /// # Errors
    /// `too-many-requests`.
    pub(crate) async fn guard_coupons(&self, till: TillId, customer: Option<CustomerId>) -> Result<Guard<'_>, Refusal> {
        let mut counted = vec![(format!("wrong-coupon:till:{till}"), TILL)];
        counted.extend(customer.map(|customer| (format!("wrong-coupon:customer:{customer}"), CUSTOMER)));
        for (who, _) in &counted {
            // A cache that is away stops no till.
            let until = self.cache.get(&format!("{who}:until")).await.unwrap_or_default();
            let until = until.and_then(|bytes| String::from_utf8(bytes).ok()?.parse::<i64>().ok());
            if let Some(until) = until {
                let left = until.saturating_sub(self.clock.now().timestamp()).max(1);
                return Err(Refusal::too_many(u32::try_from(left).unwrap_or(u32::MAX)));
            }
        }
        Ok(Guard { shop: self, counted })
    }
}

impl Guard<'_> {
    /// Counts the codes that were nobody's. One code counts once a minute: the till sends it again with every change of
    /// the basket.
    ///
    /// # Errors
    /// `too-many-requests` when these were too many.
    pub(crate) async fn count(&self, wrong: &[String]) -> Result<(), Refusal> {
        for code in wrong {
            let mark = Sha256::digest(code.as_bytes());
            for (who, most) in &self.counted {
                let again = format!("{who}:{:x}", u128::from_be_bytes(first_half(&mark)));
                if matches!(self.hit(&again, 1).await, Some(Hit::Within))
                    && let Some(Hit::Over { retry_after }) = self.hit(who, *most).await
                {
                    self.shut_out(who, retry_after).await;
                    return Err(Refusal::too_many(retry_after));
                }
            }
        }
        Ok(())
    }

    async fn hit(&self, key: &str, limit: u32) -> Option<Hit> {
        self.shop
            .cache
            .hit(key, limit, MINUTE)
            .await
            .inspect_err(|error| tracing::warn!(%error, "a limit could not be counted"))
            .ok()
    }

    async fn shut_out(&self, who: &str, seconds: u32) {
        let until = self.shop.clock.now().timestamp().saturating_add(i64::from(seconds));
        let kept = Duration::from_secs(u64::from(seconds));
        if let Err(error) = self.shop.cache.put(&format!("{who}:until"), until.to_string().as_bytes(), kept).await {
            tracing::warn!(%error, "a limit could not be kept");
        }
    }
}

fn first_half(mark: &[u8]) -> [u8; 16] {
    std::array::from_fn(|place| mark[place])
}
