//! The fit: segments learned anew from all receipts, and every customer placed.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use contract::Refusal;
use domain::{Currency, SegmentModelId, SegmentReason};
use segmentation::{Facts, FitError, Model, Params};
use store::segments::Whose;
use store::{StoreError, Tx};

use super::{SegmentMove, facts, index_of, json, visits};
use crate::Shop;
use crate::clock::Draw;

/// The same customers give the same segments, tonight and tomorrow.
const SEED: u64 = 0x6b61_7661;
/// Customers that are read or placed at a time.
const PAGE: i64 = 5_000;

/// What a fit did.
#[derive(Clone, Debug, PartialEq)]
pub struct FitReport {
    pub version: u32,
    pub samples: u64,
    pub silhouette: f64,
    /// The silhouette of every number of segments that was tried.
    pub tried: Vec<(u16, f64)>,
    /// How far each number of segments is found again among customers drawn again.
    pub stability: Vec<(u16, f64)>,
    /// Segments that were found again of the fit before.
    pub kept: u16,
    /// How far customers are from those of the fit before; none after the first.
    pub drift: Option<segmentation::Drift>,
    /// Customers whose features were not what their receipts say, and are now.
    pub repaired: u64,
    /// Customers who are called something else than before.
    pub moved: u64,
    /// In order of revenue.
    pub segments: Vec<segmentation::Segment>,
    pub currency: Option<Currency>,
}

/// Fits the segments from all receipts, stores the model and places every customer, in one transaction. Meanwhile the
/// shop goes on selling: a customer who buys is placed again.
///
/// # Errors
/// `too-few-customers` to learn from, `import-running` while an import or another fit is at work, else when the store
/// is away. Then the model in use stays in use.
pub async fn fit(shop: &Shop) -> Result<FitReport, Refusal> {
    fit_where(shop, |_| true).await?.ok_or_else(busy)
}

/// The same, where the last fit's time (`None`: there was none) says that one is wanted. It is looked at under the lock,
/// so that of several processes that want the same fit one makes it.
pub(super) async fn fit_where(
    shop: &Shop,
    is_wanted: impl Fn(Option<DateTime<Utc>>) -> bool,
) -> Result<Option<FitReport>, Refusal> {
    let failed = |error: StoreError| shop.failed(&error);
    let now = shop.clock.now();

    // Repairing is right by itself, and its locks must not be held while the model is fitted.
    let mut tx = shop.store.begin().await.map_err(failed)?;
    alone(shop, &mut tx).await?;
    if !is_wanted(fitted_at(shop, &mut tx).await?) {
        return Ok(None);
    }
    let repaired = store::segments::refresh(&mut tx, Whose::Everybody).await.map_err(failed)?;
    store::commit(tx).await.map_err(failed)?;

    let mut tx = shop.store.begin().await.map_err(failed)?;
    alone(shop, &mut tx).await?;
    if !is_wanted(fitted_at(shop, &mut tx).await?) {
        return Ok(None);
    }
    let Fitted { model, version, moved, currency } = match fit_within(shop, &mut tx, now).await {
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
    Ok(Some(FitReport {
        version: u32::try_from(version).unwrap_or(0),
        samples: report.samples,
        silhouette: report.silhouette,
        tried: report.tried.clone(),
        stability: report.stability.clone(),
        kept: report.kept,
        drift: report.drift,
        repaired,
        moved,
        segments: model.segments().to_vec(),
        currency,
    }))
}

struct Fitted {
    model: Arc<Model>,
    version: i32,
    moved: u64,
    currency: Option<Currency>,
}

async fn fit_within(shop: &Shop, tx: &mut Tx, now: DateTime<Utc>) -> Result<Fitted, Refusal> {
    let failed = |error: StoreError| shop.failed(&error);
    let samples = samples(tx, now).await.map_err(failed)?;
    let titles = store::segments::category_titles(tx).await.map_err(failed)?;
    let currency = store::segments::currency(tx).await.map_err(failed)?;
    // One that this program cannot read says nothing of which segment is which.
    let before = shop.model_in_use().await.ok().flatten().map(|(_, model)| model);
    let model = learn(samples, titles, before).await?;
    let id = SegmentModelId(shop.entropy.id(now));
    let (version, moved) = put_in_use(shop, tx, id, &model, currency, now).await.map_err(failed)?;
    Ok(Fitted { model, version, moved, currency })
}

/// Until the end of `tx` nobody else imports or fits.
async fn alone(shop: &Shop, tx: &mut Tx) -> Result<(), Refusal> {
    let alone = store::import::try_lock(tx).await.map_err(|error| shop.failed(&error))?;
    alone.then_some(()).ok_or_else(busy)
}

async fn fitted_at(shop: &Shop, tx: &mut Tx) -> Result<Option<DateTime<Utc>>, Refusal> {
    store::segments::fitted_at(tx).await.map_err(|error| shop.failed(&error))
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

async fn learn(
    samples: Vec<Facts>,
    titles: BTreeMap<String, String>,
    before: Option<Arc<Model>>,
) -> Result<Arc<Model>, Refusal> {
    let fitted = tokio::task::spawn_blocking(move || {
        let rules = Params { titles, ..Params::default() }.check()?;
        segmentation::refit(&samples, &rules, SEED, before.as_deref())
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
    let (stored, report) = (json("segment model", &**model)?, json("segment report", model.report())?);
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
                    let version = u32::try_from(version).unwrap_or(0);
                    let reason = SegmentReason::Fit { version, visits: visits(features), currency };
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
