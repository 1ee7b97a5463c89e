//! Accounts that end. A customer may be forgotten: then nothing says any more who they were, and every sum stays. Or two
//! turn out to be one: then everything counts for the one, and no limit begins anew.

use chrono::{DateTime, TimeDelta, Utc};
use contract::Refusal;
use domain::code::{CodeHandle, RotatingSecret, StaticCode};
use domain::{CustomerId, Phone};
use events::{Event, Payload};
use serde_json::json;
use store::accounts::{self, Merged, NobodysCodes};
use store::segments::Whose;
use store::{StoreError, Tx};

use crate::Shop;
use crate::clock::Draw;
use crate::customer::peppered;
use crate::till::Stop;

/// What limits somebody had used before they were forgotten holds for who comes back with the same phone for so long: longer
/// than any welcome lasts, and not for ever.
const PHONES_KEPT: TimeDelta = TimeDelta::days(365);
/// After this nothing is on its way any more that was said before the customer was forgotten.
const SETTLED: TimeDelta = TimeDelta::hours(1);
/// How often a story is told again after it lost a race with a purchase.
const TRIES: u32 = 4;

/// What came of a merger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Merger {
    /// Whose account it all is now.
    pub into: CustomerId,
    /// False when it had been done before.
    pub now: bool,
}

impl Shop {
    /// Forgets a customer for good, with everybody who was merged into them: phone, name, codes, log-ins and cards are gone,
    /// receipts, limits and sums stay under an id that leads to nobody. Doing it twice does nothing.
    ///
    /// # Errors
    /// `customer-not-found`.
    pub async fn forget_customer(&self, customer: CustomerId) -> Result<(), Refusal> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.forget_once(customer).await {
                Err(Stop::Failed(StoreError::Conflict(_))) if tries < TRIES => {}
                Err(stop) => return Err(self.refused(stop)),
                Ok(()) => break,
            }
        }
        // What tills were told of their baskets is many rows: nobody waits for them, and the sweep finishes what this leaves.
        let shop = self.clone();
        tokio::spawn(async move {
            if let Err(error) = shop.scrub_forgotten().await {
                tracing::warn!(%error, "what was stored of a forgotten customer's baskets is scrubbed later");
            }
        });
        Ok(())
    }

    async fn forget_once(&self, customer: CustomerId) -> Result<(), Stop> {
        let pepper = self.phone_pepper().await?;
        let now = self.clock.now();
        let mut tx = self.store.begin().await?;
        // Whoever signs in just now with one of these phones is done before, or finds nobody.
        for phone in accounts::phones(&mut tx, customer).await? {
            store::logins::lock_phone(&mut tx, &phone).await?;
        }
        let Some(account) = accounts::hold(&mut tx, customer).await? else { return Err(not_found(customer).into()) };
        if account.erased {
            return Ok(());
        }
        let codes: Vec<NobodysCodes> = account.rows.iter().map(|_| self.nobodys_codes()).collect();
        // Two phones of one account are one person's: the first is enough to know them again.
        let phone = account.phones.first().map(|phone| peppered(&pepper, [PHONE, phone.as_str()])).transpose()?;
        accounts::erase(&mut tx, &account, &codes, phone, now).await?;
        let payload = json!({ "what": "forgotten", "customer_ids": account.rows });
        store::outbox::append(&mut tx, &[self.activity(customer, &payload, now)?]).await?;
        store::commit(tx).await?;
        for row in account.rows {
            self.customer_changed(row);
        }
        Ok(())
    }

    /// Makes everything of `from` count for `into`.
    ///
    /// # Errors
    /// `customer-not-found`, `customer-forgotten`, `customer-merged` when `from` was merged into somebody else, and
    /// `same-customer`.
    pub async fn merge_customers(&self, from: CustomerId, into: CustomerId) -> Result<Merger, Refusal> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.merge_once(from, into).await {
                Err(Stop::Failed(StoreError::Conflict(_))) if tries < TRIES => {}
                Err(stop) => return Err(self.refused(stop)),
                Ok(merger) => return Ok(merger),
            }
        }
    }

    async fn merge_once(&self, from: CustomerId, into: CustomerId) -> Result<Merger, Stop> {
        let now = self.clock.now();
        let mut tx = self.store.begin().await?;
        let before = store::segments::read(&mut tx, into).await?;
        let (came, into) = accounts::merge(&mut tx, from, into, now).await?;
        match came {
            Merged::Now => {}
            Merged::Before => return Ok(Merger { into, now: false }),
            Merged::Same => {
                return Err(Refusal::conflict("same-customer", "Both are one customer already.").into());
            }
            Merged::Elsewhere(other) => {
                let detail = format!("{from} was merged into {other}: merge that one.");
                return Err(Refusal::conflict("customer-merged", detail).into());
            }
            Merged::Erased(who) => {
                let detail = format!("{who} was forgotten: nothing is known any more that could be merged.");
                return Err(Refusal::conflict("customer-forgotten", detail).into());
            }
            Merged::NotThere(who) => return Err(not_found(who).into()),
        }
        store::segments::refresh(&mut tx, Whose::These(&[from.0, into.0])).await?;
        if let (Some(before), Some(after)) = (before, store::segments::lock(&mut tx, into).await?) {
            self.place(&mut tx, before, after, None, now).await?;
        }
        let payload = json!({ "what": "merged", "customer_id": from, "into": into });
        store::outbox::append(&mut tx, &[self.activity(into, &payload, now)?]).await?;
        store::commit(tx).await?;
        self.customer_changed(from);
        self.customer_changed(into);
        Ok(Merger { into, now: true })
    }

    /// Takes the names of forgotten customers out of what tills were told; gives how many texts had one.
    ///
    /// # Errors
    /// Only when the store is away.
    pub async fn scrub_forgotten(&self) -> Result<u64, StoreError> {
        let now = self.clock.now();
        self.store.forget_erased_phones(now - PHONES_KEPT).await?;
        let mut scrubbed = 0;
        for customer in self.store.unscrubbed(now, now - SETTLED).await? {
            scrubbed += self.store.scrub(customer, now, now - SETTLED).await?;
        }
        Ok(scrubbed)
    }

    /// Who registers with the phone of somebody who was forgotten goes on where they were with every limit.
    pub(crate) async fn remember_limits(
        &self,
        tx: &mut Tx,
        pepper: &[u8; 32],
        phone: &Phone,
        customer: CustomerId,
    ) -> Result<(), StoreError> {
        accounts::take_over_limits(tx, &peppered(pepper, [PHONE, phone.as_str()])?, customer).await?;
        Ok(())
    }

    /// The secret that forgotten phones are known again by. Asked for before a transaction begins, never inside.
    pub(crate) async fn phone_pepper(&self) -> Result<[u8; 32], StoreError> {
        self.store.secret("phone-pepper", self.entropy.bytes()).await
    }

    fn nobodys_codes(&self) -> NobodysCodes {
        NobodysCodes {
            static_code: StaticCode::from_seed(self.entropy.number()),
            handle: CodeHandle::from_seed(self.entropy.number()),
            secret: RotatingSecret(self.entropy.bytes()),
        }
    }

    fn activity(
        &self,
        customer: CustomerId,
        payload: &serde_json::Value,
        now: DateTime<Utc>,
    ) -> Result<Event, StoreError> {
        let payload = Payload::of(payload).map_err(|why| StoreError::corrupt("event", why))?;
        Ok(Event {
            event_id: self.entropy.id(now),
            topic: events::ACTIVITY.to_owned(),
            key: customer.to_string(),
            schema: 1,
            occurred_at: now,
            payload,
        })
    }
}

/// What is hashed, so that no other use of the secret gives the same.
const PHONE: &str = "forgotten-phone";

fn not_found(customer: CustomerId) -> Refusal {
    Refusal::not_found("customer-not-found", format!("There is no customer {customer}."))
}
