//! `kava simulate campaign`: what a draft would have cost.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use contract::simulation::{SimulatedSums, SimulationReport, SimulationRequest, Winner};
use domain::{Amount, Locale, Rate};
use services::Shop;
use services::simulation::Watch;

use crate::commands::campaigns::{read, told};
use crate::serve::Stop;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// JSON, as docs/campaigns.md has it
    file: PathBuf,
    /// How many weeks back
    #[arg(long, default_value_t = 12, value_name = "N")]
    weeks: u32,
    /// The end [default: the newest sale]
    #[arg(long, value_name = "TIME")]
    until: Option<DateTime<Utc>>,
    /// Of how many sales a campaign that needs a coupon is taken to have one, such as 20%
    #[arg(long, default_value = "0%", value_name = "PERCENT")]
    coupon_share: String,
    /// The report as one JSON object
    #[arg(long)]
    json: bool,
}

/// # Errors
/// Names everything that is wrong with the draft; says so when it was stopped.
pub(crate) async fn run(args: Args, shop: &Shop, stop: &mut Stop) -> anyhow::Result<()> {
    let share = Rate::parse_percent(&args.coupon_share)?;
    let request = SimulationRequest {
        draft: read(&args.file)?,
        weeks: args.weeks,
        until: args.until,
        coupon_share_bp: u16::try_from(share.0).unwrap_or(u16::MAX),
    };
    let shown = Shown::new();
    let began = Instant::now();
    let simulated = shop.simulate(&request, &shown);
    tokio::pin!(simulated);
    let report = tokio::select! {
        report = &mut simulated => report,
        () = stop.asked() => {
            shown.stopped.store(true, Ordering::Relaxed);
            simulated.await
        }
    };
    shown.end();
    let report = report.map_err(|refusal| told(&refusal))?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print(&report, began.elapsed());
    }
    Ok(())
}

/// A line on the standard error, where somebody looks.
struct Shown {
    last: Mutex<Instant>,
    stopped: AtomicBool,
}

impl Shown {
    fn new() -> Self {
        Self { last: Mutex::new(Instant::now()), stopped: AtomicBool::new(false) }
    }

    fn end(&self) {
        if std::io::stderr().is_terminal() {
            eprintln!();
        }
    }
}

impl Watch for Shown {
    fn goes_on(&self, done: u64, of: u64) -> bool {
        let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let terminal = std::io::stderr().is_terminal();
        let pause = if terminal { Duration::from_millis(100) } else { Duration::from_secs(1) };
        if last.elapsed() >= pause || (done == of && terminal) {
            *last = Instant::now();
            let percent = done * 100 / of.max(1);
            if terminal {
                eprint!("\r{percent:>3} %  {done} of {of} sales");
                let _ = std::io::stderr().flush();
            } else {
                eprintln!("{done} of {of} sales ({percent} %)");
            }
        }
        !self.stopped.load(Ordering::Relaxed)
    }
}

fn print(report: &SimulationReport, took: Duration) {
    let money = |amount: Amount| amount.display(report.currency, Locale::En);
    let day = |at: DateTime<Utc>| at.format("%Y-%m-%d").to_string();
    println!(
        "{} sales from {} to {}, {} at the prices of then; {} was really taken off. Replayed in {:.1} s.",
        report.sales,
        day(report.from),
        day(report.until),
        money(report.subtotal),
        money(report.discount_then),
        took.as_secs_f64()
    );
    println!(
        "Nobody is taken to buy more because it is cheaper. Cards are left out; what came back later counts as sold."
    );
    if report.sales_without_cost > 0 {
        println!("{} sales have a line without a known cost: they are not in the margins.", report.sales_without_cost);
    }
    println!("\n{:<22}{:>16}{:>16}{:>16}", "", "rules in force", "with the draft", "difference");
    let row = |name: &str, of: fn(&SimulatedSums) -> Amount| {
        let (without, with) = (of(&report.without_draft), of(&report.with_draft));
        println!("{name:<22}{:>16}{:>16}{:>16}", money(without), money(with), money(with - without));
    };
    row("discount", |sums| sums.discount);
    row("margin", |sums| sums.margin);
    row("kept by the floor", |sums| sums.floor_clipped);
    row("kept by budgets", |sums| sums.budget_clipped);
    let (without, with) = (report.without_draft.sales, report.with_draft.sales);
    println!("{:<22}{without:>16}{with:>16}", "sales that it lowers");
    println!("\ncampaigns");
    for campaign in &report.campaigns {
        let exhausted = campaign.exhausted_at.map_or(String::new(), |at| format!(", a budget used up on {}", day(at)));
        println!("  {:<40}{:>14} on {} sales{exhausted}", campaign.name, money(campaign.discount), campaign.sales);
    }
    let winners = [
        ("customers", &report.winners.customers),
        ("segments", &report.winners.segments),
        ("products", &report.winners.products),
        ("stores", &report.winners.stores),
    ];
    for (what, winners) in winners {
        if winners.is_empty() {
            continue;
        }
        println!("\n{what} that gain most");
        for Winner { id, gains } in winners {
            println!("  {id:<40}{:>14}", money(*gains));
        }
    }
}
