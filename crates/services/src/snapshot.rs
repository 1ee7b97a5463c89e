//! What every quote needs of the shop, in memory: settings, catalogue, stores and the campaigns' rules.
//!
//! A snapshot never changes; a new one takes its place when the shop's versions have moved. The hot path reads the
//! current one without waiting, and asks the database at most every [`Pace::snapshot`](crate::pace::Pace) whether it is.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use chrono::{DateTime, TimeDelta, Utc};
use contract::Refusal;
use domain::{Product, Sku, StoreId};
use foldhash::fast::RandomState;
use promotions::{Params, Rules, Tz};
use store::StoreError;
use store::shop::Settings;

use crate::Shop;

/// Rule sets that sessions are pinned to; more than this is somebody publishing all day.
const REVISIONS_KEPT: usize = 32;
/// While somebody looks, the others go on with what was true so long ago at most; then they wait for who looks.
const MOST_BEHIND: TimeDelta = TimeDelta::seconds(2);

/// The shop at one moment.
#[derive(Debug)]
pub struct Snapshot {
    pub settings: Settings,
    /// The rule set in use; `None` where none was ever published.
    pub revision: Option<i64>,
    pub rules: Rules,
    zone: Tz,
    /// Of the stores whose days begin elsewhere.
    zones: HashMap<StoreId, Tz>,
    products: HashMap<Sku, Shelved, RandomState>,
}

/// A product, what it is called in Russian, and how the lines of an answer begin that sell it.
#[derive(Clone, Debug)]
pub struct Shelved {
    pub product: Product,
    /// Empty where there is none.
    name_ru: String,
    /// In English and in Russian.
    told: [String; 2],
}

impl Shelved {
    fn new(product: Product, name_ru: String) -> Self {
        let mut shelved = Self { product, name_ru, told: Default::default() };
        shelved.told = [domain::Locale::En, domain::Locale::Ru]
            .map(|locale| told(shelved.product.sku.as_str(), shelved.name(locale)));
        shelved
    }

    /// Sku and name as JSON has them.
    #[must_use]
    pub fn told(&self, locale: domain::Locale) -> &str {
        let [english, russian] = &self.told;
        match locale {
            domain::Locale::En => english,
            domain::Locale::Ru => russian,
        }
    }

    /// What the product is called in a language; the other one's name where it has none.
    #[must_use]
    pub fn name(&self, locale: domain::Locale) -> &str {
        match locale {
            domain::Locale::Ru if !self.name_ru.is_empty() => &self.name_ru,
            _ => &self.product.name,
        }
    }
}

/// How a line of a till's answer says what it sells: every quote tells it of every line, and it never changes.
pub(crate) fn told(sku: &str, name: &str) -> String {
    // A text is never refused.
    let json = |text| serde_json::to_string(text).unwrap_or_default();
    format!("\"sku\":{},\"name\":{}", json(sku), json(name))
}

impl Snapshot {
    #[must_use]
    pub fn product(&self, sku: &str) -> Option<&Shelved> {
        self.products.get(sku)
    }

    /// Everything that is sold.
    pub fn goods(&self) -> impl Iterator<Item = &Product> {
        self.products.values().map(|shelved| &shelved.product)
    }

    /// Where the chain's days begin.
    #[must_use]
    pub fn zone(&self) -> Tz {
        self.zone
    }

    /// Where a store's days begin.
    #[must_use]
    pub fn zone_of(&self, store: StoreId) -> Tz {
        self.zones.get(&store).copied().unwrap_or(self.zone)
    }
}

/// The snapshot that counts, and when it was known to.
#[derive(Debug, Default)]
pub struct Snapshots {
    current: RwLock<Current>,
    compiled: Mutex<HashMap<i64, Rules>>,
    /// One looks, the others go on with what there is.
    looking: tokio::sync::Mutex<()>,
}

#[derive(Clone, Debug, Default)]
struct Current {
    known: Option<Known>,
    /// How often this process changed the shop: what was read before a change is no news after it.
    changes: u64,
}

#[derive(Clone, Debug)]
struct Known {
    snapshot: Arc<Snapshot>,
    /// `None` since this process changed the shop.
    at: Option<DateTime<Utc>>,
}

impl Known {
    /// Whether it was true less than `within` ago. A moment to come is none: the machine's clock was put back.
    fn is_from(&self, now: DateTime<Utc>, within: TimeDelta) -> bool {
        self.at.is_some_and(|at| at <= now && now - at < within)
    }
}

impl Snapshots {
    fn compiled(&self) -> MutexGuard<'_, HashMap<i64, Rules>> {
        self.compiled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn current(&self) -> Current {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was read after `changes` changes, at `at`.
    fn put(&self, snapshot: Arc<Snapshot>, at: DateTime<Utc>, changes: u64) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let at = (current.changes == changes).then_some(at);
        current.known = Some(Known { snapshot, at });
    }

    /// This process changed the shop: whoever asks next looks.
    pub fn expire(&self) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        current.changes += 1;
        if let Some(known) = &mut current.known {
            known.at = None;
        }
    }
}

impl Shop {
    /// The shop as it is now, or was [`Pace::snapshot`](crate::pace::Pace) ago.
    ///
    /// # Errors
    /// `shop-not-set-up` before the first seed or import; else only when the store is away and nothing is known yet.
    pub async fn snapshot(&self) -> Result<Arc<Snapshot>, Refusal> {
        let now = self.clock.now();
        let known = self.snapshots.current().known;
        if let Some(known) = &known
            && known.is_from(now, self.pace.snapshot)
        {
            return Ok(known.snapshot.clone());
        }
        match (known, self.snapshots.looking.try_lock()) {
            (_, Ok(looking)) => self.look(looking).await,
            (Some(known), Err(_)) if self.pace.behind && known.is_from(now, MOST_BEHIND) => Ok(known.snapshot),
            (_, Err(_)) => {
                let looking = self.snapshots.looking.lock().await;
                match self.snapshots.current().known {
                    // Who looked before is just back.
                    Some(known) if known.is_from(self.clock.now(), self.pace.snapshot) => Ok(known.snapshot),
                    _ => self.look(looking).await,
                }
            }
        }
    }

    /// The shop as it is now, whatever is known: for whoever asks for what the snapshot does not have.
    ///
    /// # Errors
    /// As [`snapshot`](Self::snapshot).
    pub(crate) async fn snapshot_anew(&self) -> Result<Arc<Snapshot>, Refusal> {
        self.look(self.snapshots.looking.lock().await).await
    }

    async fn look(&self, looking: tokio::sync::MutexGuard<'_, ()>) -> Result<Arc<Snapshot>, Refusal> {
        // Only now: whoever waited to look compares with what the one before them found.
        let Current { known, changes } = self.snapshots.current();
        let now = self.clock.now();
        let read = self.take_snapshot(known.as_ref().map(|known| &known.snapshot)).await;
        if let Ok(Some(snapshot)) = &read {
            self.snapshots.put(snapshot.clone(), now, changes);
        }
        drop(looking);
        match (read, known) {
            (Ok(Some(snapshot)), _) => Ok(snapshot),
            (Ok(None), _) => Err(crate::till::not_set_up()),
            (Err(error), Some(known)) if self.pace.behind => {
                tracing::warn!(%error, "the shop could not be read again; the tills go on with what they know");
                Ok(known.snapshot)
            }
            (Err(error), _) => Err(self.failed(&error)),
        }
    }

    async fn take_snapshot(&self, known: Option<&Arc<Snapshot>>) -> Result<Option<Arc<Snapshot>>, StoreError> {
        // Whoever looks, the tills wait for it.
        let store = self.store.for_tills();
        let Some((settings, revision)) = store.in_force().await? else { return Ok(None) };
        if let Some(known) = known
            && known.settings == settings
            && known.revision == revision
        {
            return Ok(Some(known.clone()));
        }
        // The versions before the catalogue: what changes between the two reads is read again the next time.
        let rules = self.rules_of(revision).await?;
        let zone = zone(&settings.time_zone)?;
        let zones = store.zones().await?;
        let zones = zones.into_iter().map(|(store, name)| Ok((store, self::zone(&name)?)));
        let products = store.all_products().await?;
        let shelved =
            products.into_iter().map(|(product, name_ru)| (product.sku.clone(), Shelved::new(product, name_ru)));
        Ok(Some(Arc::new(Snapshot {
            settings,
            revision,
            rules,
            zone,
            zones: zones.collect::<Result<_, StoreError>>()?,
            products: shelved.collect(),
        })))
    }

    /// The rules of a revision, which never changes: compiled once.
    pub(crate) async fn rules_of(&self, revision: Option<i64>) -> Result<Rules, StoreError> {
        let Some(revision) = revision else { return Ok(Rules::default()) };
        if let Some(rules) = self.snapshots.compiled().get(&revision) {
            return Ok(rules.clone());
        }
        let corrupt = |why: String| StoreError::corrupt("rule set", format!("revision {revision}: {why}"));
        let stored =
            self.store.for_tills().rule_set(revision).await?.ok_or_else(|| corrupt("it is not there".to_owned()))?;
        let params: Params = serde_json::from_str(&stored.params).map_err(|why| corrupt(why.to_string()))?;
        let rules = params.check().map_err(|problems| corrupt(problems.to_string()))?;
        let mut compiled = self.snapshots.compiled();
        if compiled.len() >= REVISIONS_KEPT {
            compiled.clear();
        }
        compiled.insert(revision, rules.clone());
        Ok(rules)
    }
}

fn zone(name: &str) -> Result<Tz, StoreError> {
    name.parse().map_err(|why| StoreError::corrupt("time zone", format!("{name}: {why}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    async fn shop() -> testing::Bare {
        let bare = testing::bare("2026-11-21T08:00:00Z").await;
        let sql = "insert into shop (name, currency, time_zone, min_margin_bp, created_at) values ('Kava', 'GBP', 'UTC', 1000, now())";
        sqlx::query(sql).execute(&bare.pool).await.unwrap();
        bare
    }

    #[tokio::test]
    async fn what_was_read_before_a_change_is_no_news_after_it() {
        let bare = shop().await;
        let (snapshot, now) = (bare.shop.snapshot().await.unwrap(), bare.shop.clock.now());
        let snapshots = Snapshots::default();
        let before = snapshots.current().changes;
        // Somebody looks, the shop is changed, and only then who looked comes back.
        snapshots.expire();
        snapshots.put(snapshot.clone(), now, before);
        assert_eq!(snapshots.current().known.unwrap().at, None, "whoever asks next looks");
        snapshots.put(snapshot, now, snapshots.current().changes);
        assert_eq!(snapshots.current().known.unwrap().at, Some(now));
    }

    #[tokio::test]
    async fn while_somebody_looks_the_others_go_on_for_a_moment_only() {
        let mut bare = shop().await;
        bare.shop.pace = crate::Pace::swift();
        let snapshot = bare.shop.snapshot().await.unwrap();
        let known = |at: DateTime<Utc>| Known { snapshot: snapshot.clone(), at: Some(at) };
        let now = bare.shop.clock.now();
        assert!(known(now - TimeDelta::seconds(1)).is_from(now, MOST_BEHIND));
        assert!(!known(now - MOST_BEHIND).is_from(now, MOST_BEHIND));
        assert!(!known(now + TimeDelta::seconds(1)).is_from(now, MOST_BEHIND), "the clock was put back");
        // Who finds what is known too old waits for who looks, and does not go on with it.
        let looking = bare.shop.snapshots.looking.lock().await;
        let changes = bare.shop.snapshots.current().changes;
        bare.shop.snapshots.put(snapshot.clone(), now - MOST_BEHIND - MOST_BEHIND, changes);
        let waiting = tokio::time::timeout(std::time::Duration::from_millis(50), bare.shop.snapshot()).await;
        assert!(waiting.is_err(), "it waits");
        bare.shop.snapshots.put(snapshot.clone(), now - TimeDelta::seconds(1), changes);
        assert!(bare.shop.snapshot().await.is_ok(), "a moment old is good enough while somebody looks");
        drop(looking);
    }
}
