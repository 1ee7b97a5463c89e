//! What a till is told: sent after the commit, at least once, with pauses that double for a day; then it is a dead letter.

use std::time::Duration;

use async_trait::async_trait;
use chrono::TimeDelta;
use domain::TillId;
use futures::future::join_all;
use store::StoreError;
use store::deliveries::Due;
use till::retry;
use till::wire::{Direction, Stamp};

use crate::Shop;

/// How long a try may take, with room: after this another worker may take it up.
const LEASE: TimeDelta = TimeDelta::seconds(30);
/// Deliveries that are under way at the same time.
const AT_ONCE: u16 = 32;
/// How often a worker looks without being called: for what another process wrote, and for what is due again.
const PAUSE: Duration = Duration::from_millis(500);

/// A signed message, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    pub endpoint: String,
    pub stamp: Stamp,
    pub signature: String,
    pub body: String,
}

/// Who carries a message to a till. It has arrived when the till says so with any 2xx.
#[async_trait]
pub trait Courier: Send + Sync {
    /// # Errors
    /// Why it did not arrive, in words for the operator.
    async fn carry(&self, letter: &Letter) -> Result<(), String>;
}

/// Sends what is due now; says how many were tried.
///
/// # Errors
/// Only when the store is away: then what was sent may be sent again.
pub async fn deliver_due(shop: &Shop, courier: &dyn Courier) -> Result<usize, StoreError> {
    let due = shop.store.due_deliveries(shop.clock.now(), LEASE, AT_ONCE).await?;
    let tried = due.len();
    for done in join_all(due.into_iter().map(|due| deliver(shop, courier, due))).await {
        done?;
    }
    Ok(tried)
}

async fn deliver(shop: &Shop, courier: &dyn Courier, due: Due) -> Result<(), StoreError> {
    let carried = match &shop.master_key {
        Some(master) => {
            let till = TillId(due.till_id);
            // Signed anew for every try: the timestamp is this try's, the message's id is always the same.
            let stamp = Stamp { till, message: due.id, timestamp: shop.clock.now().timestamp() };
            let secret = master.secret(till, due.generation);
            let signature = secret.sign(Direction::ToTill, &stamp, due.body.as_bytes());
            courier.carry(&Letter { endpoint: due.endpoint, stamp, signature, body: due.body }).await
        }
        None => Err("no master key is set".to_owned()),
    };
    let now = shop.clock.now();
    match carried {
        Ok(()) => shop.store.delivered(due.id, now).await,
        Err(why) => {
            let next = retry::next_try(due.created_at, due.tries.unsigned_abs(), now);
            if next.is_none() {
                tracing::warn!(delivery = %due.id, till = %due.till_id, why, "given up after a day: see kava till dead-letters");
            }
            shop.store.not_delivered(due.id, &why, next, now).await
        }
    }
}

/// Delivers until the task is dropped. A purchase of this process wakes it at once.
pub async fn run(shop: Shop, courier: std::sync::Arc<dyn Courier>) {
    loop {
        match deliver_due(&shop, courier.as_ref()).await {
            Ok(0) => {
                // Woken or not, the next look says what there is.
                let _ = tokio::time::timeout(PAUSE, shop.letters.notified()).await;
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "messages to tills wait");
                tokio::time::sleep(PAUSE * 6).await;
            }
        }
    }
}
