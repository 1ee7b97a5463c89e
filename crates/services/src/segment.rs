//! Segments: kept up by every purchase in its own transaction (law 5), and fitted anew from all receipts.
//!
//! Recency needs an end to measure to. Who has bought at a till is measured to now. Whose purchases were all imported
//! is measured to the newest imported receipt, because that is where their history ends, and not when they were last
//! seen: so an old history and live purchases can share one shop.

mod fit;
pub mod night;
mod origins;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use contract::Refusal;
use domain::segment::{Division, TakenBack, Visits};
use domain::{Amount, CategoryId, Currency, CustomerId, Locale, SegmentModelId, SegmentName, SegmentReason};
use events::{Event, Payload};
use segmentation::{Facts, Model};
use serde::Serialize;
use serde_json::json;
use store::segments::{Change, Features, StoredModel, Whose};
use store::{StoreError, Tx};

use crate::Shop;
use crate::clock::Draw;

pub use fit::{FitReport, Progress, Stage, fit};
pub(crate) use origins::Newcomer;

/// Models are small and few; more than this is somebody fitting all day.
const MODELS_KEPT: usize = 16;
/// A gap worth telling in a reason.
const LONG_AWAY_DAYS: i64 = 30;

/// What a purchase says about its customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PurchaseFacts {
    pub at: DateTime<Utc>,
    /// The store's: hours and weekdays are local.
    pub zone: Tz,
    /// What was paid, after discount.
    pub paid: Amount,
    pub discount: Amount,
    /// What was paid by category; adds up to `paid` but for products that nobody knows.
    pub by_category: BTreeMap<CategoryId, Amount>,
    /// What the goods cost, and what was paid for them, over lines whose cost is known.
    pub cost: Amount,
    pub costed: Amount,
}

/// A line of a purchase, or what of it came back.
#[derive(Clone, Copy, Debug)]
pub struct LineFacts<'a> {
    pub category: Option<&'a CategoryId>,
    pub quantity: u32,
    pub paid: Amount,
    pub discount: Amount,
    /// Of one unit.
    pub cost: Option<Amount>,
}

impl PurchaseFacts {
    pub fn of<'a>(at: DateTime<Utc>, zone: Tz, lines: impl IntoIterator<Item = LineFacts<'a>>) -> Self {
        let zero = Amount::ZERO;
        let mut facts =
            Self { at, zone, paid: zero, discount: zero, by_category: BTreeMap::new(), cost: zero, costed: zero };
        for line in lines {
            facts.paid += line.paid;
            facts.discount += line.discount;
            if let Some(category) = line.category {
                *facts.by_category.entry(category.clone()).or_default() += line.paid;
            }
            if let Some(cost) = line.cost {
                facts.cost += cost.times(line.quantity);
                facts.costed += line.paid;
            }
        }
        facts
    }
}

/// A customer went from one segment to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentMove {
    pub from: SegmentName,
    pub to: SegmentName,
    pub reason: SegmentReason,
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

/// What a purchase is counted by.
struct Yardsticks {
    /// The model that the customer was placed by.
    before: Option<Arc<Model>>,
    in_use: Option<(SegmentModelId, Arc<Model>)>,
    /// Of a purchase that is told late: the customer's gaps counted anew, with it.
    gap_squares: Option<i64>,
}

/// Whose segment they are in; newcomers are in nobody's.
fn placed_by(features: &Features) -> Option<SegmentModelId> {
    features.segment_model.filter(|_| features.segment_index > 0).map(SegmentModelId)
}

fn is_late(features: &Features, purchase: &PurchaseFacts) -> bool {
    features.last_purchase_at.is_some_and(|last| purchase.at < last)
}

impl Shop {
    /// Says how the next fit divides customers.
    ///
    /// # Errors
    /// `segment-count` for a number of segments that cannot be, else when the store is away.
    pub async fn set_division(&self, division: Division) -> Result<(), Refusal> {
        if !division.is_possible() {
            let detail = format!("Segments are 1 to {}, or as many as the customers show.", Division::MOST);
            return Err(Refusal::unacceptable("segment-count", detail));
        }
        self.store.set_division(division).await.map_err(|error| self.failed(&error))
    }

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
    /// and announced of a change is for the caller to write with it. `features` were locked in `tx`, in which the receipt is
    /// written already.
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
        let yardsticks = Yardsticks {
            before: match placed_by(features) {
                Some(id) => Some(self.model_within(tx, id).await?),
                None => None,
            },
            in_use: match in_use {
                Some(id) => Some((id, self.model_within(tx, id).await?)),
                None => None,
            },
            // Late: gaps that were counted are two now.
            gap_squares: match is_late(features, purchase) {
                true => Some(store::segments::gap_squares(tx, CustomerId(features.id)).await?),
                false => None,
            },
        };
        self.count(features, purchase, &yardsticks, currency, now)
    }

    /// The same before the receipt is written, where memory has all that it takes; else `None`, and nothing is counted.
    ///
    /// # Errors
    /// When what is told of a change cannot be written as JSON.
    #[expect(clippy::type_complexity, reason = "what `count_in` gives, if anything")]
    pub(crate) fn count_known(
        &self,
        features: &mut Features,
        purchase: &PurchaseFacts,
        in_use: Option<SegmentModelId>,
        currency: Option<Currency>,
        now: DateTime<Utc>,
    ) -> Result<Option<Option<(SegmentMove, Change, Event)>>, StoreError> {
        if is_late(features, purchase) {
            return Ok(None);
        }
        let mut yardsticks = Yardsticks { before: None, in_use: None, gap_squares: None };
        if let Some(id) = placed_by(features) {
            let Some(model) = self.models.get(id) else { return Ok(None) };
            yardsticks.before = Some(model);
        }
        if let Some(id) = in_use {
            let Some(model) = self.models.get(id) else { return Ok(None) };
            yardsticks.in_use = Some((id, model));
        }
        self.count(features, purchase, &yardsticks, currency, now).map(Some)
    }

    fn count(
        &self,
        features: &mut Features,
        purchase: &PurchaseFacts,
        yardsticks: &Yardsticks,
        currency: Option<Currency>,
        now: DateTime<Utc>,
    ) -> Result<Option<(SegmentMove, Change, Event)>, StoreError> {
        let before = features.clone();
        let name = |model: &Option<Arc<Model>>, index: i16| match (model, u16::try_from(index)) {
            (Some(model), Ok(index @ 1..)) => model.name(index),
            _ => SegmentName::Newcomers,
        };
        let from = name(&yardsticks.before, before.segment_index);
        features.visits = features.visits.saturating_add(1);
        features.spent = features.spent.saturating_add(purchase.paid.0);
        features.habits.sell(&purchase.at.with_timezone(&purchase.zone), purchase.discount);
        match (yardsticks.gap_squares, features.last_purchase_at) {
            (Some(counted_anew), _) => features.habits.gap_squares = counted_anew,
            (None, Some(last)) => features.habits.wait(last, purchase.at),
            (None, None) => {}
        }
        features.first_purchase_at =
            Some(features.first_purchase_at.map_or(purchase.at, |first| first.min(purchase.at)));
        features.last_purchase_at = Some(features.last_purchase_at.map_or(purchase.at, |last| last.max(purchase.at)));
        features.at_till = true;
        count_lines(features, purchase, 1);
        let to = match &yardsticks.in_use {
            Some((id, model)) => {
                features.segment_model = Some(id.0);
                features.segment_index = index_of(model, &facts(features, now));
                name(&Some(Arc::clone(model)), features.segment_index)
            }
            None => from.clone(),
        };
        if from == to {
            return Ok(None);
        }
        let reason = reason(&before, features, None, currency);
        let moved = SegmentMove { from, to, reason };
        let (change, event) = self.announcement(features, &moved, now)?;
        Ok(Some((moved, change, event)))
    }

    /// Counts one purchase into its customer's features and segment, and writes and announces what changed. Call it after
    /// the receipt is written in `tx`.
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

    /// Takes goods that came back out again: they still were a visit.
    ///
    /// # Errors
    /// Only when the store fails; then the return must not commit either.
    pub async fn return_in_segment(
        &self,
        tx: &mut Tx,
        customer: CustomerId,
        goods: &PurchaseFacts,
        now: DateTime<Utc>,
    ) -> Result<Option<SegmentMove>, StoreError> {
        let Some(before) = store::segments::lock(tx, customer).await? else { return Ok(None) };
        let mut after = before.clone();
        after.spent = after.spent.saturating_sub(goods.paid.0);
        after.habits.take_back(goods.paid, goods.discount);
        count_lines(&mut after, goods, -1);
        self.place(tx, before, after, Some(TakenBack::Goods), now).await
    }

    /// Counts a customer's features anew, of whom a receipt no longer counts: hours, gaps and returns that were counted with
    /// it are in the receipts only. Call it after the receipts in `tx` say so.
    ///
    /// # Errors
    /// Only when the store fails; then the cancellation must not commit either.
    pub async fn recount_in_segment(
        &self,
        tx: &mut Tx,
        customer: CustomerId,
        now: DateTime<Utc>,
    ) -> Result<Option<SegmentMove>, StoreError> {
        let Some(before) = store::segments::lock(tx, customer).await? else { return Ok(None) };
        store::segments::refresh(tx, Whose::These(&[before.id])).await?;
        let Some(after) = store::segments::lock(tx, customer).await? else { return Ok(None) };
        self.place(tx, before, after, Some(TakenBack::Purchase), now).await
    }

    /// Writes features that are not those of before, and the segment that they make.
    pub(crate) async fn place(
        &self,
        tx: &mut Tx,
        before: Features,
        mut after: Features,
        taken: Option<TakenBack>,
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
        let reason = reason(&before, &after, taken, currency);
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
        let corrupt = |why: String| StoreError::corrupt("segment model", why);
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
        let change = Change {
            customer: features.id,
            from: json("segment name", &moved.from)?,
            to: json("segment name", &moved.to)?,
            reason: json("segment reason", &moved.reason)?,
        };
        let event = Event {
            event_id: self.entropy.id(now),
            topic: events::SEGMENTS.to_owned(),
            key: features.id.to_string(),
            schema: 1,
            occurred_at: now,
            payload: Payload::of(&json!({
                "customer_id": features.id,
                "from": { "name": change.from, "words": moved.from.words(Locale::En) },
                "to": { "name": change.to, "words": moved.to.words(Locale::En) },
                "model_id": features.segment_model,
                "segment": features.segment_index,
                "reason": moved.reason.words(Locale::En),
                "why": change.reason,
            }))
            .map_err(|why| StoreError::corrupt("event", why))?,
        };
        Ok((change, event))
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

/// What is counted line by line.
fn count_lines(features: &mut Features, purchase: &PurchaseFacts, sign: i64) {
    let add = |sum: &mut i64, amount: Amount| *sum = sum.saturating_add(amount.0.saturating_mul(sign));
    for (category, amount) in &purchase.by_category {
        add(features.composition.entry(category.to_string()).or_default(), *amount);
    }
    features.composition.retain(|_, spend| *spend != 0);
    add(&mut features.cost, purchase.cost);
    add(&mut features.costed, purchase.costed);
}

fn reason(before: &Features, after: &Features, taken: Option<TakenBack>, currency: Option<Currency>) -> SegmentReason {
    let away = before.last_purchase_at.zip(after.last_purchase_at).map(|(last, now)| (now - last).num_days());
    SegmentReason::Purchase {
        before: visits(before),
        after: visits(after),
        away_days: away.filter(|days| *days >= LONG_AWAY_DAYS).and_then(|days| u32::try_from(days).ok()),
        taken,
        currency,
    }
}

fn visits(features: &Features) -> Visits {
    Visits {
        count: u32::try_from(features.visits).unwrap_or(0),
        basket: Amount(features.spent.checked_div(i64::from(features.visits)).unwrap_or(0)),
    }
}

fn json(what: &'static str, value: &impl Serialize) -> Result<serde_json::Value, StoreError> {
    serde_json::to_value(value).map_err(|why| StoreError::corrupt(what, why))
}

#[cfg(test)]
mod tests;
