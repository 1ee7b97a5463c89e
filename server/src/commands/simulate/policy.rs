//! `kava simulate policy`: the discount engine against simpler policies and the oracle, on shoppers whose answers are known.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::Context;
use simulator::Truth;
use simulator::contest::{Contest, Report, Watch};

use crate::serve::Stop;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// What the shoppers are like: JSON, as docs/policy.md has it [default: the café of that page]
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
    /// The same seed: the same shoppers with the same luck
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,
    /// Weeks that are judged
    #[arg(long, default_value_t = 52, value_name = "W")]
    weeks: u32,
    #[arg(long, default_value_t = 20_000, value_name = "S")]
    shoppers: usize,
    /// Weeks of offers by chance before, from which every policy may learn
    #[arg(long, default_value_t = 65, value_name = "W")]
    pilot: u32,
    /// What discounts may cost, of what is sold without any, such as 8%; or none, for no limit
    #[arg(long, default_value = "8%", value_name = "PERCENT")]
    budget: String,
    /// The report as one JSON object
    #[arg(long)]
    json: bool,
    /// Print the parameter file that is used without --truth, and end
    #[arg(long)]
    print_truth: bool,
}

/// # Errors
/// When the truth cannot be read or makes no sense; says so when it was stopped.
pub(crate) async fn run(args: Args, stop: &mut Stop) -> anyhow::Result<()> {
    if args.print_truth {
        println!("{}", serde_json::to_string_pretty(&Truth::default())?);
        return Ok(());
    }
    let truth = args.truth.as_deref().map_or_else(|| Ok(Truth::default()), read)?;
    let budget = match args.budget.trim() {
        "none" => None,
        share => Some(f64::from(domain::Rate::parse_percent(share).context("--budget")?.bp()) / 10_000.0),
    };
    let contest = Contest {
        seed: args.seed,
        shoppers: args.shoppers,
        pilot: args.pilot,
        weeks: args.weeks,
        budget,
        ..Contest::default()
    };
    let began = Instant::now();
    let stopped = Arc::new(AtomicBool::new(false));
    let shown = Shown { stopped: Arc::clone(&stopped) };
    let held = tokio::task::spawn_blocking(move || {
        let held = contest.hold(truth, &shown);
        shown.end();
        held
    });
    tokio::pin!(held);
    let report = tokio::select! {
        report = &mut held => report,
        () = stop.asked() => {
            stopped.store(true, Ordering::Relaxed);
            held.await
        }
    };
    let report = report.context("the contest broke off")??;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print(&report, began);
    }
    Ok(())
}

/// Larger files are not of parameters.
const MOST_BYTES: u64 = 1 << 20;

fn read(file: &Path) -> anyhow::Result<Truth> {
    let told = || format!("the parameters of the shoppers in {}", file.display());
    let size = std::fs::metadata(file).with_context(told)?.len();
    anyhow::ensure!(size <= MOST_BYTES, "{}: larger than {MOST_BYTES} bytes", told());
    let text = std::fs::read_to_string(file).with_context(told)?;
    let mut reader = serde_json::Deserializer::from_str(&text);
    let truth = serde_path_to_error::deserialize(&mut reader).with_context(told)?;
    reader.end().with_context(told)?;
    Ok(truth)
}

struct Shown {
    stopped: Arc<AtomicBool>,
}

impl Shown {
    fn end(&self) {
        if std::io::stderr().is_terminal() {
            eprintln!();
        }
    }
}

impl Watch for Shown {
    fn at(&self, what: &str, done: f64) -> bool {
        let percent = (100.0 * done) as u32;
        if std::io::stderr().is_terminal() {
            eprint!("\r{percent:>3} %  {what:<24}");
            let _ = std::io::stderr().flush();
        } else {
            eprintln!("{percent:>3} %  {what}");
        }
        self.goes_on()
    }

    fn goes_on(&self) -> bool {
        !self.stopped.load(Ordering::Relaxed)
    }
}

fn print(report: &Report, began: Instant) {
    println!(
        "{} shoppers, {} weeks after {} of offers by chance, seed {}; in {:.1} s. Money in minor units.",
        report.shoppers,
        report.weeks,
        report.pilot_weeks,
        report.seed,
        began.elapsed().as_secs_f64()
    );
    println!("\n{:<14}{:>22}{:>14}{:>14}{:>12}", "", "margin more a shopper", "discount", "of sales", "visits");
    for policy in &report.policies {
        let of_sales = 100.0 * policy.discount.0 as f64 / (policy.gross.0 as f64).max(1.0);
        println!(
            "{:<14}{:>22.2}{:>14}{:>12.1} %{:>12}",
            policy.name, policy.incremental_margin, policy.discount.0, of_sales, policy.visits
        );
    }
    let share = |share: Option<f64>| share.map_or("-".to_owned(), |share| format!("{:.1} %", 100.0 * share));
    println!("\nThe best rate for all is {}.", report.best_uniform.display(domain::Locale::En));
    println!("What there is to win over it, of all that can be won: {}.", share(report.headroom));
    println!("The engine's part of what can be won: {}.", share(report.oracle_share));
    println!("The engine's part of the oracle's lead over the best rate for all: {}.", share(report.headroom_share));
    println!("Waiting a week with everything gains, of what is paid: {}.", share(report.learned.waiting_gain));
    println!("Alternating poor offers with a good one would bring {:.2} more a shopper.", report.guarantee_costs);
    println!("Reported intervals that hold the truth: {}.", share(report.coverage95));
    if let Some(missing) = &report.learned.missing {
        println!("The engine had no model and gave its segments' rates: {missing}.");
    }
}
