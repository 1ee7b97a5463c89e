//! The fit: segments learned anew from all receipts, and every customer placed.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use contract::Refusal;
use domain::segment::{Division, Drift};
use domain::{Currency, SegmentMethod, SegmentModelId, SegmentReason};
use segmentation::{Facts, FitError, Model, Params};
use store::segments::Whose;
use store::{StoreError, Tx};
use uuid::Uuid;

use super::{SegmentMove, facts, index_of, json, visits};
use crate::Shop;
use crate::clock::Draw;

/// The same customers give the same segments, tonight and tomorrow.
const SEED: u64 = 0x6b61_7661;
/// Customers that are read at a time.
const PAGE: i64 = 5_000;
/// Customers that are placed in one transaction, which is how long a purchase of one of them may wait.
pub(super) const PLACED_AT_ONCE: i64 = 500;
/// Between two of these, while baskets come faster than they are written one by one.
const PAUSE_WHILE_BUSY: Duration = Duration::from_millis(50);

/// What a fit did.
#[derive(Clone, Debug, PartialEq)]
pub struct FitReport {
    pub version: u32,
    pub method: SegmentMethod,
    pub samples: u64,
    pub silhouette: f64,
    /// The silhouette of every number of segments that was tried.
    pub tried: Vec<(u16, f64)>,
    /// How far each number of segments is found again among customers drawn again.
    pub stability: Vec<(u16, f64)>,
    /// Segments that were found again of the fit before.
    pub kept: u16,
    /// How far customers are from those of the fit before; none after the first.
    pub drift: Option<Drift>,
    /// Customers whose features were not what their receipts say, and are now.
    pub repaired: u64,
    /// Customers who are called something else than before.
    pub moved: u64,
    /// In order of revenue.
    pub segments: Vec<segmentation::Segment>,
    pub currency: Option<Currency>,
    /// What newcomers are expected by, where that says anything: learned from so many, and its gain
    /// ([`segmentation::Prospects::gain`]).
    pub prospects: Option<(u64, f64)>,
}

/// How far a fit is, and whether somebody wants it to stop. One a process: two fits never run at once.
#[derive(Debug, Default)]
pub struct Progress {
    stage: AtomicU8,
    done: AtomicU64,
    of: AtomicU64,
    stop: AtomicBool,
    refused: Mutex<Option<(DateTime<Utc>, Refusal)>>,
}

/// What a fit is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Features are brought in line with receipts, and read.
    Reading,
    /// Numbers of segments are tried.
    Learning,
    /// Customers are placed.
    Placing,
}

impl Progress {
    /// The stage, and how much of how much of it is done; none while nothing runs.
    #[must_use]
    pub fn told(&self) -> Option<(Stage, u64, u64)> {
        let stage = match self.stage.load(Ordering::Relaxed) {
            1 => Stage::Reading,
            2 => Stage::Learning,
            3 => Stage::Placing,
            _ => return None,
        };
        Some((stage, self.done.load(Ordering::Relaxed), self.of.load(Ordering::Relaxed)))
    }

    /// Why the last fit came to nothing, where it did.
    #[must_use]
    pub fn refused(&self) -> Option<Refusal> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone().map(|(_, refusal)| refusal)
    }

    /// Whether customers were found to be such that there is no fit of them, since that moment: they are not others an hour later.
    pub(super) fn was_in_vain(&self, since: DateTime<Utc>) -> bool {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.as_ref().is_some_and(|(at, refusal)| *at >= since && refusal.is("no-niches"))
    }

    fn ended(&self, refused: Option<(DateTime<Utc>, Refusal)>) {
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = refused;
    }

    /// Asks the fit to end. Until its model is in use nothing is changed by it; after that it finishes.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    fn at(&self, stage: u8, done: u64, of: u64) {
        self.done.store(done, Ordering::Relaxed);
        self.of.store(of, Ordering::Relaxed);
        self.stage.store(stage, Ordering::Relaxed);
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Ends what is told of a fit with it, however it ends.
struct Running<'a>(&'a Progress);

impl<'a> Running<'a> {
    fn begin(progress: &'a Progress) -> Self {
        progress.stop.store(false, Ordering::Relaxed);
        progress.at(1, 0, 0);
        Self(progress)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.at(0, 0, 0);
    }
}

/// Fits the segments from all receipts, puts the model in use, and places every customer, a page at a time: the shop goes on
/// selling, nobody's purchase waits for longer than a page, and a customer who buys meanwhile is placed by the purchase.
///
/// # Errors
/// `too-few-customers` to learn from, `import-running` while an import or another fit is at work, `fit-stopped` when it was
/// asked to end, else when the store is away. Before the model is in use an error leaves the one before in use; after that
/// whoever is not placed yet keeps the segment they had, until they buy or the next fit.
pub async fn fit(shop: &Shop) -> Result<FitReport, Refusal> {
    fit_where(shop, |_| true).await?.ok_or_else(busy)
}

/// The same, where the last fit's time (`None`: there was none) says that one is wanted. It is looked at under the lock,
/// so that of several processes that want the same fit one makes it.
pub(super) async fn fit_where(
    shop: &Shop,
    is_wanted: impl Fn(Option<DateTime<Utc>>) -> bool,
) -> Result<Option<FitReport>, Refusal> {
    // Held by itself to the end, and nothing else in it: whatever is written is committed at once.
    let mut guard = shop.store.begin().await.map_err(|error| shop.failed(&error))?;
    alone(shop, &mut guard).await?;
    if !is_wanted(fitted_at(shop, &mut guard).await?) {
        return Ok(None);
    }
    let progress = shop.fitting.clone();
    let running = Running::begin(&progress);
    let fitted = fit_alone(shop).await;
    drop(running);
    // The lock ends here, so that whoever tries next does not find this fit still at work.
    let _ = guard.rollback().await;
    progress.ended(fitted.as_ref().err().map(|refusal| (shop.clock.now(), refusal.clone())));
    fitted.map(Some)
}

async fn fit_alone(shop: &Shop) -> Result<FitReport, Refusal> {
    let failed = |error: StoreError| shop.failed(&error);
    let now = shop.clock.now();

    let mut tx = shop.store.begin().await.map_err(failed)?;
    let repaired = store::segments::refresh(&mut tx, Whose::Everybody).await.map_err(failed)?;
    store::commit(tx).await.map_err(failed)?;

    let mut tx = shop.store.begin().await.map_err(failed)?;
    let samples = samples(shop, &mut tx, now).await?;
    let titles = store::segments::category_titles(&mut tx).await.map_err(failed)?;
    let currency = store::segments::currency(&mut tx).await.map_err(failed)?;
    let division = store::segments::division(&mut tx).await.map_err(failed)?;
    drop(tx);
    // One that this program cannot read says nothing of which segment is which.
    let before = shop.model_in_use().await.ok().flatten().map(|(_, model)| model);
    let model = learn(samples, params(division, titles), before, shop.fitting.clone()).await?;
    let model = Arc::new(shop.with_prospects(model, now).await.map_err(failed)?);

    let id = SegmentModelId(shop.entropy.id(now));
    let (stored, report) = (json("segment model", &*model), json("segment report", model.report()));
    let (stored, report) = (stored.map_err(failed)?, report.map_err(failed)?);
    let mut tx = shop.store.begin().await.map_err(failed)?;
    let version = store::segments::put_in_use(&mut tx, id, &stored, &report, now).await.map_err(failed)?;
    store::commit(tx).await.map_err(failed)?;
    shop.models.keep(id, &model);
    let placing = Placing { id, model: &model, version, currency, now };
    let moved = placing.everybody(shop).await.map_err(failed)?;
    shop.place_newcomers(id, &model).await.map_err(failed)?;
    shop.counter.regulars.forget_all();

    let report = model.report();
    Ok(FitReport {
        version: u32::try_from(version).unwrap_or(0),
        method: report.method,
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
        prospects: model.prospects().map(|prospects| (prospects.customers, prospects.gain)),
    })
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

fn stopped() -> Refusal {
    Refusal::conflict("fit-stopped", "The fit was stopped before its end. The segments are those of the fit before.")
}

async fn samples(shop: &Shop, tx: &mut Tx, now: DateTime<Utc>) -> Result<Vec<Facts>, Refusal> {
    let failed = |error: StoreError| shop.failed(&error);
    let imports_end = store::segments::imports_end(tx).await.map_err(failed)?.unwrap_or(now);
    let mut samples = Vec::new();
    let mut after = None;
    loop {
        if shop.fitting.is_stopped() {
            return Err(stopped());
        }
        let page = store::segments::page(tx, after, PAGE).await.map_err(failed)?;
        let Some(last) = page.last() else { return Ok(samples) };
        after = Some(last.id);
        let bought = page.iter().filter(|features| features.visits > 0);
        samples.extend(bought.map(|features| facts(features, if features.at_till { now } else { imports_end })));
        shop.fitting.at(1, samples.len() as u64, 0);
    }
}

/// As the chain divides its customers.
fn params(division: Division, titles: BTreeMap<String, String>) -> Params {
    let usual = Params::default();
    let segments = division.segments.map_or(usual.segments, |count| (usize::from(count), usize::from(count)));
    Params { method: division.method, segments, titles, ..usual }
}

async fn learn(
    samples: Vec<Facts>,
    params: Params,
    before: Option<Arc<Model>>,
    progress: Arc<Progress>,
) -> Result<Model, Refusal> {
    let fitted = tokio::task::spawn_blocking(move || {
        let rules = params.check()?;
        segmentation::refit(&samples, &rules, SEED, before.as_deref(), &mut |done, of| {
            progress.at(2, done, of);
            if progress.is_stopped() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
    });
    match fitted.await {
        Ok(Ok(model)) => Ok(model),
        Ok(Err(error @ FitError::TooFew { .. })) => Err(Refusal::unacceptable("too-few-customers", error.to_string())),
        Ok(Err(error @ FitError::NoNiches)) => Err(Refusal::unacceptable("no-niches", format!("{error}."))),
        Ok(Err(FitError::Cancelled)) | Err(_) => Err(stopped()),
        Ok(Err(error)) => Err(Refusal::unacceptable("fit-failed", error.to_string())),
    }
}

/// A model that is in use, and whom it has not placed yet.
struct Placing<'a> {
    id: SegmentModelId,
    model: &'a Arc<Model>,
    version: i32,
    currency: Option<Currency>,
    now: DateTime<Utc>,
}

impl Placing<'_> {
    /// Places everybody with a purchase, until a whole round finds nobody, because people buy for the first time meanwhile.
    /// Gives how many are called something else.
    async fn everybody(&self, shop: &Shop) -> Result<u64, StoreError> {
        let (mut moved, mut placed) = (0, 0);
        loop {
            let mut after = None;
            loop {
                let mut tx = shop.store.begin().await?;
                let (some, last, called) = self.page(shop, &mut tx, after).await?;
                store::commit(tx).await?;
                let Some(last) = last else { break };
                (after, placed, moved) = (Some(last), placed + some, moved + called);
                shop.fitting.at(3, placed, self.model.report().samples);
                // The tills come first: what they lock this page had for a moment, and the next one waits while they are many.
                let pause = if shop.counter.is_busy() { PAUSE_WHILE_BUSY } else { Duration::ZERO };
                tokio::time::sleep(pause).await;
            }
            if after.is_none() {
                return Ok(moved);
            }
        }
    }

    /// How many were placed, the last of them, and how many are called something else.
    async fn page(
        &self,
        shop: &Shop,
        tx: &mut Tx,
        after: Option<Uuid>,
    ) -> Result<(u64, Option<Uuid>, u64), StoreError> {
        let imports_end = store::segments::imports_end(tx).await?.unwrap_or(self.now);
        let mut page = store::segments::lock_unplaced(tx, self.id, after, PLACED_AT_ONCE).await?;
        let last = page.last().map(|features| features.id);
        let (mut placed, mut changes, mut announced) = (Vec::new(), Vec::new(), Vec::new());
        for features in &mut page {
            let from = shop.name_within(tx, features).await?;
            let end = if features.at_till { self.now } else { imports_end };
            features.segment_index = index_of(self.model, &facts(features, end));
            features.segment_model = Some(self.id.0);
            placed.push((features.id, features.segment_index));
            let to = self.model.name(u16::try_from(features.segment_index).unwrap_or(0));
            // Who has not bought yet did nothing to be told of.
            if from != to && !(from.is_new() && to.is_new()) {
                let version = u32::try_from(self.version).unwrap_or(0);
                let reason = SegmentReason::Fit { version, visits: visits(features), currency: self.currency };
                let (change, event) = shop.announcement(features, &SegmentMove { from, to, reason }, self.now)?;
                changes.push(change);
                announced.push(event);
            }
        }
        store::segments::place(tx, self.id, &placed).await?;
        store::segments::keep_changes(tx, &changes, self.now).await?;
        store::outbox::append(tx, &announced).await?;
        Ok((placed.len() as u64, last, changes.len() as u64))
    }
}
