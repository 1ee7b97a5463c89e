//! The relay (law 10): what was committed is published, in order of each key, at least once, and never forgotten.
//!
//! Several processes may run it at once: one at a time holds the outbox, the others pass. A relay that dies between
//! publishing and marking publishes again; the bus knows what it has.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use events::{Bus, BusError};
use store::{StoreError, outbox};

use crate::{Shop, customer};

/// Events of one batch.
const BATCH: u16 = 500;
/// How long a relay with nothing to do waits.
const PAUSE: Duration = Duration::from_millis(500);
/// What a relay that has caught up gives the next events to gather: a batch costs two waits for the disk whatever its size,
/// which the tills would wait for as well.
const GATHER: Duration = Duration::from_millis(100);
/// How long it waits after a failure, so that a bus that is away is not stormed.
const AFTER_FAILURE: Duration = Duration::from_secs(3);
const BETWEEN_SWEEPS: TimeDelta = TimeDelta::minutes(15);

/// Answers to idempotency keys are kept for two days (the contract promises one).
const KEYS_KEPT: TimeDelta = TimeDelta::days(2);
/// Baskets that nobody paid for.
const SESSIONS_KEPT: TimeDelta = TimeDelta::days(7);
/// Far longer than a till tries a message again.
const MESSAGES_KEPT: TimeDelta = TimeDelta::days(3);
/// Far longer than a rotating code can be shown.
const CODES_KEPT: TimeDelta = TimeDelta::days(7);
/// The bus has them, and knows for ever what it has; a week is for whoever looks into what happened.
const ANNOUNCED_KEPT: TimeDelta = TimeDelta::days(7);
/// Holds of coupons and budgets that are released in one transaction.
const HOLDS: u32 = 1_000;

#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Bus(#[from] BusError),
}

/// What was forgotten because nobody can ask for it any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    pub keys: u64,
    pub sessions: u64,
    pub codes: u64,
    /// Log-ins, of customers and staff, that let nobody in any more.
    pub logins: u64,
    /// Events that were announced.
    pub events: u64,
    /// What open sessions held of coupons and budgets, and no longer do.
    pub holds: u64,
    pub till_messages: u64,
    /// Texts that said what a forgotten customer was called.
    pub names: u64,
}

/// Moves one batch to the bus; gives how many events it had, and 0 also while another relay is at work.
///
/// # Errors
/// When store or bus is away: then nothing is marked, and the same batch comes again.
pub async fn relay_batch(shop: &Shop, bus: &dyn Bus) -> Result<usize, RelayError> {
    let mut tx = shop.store.begin().await?;
    let Some(pending) = outbox::take(&mut tx, BATCH).await? else { return Ok(0) };
    if pending.ids.is_empty() {
        return Ok(0);
    }
    bus.publish(&pending.events).await?;
    outbox::mark_published(&mut tx, &pending.ids, shop.clock.now()).await?;
    store::commit(tx).await?;
    Ok(pending.ids.len())
}

/// Moves all that waits now.
///
/// # Errors
/// As [`relay_batch`]; what was marked before stays marked.
pub async fn relay_all(shop: &Shop, bus: &dyn Bus) -> Result<usize, RelayError> {
    let mut moved = 0;
    loop {
        match relay_batch(shop, bus).await? {
            0 => return Ok(moved),
            some => moved += some,
        }
    }
}

/// Forgets old idempotency keys, expired baskets, used codes, dead log-ins and announced events, and releases expired
/// holds of coupons and budgets.
///
/// # Errors
/// Only when the store is away.
pub async fn sweep(shop: &Shop) -> Result<Swept, StoreError> {
    sweep_part(shop, None).await
}

/// The same, of a large table of sessions only the part of this `turn`.
async fn sweep_part(shop: &Shop, turn: Option<u64>) -> Result<Swept, StoreError> {
    let now = shop.clock.now();
    shop.counter.forget_expired(now - SESSIONS_KEPT);
    let customers = shop.store.forget_customer_logins(now, now - customer::IDLE).await?;
    let staff = shop.store.forget_staff_logins(now).await?;
    Ok(Swept {
        keys: shop.store.forget_keys(now - KEYS_KEPT).await?,
        sessions: shop.store.forget_sessions(now - SESSIONS_KEPT, turn).await?,
        codes: shop.store.forget_code_uses(now - CODES_KEPT).await?,
        logins: customers + staff,
        events: shop.store.forget_published(now - ANNOUNCED_KEPT).await?,
        holds: release_holds(shop, now).await?,
        till_messages: shop.store.forget_till_messages(now - MESSAGES_KEPT).await?,
        names: shop.scrub_forgotten().await?,
    })
}

/// Which sweep since 1970 this is.
fn turn(now: DateTime<Utc>) -> u64 {
    u64::try_from(now.timestamp() / BETWEEN_SWEEPS.num_seconds()).unwrap_or(0)
}

async fn release_holds(shop: &Shop, now: DateTime<Utc>) -> Result<u64, StoreError> {
    let mut released = 0;
    loop {
        match shop.store.sweep_holds(now, HOLDS).await? {
            0 => return Ok(released),
            some => released += some,
        }
    }
}

/// Relays and sweeps until the task is dropped; failures are logged and tried again.
pub async fn run(shop: Shop, bus: Arc<dyn Bus>) {
    let mut swept_at = None;
    loop {
        let pause = match relay_batch(&shop, bus.as_ref()).await {
            Ok(0) => PAUSE,
            Ok(moved) if moved >= usize::from(BATCH) => continue,
            Ok(_) => GATHER,
            Err(error) => {
                tracing::warn!(%error, bus = bus.kind(), "events wait: the relay tries again");
                AFTER_FAILURE
            }
        };
        let now = shop.clock.now();
        if swept_at.is_none_or(|at| now - at >= BETWEEN_SWEEPS) {
            swept_at = Some(now);
            match sweep_part(&shop, Some(turn(now))).await {
                Ok(swept) if swept != Swept::default() => tracing::info!(?swept, "forgot what nobody can ask for"),
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "could not forget what is old"),
            }
        }
        tokio::time::sleep(pause).await;
    }
}
