//! The Alfa Kassa adapter: the chain's own tills, whose protocol (`till::wire`) becomes the stories of every till.
//!
//! Kava pushes the discount to the till before the purchase is confirmed, and receives the purchase afterwards. Messages
//! come twice, late and out of order: a message's id makes it count once, a check's sequence says which one is the latest,
//! and a receipt's number is what no purchase is recorded twice under.

mod inbound;
mod outbound;

use chrono::{DateTime, Utc};
use contract::Refusal;
use domain::TillId;
use store::deliveries::{Dead, Link};
use till::wire::Secret;
use uuid::Uuid;

use crate::Shop;

pub use outbound::{Courier, Letter, deliver_due, run};

/// What the secrets of all tills are derived from. It is not in the database, so a copy of the database signs nothing.
#[derive(Clone)]
pub struct MasterKey([u8; 32]);

impl MasterKey {
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub(crate) fn secret(&self, till: TillId, generation: i32) -> Secret {
        Secret::derive(&self.0, till, generation)
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey")
    }
}

/// A till that was connected, and the secret that it is told once.
#[derive(Clone, Debug)]
pub struct Connected {
    pub link: Link,
    pub secret: Secret,
}

impl Shop {
    /// Connects a till, or connects it anew: then its old secret is worth nothing.
    ///
    /// # Errors
    /// `till-not-found`, `invalid-endpoint`, `no-master-key`.
    pub async fn connect_till(&self, store: &str, till: &str, endpoint: &str) -> Result<Connected, Refusal> {
        let master = self.master()?;
        if !(endpoint.starts_with("http://") || endpoint.starts_with("https://")) || endpoint.len() > 500 {
            let detail = "An endpoint is an address such as https://10.0.4.7:7000/kava.";
            return Err(Refusal::unacceptable("invalid-endpoint", detail));
        }
        let link = self.store.connect_till((store, till), endpoint, self.clock.now()).await;
        let link = link.map_err(|error| self.failed(&error))?.ok_or_else(|| {
            Refusal::not_found("till-not-found", format!("Store {store:?} has no till that is called {till:?}."))
        })?;
        Ok(Connected { secret: master.secret(link.till(), link.generation), link })
    }

    /// # Errors
    /// Only when the store is away.
    pub async fn connected_tills(&self) -> Result<Vec<Link>, Refusal> {
        self.store.till_links().await.map_err(|error| self.failed(&error))
    }

    /// The newest messages that no till took for a day.
    ///
    /// # Errors
    /// Only when the store is away.
    pub async fn dead_letters(&self, limit: u16) -> Result<Vec<Dead>, Refusal> {
        self.store.dead_letters(limit).await.map_err(|error| self.failed(&error))
    }

    /// Tries dead letters for another day: this one, or all.
    ///
    /// # Errors
    /// Only when the store is away.
    pub async fn retry_dead_letters(&self, id: Option<Uuid>) -> Result<u64, Refusal> {
        let now: DateTime<Utc> = self.clock.now();
        let retried = self.store.retry_dead_letters(id, now).await.map_err(|error| self.failed(&error))?;
        self.letters.notify_one();
        Ok(retried)
    }

    fn master(&self) -> Result<&MasterKey, Refusal> {
        self.master_key.as_ref().ok_or_else(|| {
            let detail =
                "No master key for tills is set. Set till.master_key, or let till.master_key_file name a file.";
            Refusal::unacceptable("no-master-key", detail)
        })
    }
}
