//! Segments: kept up by every purchase in its own transaction (law 5), and fitted anew from all receipts.
//!
//! Recency needs an end to measure to. Who has bought at a till is measured to now. Whose purchases were all imported
//! is measured to the newest imported receipt, because that is where their history ends, and not when they were last
//! seen: so an old history and live purchases can share one shop.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use contract::Refusal;
use domain::{Amount, CategoryId, Currency, CustomerId, Locale, SegmentModelId, SegmentName};
use events::Event;
use segmentation::{Facts, FitError, Model, Params};
use serde_json::json;
use store::segments::{Change, Features, StoredModel, Whose};
use store::{StoreError, Tx};

use crate::Shop;
use crate::clock::Draw;

/// The same customers give the same segments, tonight and tomorrow.
const SEED: u64 = 0x6b61_7661;
/// Customers that are read or placed at a time.
const PAGE: i64 = 5_000;
/// Models are small and few; more than this is somebody fitting all day.
const MODELS_KEPT: usize = 16;
/// A gap worth telling in a reason.
const LONG_AWAY_DAYS: f64 = 30.0;

/// What a purchase says about its customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PurchaseFacts {
    pub at: DateTime<Utc>,
    /// What was paid, after discount.
    pub paid: Amount,
    /// What was paid by category; adds up to `paid`.
    pub by_category: Vec<(CategoryId, Amount)>,
}

/// A customer went from one segment to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentMove {
    pub from: SegmentName,
    pub to: SegmentName,
    /// In words: `visits 2 -> 3, basket average £12.40 -> £10.10`.
    pub reason: String,
}

/// What a fit did.
#[derive(Clone, Debug, PartialEq)]
pub struct FitReport {
    pub version: u32,
    pub samples: u64,
    pub silhouette: f64,
    /// The silhouette of every number of segments that was tried.
    pub tried: Vec<(u16, f64)>,
    /// Customers whose features were not what their receipts say, and are now.
    pub repaired: u64,
    /// Customers who are called something else than before.
    pub moved: u64,
    /// In order of revenue.
    pub segments: Vec<segmentation::Segment>,
    pub currency: Option<Currency>,
}

/// Models that were read.
#[derive(Debug, Default)]
pub struct Models(Mutex<HashMap<SegmentModelId, Arc<Model>>>);

impl Models {
    fn get(&self, id: SegmentModelId) -> Option<Arc<Model>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    fn keep(&self, id: SegmentModelId, model: &Arc<Model>) {
        let mut models = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if models.len() >= MODELS_KEPT {
            models.clear();
        }
        models.insert(id, Arc::clone(model));
    }
}

impl Shop {
    /// The name of a segment of a model; newcomers for `None` and for index 0.
    ///
    /// # Errors
    /// Only when the store is away, or the stored model cannot be read.
    pub async fn segment_name(&self, model: Option<SegmentModelId>, index: u16) -> Result<SegmentName, StoreError> {
        let Some(id) = model.filter(|_| index > 0) else { return Ok(SegmentName::Newcomers) };
        if let Some(model) = self.models.get(id) {
            return Ok(model.name(index));
        }
        let stored = self.store.segment_model(id).await?;
        Ok(self.read(id, stored)?.name(index))
    }

    /// The model in use; `None` before the first fit.
    pub(crate) async fn model_in_use(&self) -> Result<Option<(StoredModel, Arc<Model>)>, StoreError> {
        let Some(stored) = self.store.segment_model_in_use().await? else { return Ok(None) };
        let model = self.read(SegmentModelId(stored.id), Some(stored.clone()))?;
        Ok(Some((stored, model)))
    }

    /// Counts a purchase into its customer's features and segment, in the purchase's own transaction; what is to be kept
    /// and announced of a change is for the caller to write with it. `features` were locked in `tx`.
    ///
    /// # Errors
    /// Only when the store fails; then the purchase must not commit either.
    pub(crate) async fn count_in(
        &self,
        tx: &mut Tx,
        features: &mut Features,
        purchase: &PurchaseFacts,
        in_use: Option<SegmentModelId>,
        currency: Option<Currency>,
        now: DateTime<Utc>,
    ) -> Result<Option<(SegmentMove, Change, Event)>, StoreError> {
        let before = features.clone();
        let from = self.name_within(tx, &before).await?;
        features.visits = features.visits.saturating_add(1);
        features.spent = features.spent.saturating_add(purchase.paid.0);
        features.first_purchase_at =
            Some(features.first_purchase_at.map_or(purchase.at, |first| first.min(purchase.at)));
        features.last_purchase_at = Some(features.last_purchase_at.map_or(purchase.at, |last| last.max(purchase.at)));
        features.at_till = true;
        compose(features, &purchase.by_category, 1);
        if let Some(id) = in_use {
            let model = self.model_within(tx, id).await?;
            features.segment_model = Some(id.0);
            features.segment_index = index_of(&model, &facts(features, now));
        }
        let to = self.name_within(tx, features).await?;
        if from == to {
            return Ok(None);
        }
        let reason = reason(&before, features, currency);
        let moved = SegmentMove { from, to, reason };
        let (change, event) = self.announcement(features, &moved, now)?;
        Ok(Some((moved, change, event)))
    }

    /// Counts one purchase into its customer's features and segment, and writes and announces what changed.
    ///
    /// # Errors
    /// Only when the store fails; then the purchase must not commit either.
    pub async fn record_in_segment(
        &self,
        tx: &mut Tx,
        customer: CustomerId,
        purchase: &PurchaseFacts,
        now: DateTime<Utc>,
    ) -> Result<Option<SegmentMove>, StoreError> {
        let Some(mut features) = store::segments::lock(tx, customer).await? else { return Ok(None) };
        let in_use = store::segments::model_in_use(tx).await?;
        let currency = store::segments::currency(tx).await?;
        let counted = self.count_in(tx, &mut features, purchase, in_use, currency, now).await?;
        store::segments::write(tx, &features).await?;
        let Some((moved, change, event)) = counted else { return Ok(None) };
        store::segments::keep_changes(tx, &[change], now).await?;
        store::outbox::append(tx, &[event]).await?;
        Ok(Some(moved))
    }

    /// Takes a cancelled purchase out again. Call it after the receipt was marked as cancelled in `tx`.
    ///
    /// # Errors
    /// Only when the store fails; then the cancellation must not commit either.
    pub async fn take_back_from_segment(
        &self,
        tx: &mut Tx,
        customer: CustomerId,
        purchase: &PurchaseFacts,
        now: DateTime<Utc>,
    ) -> Result<Option<SegmentMove>, StoreError> {
        let Some(before) = store::segments::lock(tx, customer).await? else { return Ok(None) };
        let mut after = before.clone();
        after.visits = after.visits.saturating_sub(1).max(0);
        after.spent = after.spent.saturating_sub(purchase.paid.0);
        (after.first_purchase_at, after.last_purchase_at) = store::segments::first_and_last(tx, customer).await?;
        compose(&mut after, &purchase.by_category, -1);
        self.place(tx, before, after, now).await
    }

    async fn place(
        &self,
        tx: &mut Tx,
        before: Features,
        mut after: Features,
        now: DateTime<Utc>,
    ) -> Result<Option<SegmentMove>, StoreError> {
        let from = self.name_within(tx, &before).await?;
        if let Some(id) = store::segments::model_in_use(tx).await? {
            let model = self.model_within(tx, id).await?;
            let end = if after.at_till { now } else { store::segments::imports_end(tx).await?.unwrap_or(now) };
            after.segment_model = Some(id.0);
            after.segment_index = index_of(&model, &facts(&after, end));
        }
        store::segments::write(tx, &after).await?;
        let to = self.name_within(tx, &after).await?;
        if from == to {
            return Ok(None);
        }
        let currency = store::segments::currency(tx).await?;
        let reason = reason(&before, &after, currency);
        let moved = SegmentMove { from, to, reason };
        let (change, event) = self.announcement(&after, &moved, now)?;
        store::segments::keep_changes(tx, &[change], now).await?;
        store::outbox::append(tx, &[event]).await?;
        Ok(Some(moved))
    }

    async fn name_within(&self, tx: &mut Tx, features: &Features) -> Result<SegmentName, StoreError> {
        match (features.segment_model, u16::try_from(features.segment_index)) {
            (Some(id), Ok(index @ 1..)) => Ok(self.model_within(tx, SegmentModelId(id)).await?.name(index)),
            _ => Ok(SegmentName::Newcomers),
        }
    }

    /// Through the transaction's own connection: a purchase never waits for a second one.
    async fn model_within(&self, tx: &mut Tx, id: SegmentModelId) -> Result<Arc<Model>, StoreError> {
        if let Some(model) = self.models.get(id) {
            return Ok(model);
        }
        let stored = store::segments::model(tx, id).await?;
        self.read(id, stored)
    }

    fn read(&self, id: SegmentModelId, stored: Option<StoredModel>) -> Result<Arc<Model>, StoreError> {
        if let Some(model) = self.models.get(id) {
            return Ok(model);
        }
        let corrupt = |why: String| StoreError::Corrupt { what: "segment model", why };
        let stored = stored.ok_or_else(|| corrupt(format!("{id} is not there")))?;
        let model = Arc::new(serde_json::from_value(stored.model).map_err(|e| corrupt(e.to_string()))?);
        self.models.keep(id, &model);
        Ok(model)
    }

    fn announcement(
        &self,
        features: &Features,
        moved: &SegmentMove,
        now: DateTime<Utc>,
    ) -> Result<(Change, Event), StoreError> {
        let json = |name: &SegmentName| {
            serde_json::to_value(name).map_err(|e| StoreError::Corrupt { what: "segment name", why: e.to_string() })
        };
        let change = Change {
            customer: features.id,
            from: json(&moved.from)?,
            to: json(&moved.to)?,
            reason: moved.reason.clone(),
        };
        let event = Event {
            event_id: self.entropy.id(now),
            topic: events::SEGMENTS.to_owned(),
            key: features.id.to_string(),
            schema: 1,
            occurred_at: now,
            payload: json!({
                "customer_id": features.id,
                "from": { "name": change.from, "words": moved.from.words(Locale::En) },
                "to": { "name": change.to, "words": moved.to.words(Locale::En) },
                "model_id": features.segment_model,
                "segment": features.segment_index,
                "reason": moved.reason,
            }),
        };
        Ok((change, event))
    }
}

/// Fits the segments from all receipts, stores the model and places every customer, in one transaction. Meanwhile the
/// shop goes on selling: a customer who buys is placed again.
///
/// # Errors
/// `too-few-customers` to learn from, `import-running` while an import or another fit is at work, else when the store
/// is away. Then the model in use stays in use.
pub async fn fit(shop: &Shop) -> Result<FitReport, Refusal> {
    let failed = |error: StoreError| shop.failed(&error);
    let now = shop.clock.now();

    // Repairing is right by itself, and its locks must not be held while the model is fitted.
    let mut tx = shop.store.begin().await.map_err(failed)?;
    alone(&mut tx).await.map_err(failed)?.then_some(()).ok_or_else(busy)?;
    let repaired = store::segments::refresh(&mut tx, Whose::Everybody).await.map_err(failed)?;
    store::commit(tx).await.map_err(failed)?;

    let mut tx = shop.store.begin().await.map_err(failed)?;
    let (model, version, moved, currency) = match fit_within(shop, &mut tx, now).await {
        Ok(fitted) => {
            store::commit(tx).await.map_err(failed)?;
            fitted
        }
        Err(refusal) => {
            // At once, so that whoever tries next does not find this fit still at work.
            let _ = tx.rollback().await;
            return Err(refusal);
        }
    };

    let report = model.report();
    Ok(FitReport {
        version: u32::try_from(version).unwrap_or(0),
        samples: report.samples,
        silhouette: report.silhouette,
        tried: report.tried.clone(),
        repaired,
        moved,
        segments: model.segments().to_vec(),
        currency,
    })
}

type Fitted = (Arc<Model>, i32, u64, Option<Currency>);

async fn fit_within(shop: &Shop, tx: &mut Tx, now: DateTime<Utc>) -> Result<Fitted, Refusal> {
    let failed = |error: StoreError| shop.failed(&error);
    alone(tx).await.map_err(failed)?.then_some(()).ok_or_else(busy)?;
    let samples = samples(tx, now).await.map_err(failed)?;
    let titles = store::segments::category_titles(tx).await.map_err(failed)?;
    let currency = store::segments::currency(tx).await.map_err(failed)?;
    let model = learn(samples, titles).await?;
    let id = SegmentModelId(shop.entropy.id(now));
    let (version, moved) = put_in_use(shop, tx, id, &model, currency, now).await.map_err(failed)?;
    Ok((model, version, moved, currency))
}

async fn alone(tx: &mut Tx) -> Result<bool, StoreError> {
    store::import::try_lock(tx).await
}

fn busy() -> Refusal {
    Refusal::conflict(
        "import-running",
        "An import or another fit of the segments is running. Try again when it is done.",
    )
}

async fn samples(tx: &mut Tx, now: DateTime<Utc>) -> Result<Vec<Facts>, StoreError> {
    let imports_end = store::segments::imports_end(tx).await?.unwrap_or(now);
    let mut samples = Vec::new();
    let mut after = None;
    loop {
        let page = store::segments::page(tx, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(samples) };
        after = Some(last.id);
        let bought = page.iter().filter(|features| features.visits > 0);
        samples.extend(bought.map(|features| facts(features, if features.at_till { now } else { imports_end })));
    }
}

async fn learn(samples: Vec<Facts>, titles: std::collections::BTreeMap<String, String>) -> Result<Arc<Model>, Refusal> {
    let fitted = tokio::task::spawn_blocking(move || {
        let rules = Params { titles, ..Params::default() }.check()?;
        segmentation::fit(&samples, &rules, SEED)
    });
    match fitted.await {
        Ok(Ok(model)) => Ok(Arc::new(model)),
        Ok(Err(error @ FitError::TooFew { .. })) => Err(Refusal::unacceptable("too-few-customers", error.to_string())),
        Ok(Err(error)) => Err(Refusal::unacceptable("fit-failed", error.to_string())),
        Err(_) => Err(Refusal::conflict("fit-stopped", "The fit was stopped before its end.")),
    }
}

/// Stores the model, and places everybody with a purchase who is not placed by it; until a whole round finds nobody,
/// because people buy for the first time meanwhile.
async fn put_in_use(
    shop: &Shop,
    tx: &mut Tx,
    id: SegmentModelId,
    model: &Arc<Model>,
    currency: Option<Currency>,
    now: DateTime<Utc>,
) -> Result<(i32, u64), StoreError> {
    let json = |value: Result<serde_json::Value, serde_json::Error>| {
        value.map_err(|e| StoreError::Corrupt { what: "segment model", why: e.to_string() })
    };
    let (stored, report) = (json(serde_json::to_value(&**model))?, json(serde_json::to_value(model.report()))?);
    let version = store::segments::put_in_use(tx, id, &stored, &report, now).await?;
    let imports_end = store::segments::imports_end(tx).await?.unwrap_or(now);
    let mut moved = 0;
    loop {
        let mut after = None;
        loop {
            let mut page = store::segments::lock_unplaced(tx, id, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            let (mut placed, mut changes, mut announced) = (Vec::new(), Vec::new(), Vec::new());
            for features in &mut page {
                let from = shop.name_within(tx, features).await?;
                let end = if features.at_till { now } else { imports_end };
                features.segment_index = index_of(model, &facts(features, end));
                features.segment_model = Some(id.0);
                placed.push((features.id, features.segment_index));
                let to = model.name(u16::try_from(features.segment_index).unwrap_or(0));
                if from != to {
                    let average = average(features, currency);
                    let reason = format!("fit {version}: visits {}, basket average {average}", features.visits);
                    let (change, event) = shop.announcement(features, &SegmentMove { from, to, reason }, now)?;
                    changes.push(change);
                    announced.push(event);
                }
            }
            moved += changes.len() as u64;
            store::segments::place(tx, id, &placed).await?;
            store::segments::keep_changes(tx, &changes, now).await?;
            store::outbox::append(tx, &announced).await?;
        }
        if after.is_none() {
            shop.models.keep(id, model);
            return Ok((version, moved));
        }
    }
}

/// What the engine is told. Everybody's average order is what they paid over how often they came.
fn facts(features: &Features, end: DateTime<Utc>) -> Facts {
    let visits = f64::from(features.visits.max(0));
    let recency = features.last_purchase_at.map_or(0.0, |last| (end - last).as_seconds_f64() / 86_400.0);
    Facts {
        recency_days: recency.max(0.0),
        frequency: features.visits.unsigned_abs(),
        monetary: features.spent as f64,
        average_order: if visits > 0.0 { features.spent as f64 / visits } else { 0.0 },
        composition: features.composition.iter().map(|(id, spend)| (id.clone(), *spend as f64)).collect(),
    }
}

fn index_of(model: &Model, facts: &Facts) -> i16 {
    i16::try_from(model.assign(facts).segment).unwrap_or(0)
}

fn compose(features: &mut Features, by_category: &[(CategoryId, Amount)], sign: i64) {
    for (category, amount) in by_category {
        let spend = features.composition.entry(category.0.clone()).or_default();
        *spend = spend.saturating_add(amount.0.saturating_mul(sign));
    }
    features.composition.retain(|_, spend| *spend != 0);
}

fn average(features: &Features, currency: Option<Currency>) -> String {
    let average = Amount(features.spent.checked_div(i64::from(features.visits)).unwrap_or(0));
    currency.map_or_else(|| average.0.to_string(), |currency| average.display(currency, Locale::En))
}

fn reason(before: &Features, after: &Features, currency: Option<Currency>) -> String {
    let mut text = format!("visits {} -> {}, basket average ", before.visits, after.visits);
    if before.visits > 0 {
        text.push_str(&format!("{} -> ", average(before, currency)));
    }
    text.push_str(&average(after, currency));
    if let (Some(last), Some(now)) = (before.last_purchase_at, after.last_purchase_at) {
        let away = (now - last).as_seconds_f64() / 86_400.0;
        if away >= LONG_AWAY_DAYS {
            text.push_str(&format!(", back after {away:.0} days"));
        }
    }
    text
}

#[cfg(test)]
mod tests;
