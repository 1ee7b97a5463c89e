//! The stories of the shop: load facts, let the engines decide, record, announce. Implements `contract`.

pub mod clock;
mod fault;

pub mod accounts;
pub mod adapter;
pub mod campaigns;
pub mod cards;
pub mod coupons;
pub mod customer;
pub mod grants;
mod guests;
pub mod import;
pub mod lifetime;
pub mod marketing;
pub mod offline;
pub mod pace;
pub mod picks;
pub mod policy;
pub mod relay;
pub mod seed;
pub mod segment;
pub mod simulation;
pub mod snapshot;
pub mod staff;
pub mod till;
pub mod together;
mod zone;

#[cfg(test)]
mod testing;

use std::sync::{Arc, OnceLock};

use cache::Cache;
use chrono_tz::Tz;
use notify::Sms;
use store::Store;
use tokio::sync::Notify;

pub use clock::{Clock, Entropy, OsEntropy, SystemClock};
pub use pace::Pace;

/// The shop behind every door. Its `impl`s of the contract's traits stand in the module of each audience.
#[derive(Clone)]
pub struct Shop {
    pub(crate) store: Store,
    pub(crate) cache: Arc<dyn Cache>,
    pub(crate) sms: Arc<dyn Sms>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    /// Till keys that were good a moment ago.
    pub(crate) keys: Arc<till::KeyRing>,
    /// Segment models that were read: they never change.
    pub(crate) models: Arc<segment::Models>,
    pub(crate) pace: Pace,
    pub(crate) snapshots: Arc<snapshot::Snapshots>,
    pub(crate) guests: Arc<guests::Guests>,
    pub(crate) counter: Arc<till::Counter>,
    pub(crate) zone: Arc<OnceLock<Tz>>,
    /// What tills may give while they are offline.
    pub(crate) grant_terms: grants::Terms,
    /// What the secrets of the chain's own tills are derived from; without it none can be connected.
    pub(crate) master_key: Option<adapter::MasterKey>,
    /// Rung when there is something to tell a till.
    pub(crate) letters: Arc<Notify>,
    pub(crate) simulations: Arc<simulation::Jobs>,
    /// How far the fit of the segments is, while this process makes one.
    pub(crate) fitting: Arc<segment::Progress>,
    /// What customers are likely to take next, as this process learned it.
    pub(crate) rankings: Arc<picks::Rankings>,
    /// Models of how customers answer discounts that were read.
    pub(crate) responses: Arc<policy::Models>,
    /// How far training such a model is, while this process does.
    pub(crate) training: Arc<policy::Training>,
}

impl Shop {
    #[must_use]
    pub fn new(
        store: Store,
        cache: Arc<dyn Cache>,
        sms: Arc<dyn Sms>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self {
            store,
            cache,
            sms,
            clock,
            entropy,
            keys: Arc::default(),
            models: Arc::default(),
            zone: Arc::default(),
            pace: Pace::exact(),
            snapshots: Arc::default(),
            guests: Arc::default(),
            counter: Arc::default(),
            grant_terms: grants::Terms::default(),
            master_key: None,
            letters: Arc::default(),
            simulations: Arc::default(),
            fitting: Arc::default(),
            rankings: Arc::default(),
            responses: Arc::default(),
            training: Arc::default(),
        }
    }

    /// Lets the tills trust the memory of this process.
    #[must_use]
    pub fn at_pace(self, pace: Pace) -> Self {
        Self { pace, ..self }
    }

    /// The same shop as the tills reach it: what pages and reports hold of the database, no till waits for.
    #[must_use]
    pub fn at_tills(&self) -> Self {
        Self { store: self.store.for_tills(), ..self.clone() }
    }

    /// The same shop with other terms for its offline tills.
    #[must_use]
    pub fn with_grant_terms(self, grant_terms: grants::Terms) -> Self {
        Self { grant_terms, ..self }
    }

    /// The same shop, which can prove itself to the chain's own tills.
    #[must_use]
    pub fn with_master_key(self, key: adapter::MasterKey) -> Self {
        Self { master_key: Some(key), ..self }
    }

    /// How far the fit of the segments is, while this process makes one.
    #[must_use]
    pub fn fitting(&self) -> &segment::Progress {
        &self.fitting
    }

    /// The store of this shop, for those who keep it company: the relay's bus, the doctor.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }
}
