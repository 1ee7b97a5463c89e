//! `kava policy`: who decides what customers are offered, what may be spent, and the models that were learned.

use anyhow::bail;
use domain::{Currency, Locale, Rate};
use services::Shop;
use services::policy::brought::Told;
use services::policy::planning::Planned;
use services::policy::training::{Outcome, TrainingReport};
use services::policy::week_of;
use store::offers::{Mode, State, Terms};

use crate::serve::Stop;

#[derive(Debug, clap::Subcommand)]
pub enum Verb {
    /// Terms, models, what was spent, and what it brings against who is held out
    Show,
    /// Change the terms; what is not named stays
    Set(Set),
    /// Learn a model from the log of offers; it comes into use only where it is not worse than the one in use
    Train {
        /// The report as JSON
        #[arg(long)]
        json: bool,
    },
    /// Plan anew what may be spent and at which price; done every night as well
    Plan,
    /// Put a model in use, whatever it was judged to be
    Use { version: i32 },
    /// Let a model decide beside what is in use, unheard
    Shadow { version: i32 },
    /// Put the model back that was in use before
    Rollback,
}

#[derive(Debug, clap::Args)]
pub struct Set {
    /// rule: the segment's level; pilot: levels by chance, to learn from; learned: the model in use
    #[arg(long, value_parser = Mode::parse)]
    mode: Option<Mode>,
    /// Of all customers, how many get no personal discount, so that it can be seen what discounts bring: such as 4%
    #[arg(long, value_name = "SHARE", value_parser = percent)]
    held_out: Option<Rate>,
    /// Nobody else is offered less than this off the basket
    #[arg(long, value_name = "RATE", value_parser = percent)]
    least: Option<Rate>,
    /// Nobody is offered more
    #[arg(long, value_name = "RATE", value_parser = percent)]
    most: Option<Rate>,
    /// Of a model's offers, how many are made to learn
    #[arg(long, value_name = "SHARE", value_parser = percent)]
    exploring: Option<Rate>,
    /// What cards may cost a period, such as 12000.00, or `none`
    #[arg(long, value_name = "AMOUNT")]
    budget: Option<String>,
    /// Weeks of a period; the first begins this week
    #[arg(long, value_name = "WEEKS")]
    period: Option<u32>,
}

fn percent(text: &str) -> Result<Rate, String> {
    Rate::parse_percent(text).map_err(|error| error.to_string())
}

/// # Errors
/// What the shop refuses, with what to do.
pub(crate) async fn run(verb: Verb, shop: &Shop, stop: &mut Stop) -> anyhow::Result<()> {
    let refused = |refusal: contract::Refusal| anyhow::anyhow!("{}", refusal.detail);
    match verb {
        Verb::Show => show(shop).await?,
        Verb::Set(set) => {
            let terms = set.over(shop).await?;
            shop.set_discount_terms(&terms).await.map_err(refused)?;
            println!("Set. Whoever has cards keeps them until they buy or the cards run out.");
        }
        Verb::Train { json } => {
            let told = |done: f64| eprint!("\r{:3.0} %", 100.0 * done);
            let mut training = std::pin::pin!(shop.train(&told));
            let trained = tokio::select! {
                trained = &mut training => trained,
                () = stop.asked() => {
                    shop.training().stop();
                    training.await
                }
            };
            eprintln!();
            let (version, report) = trained.map_err(refused)?;
            if json {
                println!(
                    "{}",
                    serde_json::to_string_pretty(&serde_json::json!({ "version": version, "report": report }))?
                );
            } else {
                print!("{}", words(version, &report));
            }
        }
        Verb::Plan => print!("{}", plan_words(&shop.plan(State::InUse).await.map_err(refused)?)),
        Verb::Use { version } => {
            shop.set_model_state(version, State::InUse).await.map_err(refused)?;
            println!("Model {version} is in use, and planned with.");
        }
        Verb::Shadow { version } => {
            shop.set_model_state(version, State::Shadow).await.map_err(refused)?;
            println!("Model {version} decides beside what is in use from now on; the log has what it says.");
        }
        Verb::Rollback => {
            let version = shop.roll_back_model().await.map_err(refused)?;
            println!("Model {version} is in use again.");
        }
    }
    Ok(())
}

impl Set {
    async fn over(self, shop: &Shop) -> anyhow::Result<Terms> {
        let Some(settings) = shop.store().settings().await? else {
            bail!("There is no shop yet: `kava seed` or `kava import` makes one.");
        };
        let now = settings.discounts;
        let budget = match self.budget.as_deref() {
            None => now.budget,
            Some("none") => None,
            Some(text) => Some(settings.currency.parse_amount(text)?),
        };
        let (period_from, period_weeks) = match self.period {
            Some(weeks) => {
                let zone = shop.zone().await.map_err(|refusal| anyhow::anyhow!("{}", refusal.detail))?;
                (week_of(shop.now(), zone), weeks)
            }
            None => (now.period_from, now.period_weeks),
        };
        Ok(Terms {
            mode: self.mode.unwrap_or(now.mode),
            held_out: self.held_out.unwrap_or(now.held_out),
            least: self.least.unwrap_or(now.least),
            most: self.most.unwrap_or(now.most),
            exploring: self.exploring.unwrap_or(now.exploring),
            budget,
            period_from,
            period_weeks,
            ..now
        })
    }
}

async fn show(shop: &Shop) -> anyhow::Result<()> {
    let refused = |refusal: contract::Refusal| anyhow::anyhow!("{}", refusal.detail);
    let Some(settings) = shop.store().settings().await? else {
        bail!("There is no shop yet: `kava seed` or `kava import` makes one.");
    };
    let (terms, currency) = (settings.discounts, settings.currency);
    let rate = |rate: Rate| rate.display(Locale::En);
    println!(
        "Mode {}: from {} to {} off the basket, {} of customers held out, {} of a model's offers made to learn.",
        terms.mode.as_str(),
        rate(terms.least),
        rate(terms.most),
        rate(terms.held_out),
        rate(terms.exploring)
    );
    let budget = terms.budget.map_or_else(|| "no limit".to_owned(), |budget| budget.display(currency, Locale::En));
    println!("Budget a period of {} weeks: {budget}.", terms.period_weeks);
    for model in shop.store().response_models().await? {
        println!("Model {}, trained {}: {}", model.version, model.trained_at.format("%Y-%m-%d %H:%M"), model.state);
    }
    print!("{}", brought_words(&shop.brought().await.map_err(refused)?, currency));
    Ok(())
}

fn brought_words(told: &Told, currency: Currency) -> String {
    let money = |minor: f64| domain::Amount(minor.round() as i64).display(currency, Locale::En);
    let mut text = format!(
        "Since {}: {} customers with offers brought {} of margin each, {} held out {}.\n",
        told.from.format("%Y-%m-%d"),
        told.offered,
        money(told.margin_offered),
        told.held_out,
        money(told.margin_held_out)
    );
    text.push_str(&match told.effect {
        Some(effect) => format!(
            "Offers brought {} a customer beyond what there would have been without (95 %: {} to {}).\n",
            money(effect.estimate),
            money(effect.low),
            money(effect.high)
        ),
        None => "Too few are held out to say what offers bring.\n".to_owned(),
    });
    if told.parting.is_some_and(|chance| chance < 1e-3) {
        text.push_str("The groups are not as large as they should be: do not believe this before it is known why.\n");
    }
    text
}

fn words(version: i32, report: &TrainingReport) -> String {
    let mut text = format!(
        "Model {version}: {} customers with {} purchases, {} kinds; judged by {} others in {} weeks, {} of them left to chance.\n\
         Log-likelihood a week {:.4}.",
        report.fit.customers,
        report.fit.visits,
        report.fit.kinds,
        report.judges,
        report.weeks,
        report.weeks_by_chance,
        report.log_likelihood
    );
    if let Some(better) = report.better_by {
        let sign = |x: f64| format!("{x:+.4}");
        text.push_str(&format!(
            " Than the model in use: {} ({} to {}).",
            sign(better.estimate),
            sign(better.low),
            sign(better.high)
        ));
    }
    text.push('\n');
    if let Some(gain) = &report.gain {
        text.push_str(&format!(
            "Offering the most to whom it says, against chance: {:+.2} minor units a week ({:+.2} to {:+.2}), self-normalised {:+.2}; \
             worth {:.0} decisions: {:?}.\n",
            gain.robust.estimate,
            gain.robust.low,
            gain.robust.high,
            gain.self_normalised,
            gain.effective,
            gain.verdict
        ));
    }
    for bin in &report.calibration {
        text.push_str(&format!("  foretold {:.3}, came {:.3} in {} weeks\n", bin.foretold, bin.came, bin.weeks));
    }
    text.push_str(match report.outcome {
        Outcome::InUse => "It is in use.\n",
        Outcome::Shadow => {
            "The log cannot tell whether it pays: it decides in the shadow. `kava policy use` puts it in use all the same.\n"
        }
        Outcome::Rejected => "It is worse: it was rejected.\n",
    });
    text
}

fn plan_words(plan: &Planned) -> String {
    format!(
        "Planned for {} customers over {} weeks: cards cost {} and bring {:.0} minor units beyond that; a unit of budget brings {:.3} \
         more.\n",
        plan.customers, plan.weeks, plan.cost, plan.gain, plan.price
    )
}
