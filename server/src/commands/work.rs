//! `kava work`: what happens behind the counter. Announces events, forgets what is old, and fits the segments at night;
//! `--once` does one of these and ends.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Timelike, Utc};
use clap::ValueEnum;
use domain::Locale;
use services::clock::{Clock, SystemClock};
use services::segment::FitReport;
use services::{Shop, relay, segment};
use store::event_log::PgLog;

/// When nobody shops: the hour (UTC) of the nightly fit.
const NIGHT: u32 = 3;
/// A fit that was missed is made up for after this.
const MISSED: TimeDelta = TimeDelta::hours(26);
/// Two fits are at least so far apart.
const APART: TimeDelta = TimeDelta::hours(12);
const BETWEEN_LOOKS: Duration = Duration::from_secs(300);

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Do only this, and end
    #[arg(long, value_enum, value_name = "JOB")]
    once: Option<Job>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Job {
    /// Fit the segments and place every customer
    Segment,
    /// Announce the events that wait
    Relay,
    /// Forget old answers, baskets and codes
    Sweep,
}

/// # Errors
/// What the one job says; without `--once` failures are logged and tried again.
pub async fn run(args: Args, shop: &Shop) -> anyhow::Result<()> {
    let bus = PgLog(shop.store().clone());
    match args.once {
        Some(Job::Segment) => {
            let report = segment::fit(shop).await.map_err(|refusal| anyhow::anyhow!("{}", refusal.detail))?;
            print!("{}", words(&report));
        }
        Some(Job::Relay) => println!("{} events announced.", relay::relay_all(shop, &bus).await?),
        Some(Job::Sweep) => {
            let swept = relay::sweep(shop).await?;
            println!("Forgot {} answers, {} baskets and {} codes.", swept.keys, swept.sessions, swept.codes);
        }
        None => {
            println!("Working: events at once, segments every night. Ctrl-C ends.");
            tokio::join!(relay::run(shop.clone(), Arc::new(bus)), nights(shop));
        }
    }
    Ok(())
}

async fn nights(shop: &Shop) {
    loop {
        match shop.store().segment_model_in_use().await {
            Ok(model) => {
                if is_due(model.map(|m| m.fitted_at), SystemClock.now()) {
                    match segment::fit(shop).await {
                        Ok(report) => tracing::info!(version = report.version, moved = report.moved, "segments fitted"),
                        Err(refusal) => tracing::warn!(key = refusal.key, "no fit: {}", refusal.detail),
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "cannot look for the segments in use"),
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}

fn is_due(fitted_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
    fitted_at.is_none_or(|at| now - at >= MISSED || (now.hour() == NIGHT && now - at >= APART))
}

/// What a fit found, for people.
fn words(report: &FitReport) -> String {
    let mut text = format!(
        "Model {}: {} customers, {} segments, silhouette {:.3}.\n",
        report.version,
        report.samples,
        report.segments.len(),
        report.silhouette
    );
    let tried = report.tried.iter().map(|(k, s)| format!("{k}: {s:.3}")).collect::<Vec<_>>().join(", ");
    text.push_str(&format!("Silhouettes by number of segments: {tried}.\n"));
    let customers = report.samples.max(1) as f64;
    for (i, segment) in report.segments.iter().enumerate() {
        let money = |minor: f64| {
            let amount = domain::Amount(minor.round() as i64);
            report.currency.map_or_else(|| amount.0.to_string(), |currency| amount.display(currency, Locale::En))
        };
        text.push_str(&format!(
            "{:>3}. {}\n     {} customers ({:.1} %), {:.0} visits, basket {}, {:.0} days ago (medians); brought {}\n     {}\n",
            i + 1,
            segment.name.words(Locale::En),
            segment.size,
            100.0 * segment.size as f64 / customers,
            segment.frequency,
            money(segment.average_order),
            segment.recency_days,
            money(segment.revenue),
            segment.name.words(Locale::Ru),
        ));
    }
    text.push_str(&format!("{} customers are called something else than before.\n", report.moved));
    if report.repaired > 0 {
        text.push_str(&format!("{} customers' features were brought in line with their receipts.\n", report.repaired));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fit_is_due_at_night_once_and_when_one_was_missed() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let fitted = Some(at("2026-11-20T03:02:00Z"));
        assert!(is_due(None, at("2026-11-20T12:00:00Z")));
        assert!(!is_due(fitted, at("2026-11-20T03:30:00Z")));
        assert!(!is_due(fitted, at("2026-11-20T23:00:00Z")));
        assert!(is_due(fitted, at("2026-11-21T03:01:00Z")));
        assert!(is_due(fitted, at("2026-11-21T06:00:00Z")));
    }
}
