//! The nightly fit: once a night of the shop's own, whichever process is the first.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Timelike, Utc};
use chrono_tz::Tz;
use contract::Refusal;
use domain::segment::Drift;
use store::StoreError;

use super::fit::{FitReport, fit_where};
use crate::Shop;
use crate::lifetime::Forecast;
use crate::picks::Ranked;
use crate::together::Found;

/// When nobody shops: the hour of the fit, on the shop's clocks.
const NIGHT: u32 = 3;
/// A fit that was missed is made up for after this.
const MISSED: TimeDelta = TimeDelta::hours(26);
/// Two fits are at least so far apart.
const APART: TimeDelta = TimeDelta::hours(12);
const BETWEEN_LOOKS: Duration = Duration::from_secs(300);

/// Fits every night until the task is dropped; failures are logged and tried again.
pub async fn run(shop: Shop) {
    loop {
        match fit_when_due(&shop).await {
            Ok(Some(report)) => {
                tracing::info!(version = report.version, moved = report.moved, kept = report.kept, "segments fitted");
                if let Some(drift) = report.drift.filter(|drift| drift.worst() >= Drift::ALARM) {
                    tracing::warn!(?drift, "customers are no longer those of the fit before");
                }
            }
            Ok(None) => {}
            Err(refusal) if refusal.is("too-few-customers") || refusal.is("import-running") => {
                tracing::info!(key = refusal.key, "no fit: {}", refusal.detail);
            }
            Err(refusal) => tracing::warn!(key = refusal.key, "no fit: {}", refusal.detail),
        }
        match foretell_when_due(&shop).await {
            Ok(Some(forecast)) => {
                tracing::info!(accuracy = ?forecast.accuracy, "what customers are worth was foretold")
            }
            Ok(None) => {}
            Err(refusal) => tracing::info!(key = refusal.key, "no forecast: {}", refusal.detail),
        }
        match mine_when_due(&shop).await {
            Ok(Some(found)) => tracing::info!(?found, "what is bought together was worked out"),
            Ok(None) => {}
            Err(refusal) => tracing::info!(key = refusal.key, "no rules of baskets: {}", refusal.detail),
        }
        match rank_when_due(&shop).await {
            Ok(Some(ranked)) => tracing::info!(?ranked, "what customers are likely to take was ranked"),
            Ok(None) => {}
            Err(refusal) => tracing::info!(key = refusal.key, "no ranking: {}", refusal.detail),
        }
        match learn_when_due(&shop).await {
            Ok(true) => tracing::info!("what customers are offered was planned anew"),
            Ok(false) => {}
            Err(refusal) => tracing::warn!(key = refusal.key, "no plan of offers: {}", refusal.detail),
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}

/// Foretells what customers are worth after every new fit, whose segments the means are of.
async fn foretell_when_due(shop: &Shop) -> Result<Option<Forecast>, Refusal> {
    let failed = |error: StoreError| shop.failed(&error);
    let fitted_at = shop.store.segment_model_in_use().await.map_err(failed)?.map(|model| model.fitted_at);
    let made_at = shop.store.lifetime_forecast().await.map_err(failed)?.map(|stored| stored.made_at);
    let now = shop.clock.now();
    // One that was refused is not tried again before the next fit is due.
    if fitted_at.is_none() || made_at >= fitted_at || fitted_at < Some(now - APART) {
        return Ok(None);
    }
    shop.foretell().await.map(Some)
}

/// Ranks every night what customers are likely to take, and in between for whoever bought.
async fn rank_when_due(shop: &Shop) -> Result<Option<Ranked>, Refusal> {
    let (now, zone) = (shop.clock.now(), shop.zone().await?);
    let made_at = shop.picks_made().await.map_err(|error| shop.failed(&error))?;
    if is_due(made_at, now, zone) {
        return shop.rank_customers().await.map(Some);
    }
    let made = shop.rank_who_bought().await?;
    if made > 0 {
        tracing::debug!(made, "picks of who bought");
    }
    Ok(None)
}

/// Trains and plans at night; what was missed is made up for at any hour.
async fn learn_when_due(shop: &Shop) -> Result<bool, Refusal> {
    let (now, zone) = (shop.clock.now(), shop.zone().await?);
    shop.learn_when_due(now.with_timezone(&zone).hour() == NIGHT).await
}

/// Works out what is bought together as often as segments are fitted. Two processes that do it at once find the same.
async fn mine_when_due(shop: &Shop) -> Result<Option<Found>, Refusal> {
    let (now, zone) = (shop.clock.now(), shop.zone().await?);
    let mined_at = shop.mined_at().await.map_err(|error| shop.failed(&error))?;
    if is_due(mined_at, now, zone) { shop.mine_baskets().await.map(Some) } else { Ok(None) }
}

/// Fits if it is time to; `None` where it is not, or another process was quicker.
///
/// # Errors
/// As [`super::fit`].
pub async fn fit_when_due(shop: &Shop) -> Result<Option<FitReport>, Refusal> {
    let (now, zone) = (shop.clock.now(), shop.zone().await?);
    let due = |fitted_at| is_due(fitted_at, now, zone);
    if shop.fitting.was_in_vain(now - APART) {
        return Ok(None);
    }
    // Looked at without the lock first: whoever imports by day must not find it taken.
    let model = shop.store.segment_model_in_use().await.map_err(|error| shop.failed(&error))?;
    if due(model.map(|model| model.fitted_at)) { fit_where(shop, due).await } else { Ok(None) }
}

/// The first fit waits for its night as well: a new shop is still importing what the fit should learn from.
fn is_due(fitted_at: Option<DateTime<Utc>>, now: DateTime<Utc>, zone: Tz) -> bool {
    let night = now.with_timezone(&zone).hour() == NIGHT;
    match fitted_at {
        Some(at) => now - at >= MISSED || (night && now - at >= APART),
        None => night,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fit_is_due_at_night_once_and_when_one_was_missed() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let fitted = Some(at("2026-11-20T03:02:00Z"));
        for (fitted, now, zone, due) in [
            (None, "2026-11-20T12:00:00Z", Tz::UTC, false),
            (None, "2026-11-20T03:00:00Z", Tz::UTC, true),
            (fitted, "2026-11-20T03:30:00Z", Tz::UTC, false),
            (fitted, "2026-11-20T23:00:00Z", Tz::UTC, false),
            (fitted, "2026-11-21T03:01:00Z", Tz::UTC, true),
            (fitted, "2026-11-21T06:00:00Z", Tz::UTC, true),
            // Night is where the shop is: in Tokyo at 18 h of UTC, in Minsk at 0 h.
            (fitted, "2026-11-20T18:10:00Z", Tz::Asia__Tokyo, true),
            (fitted, "2026-11-21T00:00:00Z", Tz::Europe__Minsk, true),
            (fitted, "2026-11-21T03:01:00Z", Tz::Europe__Minsk, false),
        ] {
            assert_eq!(is_due(fitted, at(now), zone), due, "{now} in {zone}");
        }
    }
}
