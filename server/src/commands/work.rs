//! `kava work`: what happens behind the counter. Announces events, forgets what is old, and fits the segments at night;
//! `--once` does one of these and ends.

use std::time::Duration;

use clap::ValueEnum;
use domain::Locale;
use domain::segment::Drift;
use services::lifetime::Forecast;
use services::segment::{FitReport, Stage};
use services::{Shop, relay, segment};
use store::event_log::PgLog;

/// Of a fit that takes long.
const BETWEEN_LINES: Duration = Duration::from_secs(1);

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
    /// Foretell what customers are worth
    Lifetime,
    /// Work out what is bought together
    Baskets,
    /// Rank what each customer is likely to take next
    Ranking,
    /// Announce the events that wait
    Relay,
    /// Forget old answers, baskets, codes, log-ins and announced events
    Sweep,
}

impl Args {
    /// Whether this goes on until it is told to stop.
    #[must_use]
    pub fn is_endless(&self) -> bool {
        self.once.is_none()
    }
}

/// # Errors
/// What the one job says; without `--once` failures are logged and tried again.
pub async fn run(args: Args, shop: &Shop) -> anyhow::Result<()> {
    let bus = PgLog(shop.store().clone());
    match args.once {
        Some(Job::Segment) => {
            let report = fit_told(shop).await.map_err(|refusal| anyhow::anyhow!("{}", refusal.detail))?;
            print!("{}", words(&report));
        }
        Some(Job::Lifetime) => {
            let forecast = shop.foretell().await.map_err(|refusal| anyhow::anyhow!("{}", refusal.detail))?;
            print!("{}", forecast_words(&forecast));
        }
        Some(Job::Baskets) => {
            let found = shop.mine_baskets().await.map_err(|refusal| anyhow::anyhow!("{}", refusal.detail))?;
            println!(
                "{} baskets of the last year: {} rules of products and {} of categories. See /marketing/together.",
                found.baskets, found.products, found.categories
            );
        }
        Some(Job::Ranking) => {
            let ranked = shop.rank_customers().await.map_err(|refusal| anyhow::anyhow!("{}", refusal.detail))?;
            let gain = ranked.ndcg10.map_or_else(|| "not known".to_owned(), |gain| format!("{gain:.3}"));
            println!(
                "{} purchases: the products that {} customers are likely to take next. Gain at ten on the last weeks: {gain}.",
                ranked.purchases, ranked.customers
            );
        }
        Some(Job::Relay) => println!("{} events announced.", relay::relay_all(shop, &bus).await?),
        Some(Job::Sweep) => {
            let swept = relay::sweep(shop).await?;
            println!(
                "Forgot {} answers, {} baskets, {} codes, {} log-ins and {} announced events; released {} holds.",
                swept.keys, swept.sessions, swept.codes, swept.logins, swept.events, swept.holds
            );
        }
        None => {
            println!("Working: events and messages to tills at once, segments every night. Ctrl-C ends.");
            super::background(shop.clone(), true).await;
        }
    }
    Ok(())
}

/// Fits, and says on the standard error how far it is whenever that changes.
async fn fit_told(shop: &Shop) -> Result<FitReport, contract::Refusal> {
    let fit = segment::fit(shop);
    tokio::pin!(fit);
    let mut told = None;
    loop {
        tokio::select! {
            report = &mut fit => return report,
            () = tokio::time::sleep(BETWEEN_LINES) => {
                let now = shop.fitting().told();
                if let Some((stage, done, of)) = now.filter(|_| now != told) {
                    let what = match stage {
                        Stage::Reading => "customers read",
                        Stage::Learning => "numbers of segments tried",
                        Stage::Placing => "customers placed",
                    };
                    let of = if of > 0 { format!(" of {of}") } else { String::new() };
                    eprintln!("{done}{of} {what}");
                }
                told = now;
            }
        }
    }
}

/// What a forecast found, for people.
fn forecast_words(forecast: &Forecast) -> String {
    let often = &forecast.purchases.model;
    let mut text = format!(
        "BG/NBD of {} customers, in weeks: r {:.3}, alpha {:.3}, a {:.3}, b {:.3}, log-likelihood {:.2}.\n",
        forecast.purchases.customers,
        often.r(),
        often.alpha(),
        often.a(),
        often.b(),
        forecast.purchases.log_likelihood
    );
    text.push_str(&match &forecast.values {
        Some(fit) => format!(
            "Gamma-Gamma of {} who came again: p {:.3}, q {:.3}, gamma {:.1}.\n",
            fit.customers,
            fit.model.p(),
            fit.model.q(),
            fit.model.gamma()
        ),
        None => {
            "Values spread too far for Gamma-Gamma: a customer's own mean and everybody's, by how often they came.\n"
                .to_owned()
        }
    });
    text.push_str(&format!("Margin {:.1} %.\n", 100.0 * forecast.margin));
    if let Some(accuracy) = forecast.accuracy {
        text.push_str(&format!(
            "The last {:.0} weeks, foretold from those before: {:.2} purchases off on average; everybody going on as before would \
             have been {:.2} off.\n",
            accuracy.weeks, accuracy.error, accuracy.error_of_rates
        ));
    }
    for (segment, worth) in &forecast.segments {
        text.push_str(&format!(
            "Segment {segment}: {} customers, {:.0} % still there, {:.1} purchases in twelve months, worth {} minor units each\n",
            worth.customers,
            100.0 * worth.alive,
            worth.purchases,
            worth.amount().minor()
        ));
    }
    text
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
    let found = report.stability.iter().map(|(k, s)| format!("{k}: {s:.2}")).collect::<Vec<_>>().join(", ");
    text.push_str(&format!("How far each is found again among customers drawn again: {found}.\n"));
    text.push_str(&format!("{} segments are those of the fit before.\n", report.kept));
    if let Some(drift) = report.drift {
        let alarm =
            if drift.worst() >= Drift::ALARM { " Customers are no longer those of the fit before." } else { "" };
        text.push_str(&format!(
            "Drift since then (0.1 is noticed, 0.25 is another crowd): recency {:.2}, visits {:.2}, spend {:.2}, basket {:.2}, segments \
             {:.2}.{alarm}\n",
            drift.recency, drift.frequency, drift.monetary, drift.average_order, drift.segments
        ));
    }
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
