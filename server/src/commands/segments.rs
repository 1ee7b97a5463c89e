//! `kava segments`: how customers are divided, and the segments of now.

use std::time::Duration;

use domain::segment::{Division, Drift};
use domain::{Locale, SegmentMethod};
use services::Shop;
use services::segment::{self, FitReport, Stage};

/// Of a fit that takes long.
const BETWEEN_LINES: Duration = Duration::from_secs(1);

#[derive(Debug, clap::Subcommand)]
pub enum Verb {
    /// How customers are divided, and the links that say where newcomers come from
    Show,
    /// Say how the next fit divides customers; what is not named stays
    Set {
        /// k_means: everybody into segments; dbscan: crowds, and who stands apart
        #[arg(long, value_parser = SegmentMethod::parse)]
        method: Option<SegmentMethod>,
        /// How many segments of K-Means, 1 to 64, or `auto`: as many as the customers show
        #[arg(long, value_name = "COUNT")]
        count: Option<String>,
    },
    /// Fit the segments now, and place every customer
    Fit,
}

/// # Errors
/// What the shop refuses, with what to do.
pub async fn run(verb: Verb, shop: &Shop, origin: &str) -> anyhow::Result<()> {
    match verb {
        Verb::Show => show(shop, origin).await,
        Verb::Set { method, count } => set(shop, method, count.as_deref()).await,
        Verb::Fit => fit(shop).await,
    }
}

async fn show(shop: &Shop, origin: &str) -> anyhow::Result<()> {
    let kept = shop.store().division().await?;
    let segments = match (kept.method, kept.segments) {
        (SegmentMethod::Dbscan, _) => String::new(),
        (SegmentMethod::KMeans, None) => ", as many segments as they show".to_owned(),
        (SegmentMethod::KMeans, Some(count)) => format!(", {count} segments"),
    };
    println!("Customers are divided by {}{segments}.\n", method_words(kept.method));
    println!("Links for posters, and who registered by them (and has bought since):");
    for way in shop.store().ways_in().await? {
        println!("  {}  {origin}/join?store={}  {} ({})", way.name, way.store, way.registered, way.bought);
    }
    let (invited, bought) = shop.store().invited().await?;
    println!("  invited by another customer  {invited} ({bought})");
    Ok(())
}

async fn set(shop: &Shop, method: Option<SegmentMethod>, count: Option<&str>) -> anyhow::Result<()> {
    let kept = shop.store().division().await?;
    let segments = match count {
        None => kept.segments,
        Some("auto") => None,
        Some(count) => Some(count.parse().map_err(|_| anyhow::anyhow!("--count {count:?} is 1 to 64, or auto"))?),
    };
    let division = Division { method: method.unwrap_or(kept.method), segments };
    shop.set_division(division).await.map_err(|refusal| anyhow::anyhow!("{}", refusal.detail))?;
    println!("Set. It counts from the next fit on: `kava segments fit` makes one now.");
    Ok(())
}

/// Fits, and says what came of it.
///
/// # Errors
/// Why there was no fit.
pub async fn fit(shop: &Shop) -> anyhow::Result<()> {
    let report = fit_told(shop).await.map_err(|refusal| anyhow::anyhow!("{}", refusal.detail))?;
    print!("{}", words(&report));
    Ok(())
}

const fn method_words(method: SegmentMethod) -> &'static str {
    match method {
        SegmentMethod::KMeans => "K-Means",
        SegmentMethod::Dbscan => "density (DBSCAN)",
    }
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

/// What a fit found, for people.
fn words(report: &FitReport) -> String {
    let mut text = format!(
        "Model {} by {}: {} customers, {} segments, silhouette {:.3}.\n",
        report.version,
        method_words(report.method),
        report.samples,
        report.segments.len(),
        report.silhouette
    );
    let tried = report.tried.iter().map(|(k, s)| format!("{k}: {s:.3}")).collect::<Vec<_>>().join(", ");
    text.push_str(&format!("Silhouettes of K-Means by number of segments: {tried}.\n"));
    let found = report.stability.iter().map(|(k, s)| format!("{k}: {s:.2}")).collect::<Vec<_>>().join(", ");
    if !found.is_empty() {
        text.push_str(&format!("How far each is found again among customers drawn again: {found}.\n"));
    }
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
    text.push_str(&match &report.prospects {
        Some((customers, gain)) => format!(
            "Where {customers} customers came from says what newcomers are likely to become: the right segment was held {:.2} times as \
             likely as by its size.\n",
            gain.exp()
        ),
        None => "Where customers came from does not say what newcomers are likely to become.\n".to_owned(),
    });
    text.push_str(&format!("{} customers are called something else than before.\n", report.moved));
    if report.repaired > 0 {
        text.push_str(&format!("{} customers' features were brought in line with their receipts.\n", report.repaired));
    }
    text
}
