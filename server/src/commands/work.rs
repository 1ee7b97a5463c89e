//! `kava work`: what happens behind the counter. Announces events, forgets what is old, and fits the segments at night;
//! `--once` does one of these and ends.

use clap::ValueEnum;
use services::lifetime::Forecast;
use services::{Shop, relay};
use store::event_log::PgLog;

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
            super::segments::fit(shop).await?;
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
    for (segment, own) in &forecast.own {
        text.push_str(&format!(
            "Segment {segment} foretells better by itself ({:.3} less deviance a customer, standard error {:.3}): it has a model of its \
             own.\n",
            own.gain.mean, own.gain.standard_error
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
