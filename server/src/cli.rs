//! The command line: one program, one verb at a time.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};

use crate::commands::simulate::Verb as Simulate;
use crate::config::{Config, Flags};
use crate::wiring::Wired;
use crate::{bench, commands, doctor, logging, runtime, serve};

/// Kava: a discount of their own for every customer, and never below the margin floor.
#[derive(Debug, Parser)]
#[command(name = "kava", version, about, disable_help_subcommand = true)]
struct Cli {
    #[command(flatten)]
    settings: Settings,
    #[command(subcommand)]
    command: Command,
}

/// Settings of every command.
#[derive(Debug, Args)]
struct Settings {
    /// Settings file [default: kava.toml, where there is one]
    #[arg(long, global = true, env = "KAVA_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of the private PostgreSQL and Redis
    #[arg(long, global = true, env = "KAVA_DATA", value_name = "DIR")]
    data: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Open the shop: pages, REST, and what they need
    Serve(ServeArgs),
    /// Bring the database's schema up to this program's
    Migrate,
    /// Set the demo shop up in an empty database
    Seed(commands::seed::Args),
    /// Take over what happened elsewhere
    #[command(subcommand)]
    Import(Import),
    /// Do what happens behind the counter: announce events, fit segments, tidy up
    Work(commands::work::Args),
    /// Look after customers
    #[command(subcommand)]
    Customers(commands::customers::Verb),
    /// Look after campaigns: check, publish, pause, go back
    #[command(subcommand)]
    Campaigns(commands::campaigns::Verb),
    /// Decide who decides what customers are offered: terms, pilot, models, what it brings
    #[command(subcommand)]
    Policy(commands::policy::Verb),
    /// Say how customers are divided, and fit the segments
    #[command(subcommand)]
    Segments(commands::segments::Verb),
    /// Make coupon codes by the million
    #[command(subcommand)]
    Coupons(commands::coupons::Verb),
    /// Look after the chain's tills
    #[command(subcommand)]
    Till(commands::till::Verb),
    /// Play an Alfa Kassa till against a running Kava, with faults
    TillSim(commands::till_sim::Args),
    /// See what a draft would have cost, or what discount policies bring
    #[command(subcommand)]
    Simulate(Simulate),
    /// Look at everything Kava depends on, and say what to do
    Doctor(DoctorArgs),
    /// Print the settings in force
    Config,
    /// Measure
    #[command(subcommand)]
    Bench(Bench),
}

#[derive(Debug, Args)]
struct ServeArgs {
    /// Where to listen
    #[arg(long, value_name = "ADDRESS")]
    addr: Option<SocketAddr>,
    /// The built site
    #[arg(long, value_name = "DIR")]
    site: Option<PathBuf>,
    /// REST and probes only; needs no built site
    #[arg(long)]
    api_only: bool,
}

#[derive(Debug, Args)]
struct DoctorArgs {
    #[command(subcommand)]
    of: Option<Books>,
}

#[derive(Debug, Subcommand)]
enum Books {
    /// Whether the counters of coupons and budgets are the sums of their ledger
    Ledger,
    /// Whether a sale's decision, made again from what it was made from, is what was stored
    Receipt(commands::replay::One),
    /// The same of the newest sales
    Receipts(commands::replay::Many),
}

#[derive(Debug, Subcommand)]
enum Import {
    /// Receipts from a CSV file, plain or gzipped
    Receipts(commands::import::Args),
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// Gradient boosting against LightGBM and XGBoost
    Boosting(BenchArgs),
    /// Lifetime value against the Python package lifetimes
    Clv(BenchArgs),
    /// Import against a bare COPY of the same rows
    Import(BenchArgs),
    /// The same cart under Kava and under Vendure
    Peer(BenchArgs),
    /// What customers buy next, and what completes a basket, against EASE and Python's implicit
    Preferences(BenchArgs),
    /// The discount engine against simpler policies and the oracle, on shoppers whose answers are known
    Policy(BenchArgs),
    /// Decisions of the promotions engine: how long, how they grow, and that none breaks a law of money
    Promotions(BenchArgs),
    /// Quotes a second against an endpoint that only echoes
    Quote(BenchArgs),
    /// Association rules against mlxtend and efficient-apriori
    Rules(BenchArgs),
    /// How what is done at night grows with customers, lines and products
    Scale(BenchArgs),
    /// K-Means and DBSCAN against scikit-learn's
    Segments(BenchArgs),
    /// Quotes, and durable closes against bare commits of the same PostgreSQL
    Till(BenchArgs),
    /// Whom an e-mail moves, against learners over LightGBM, scored by scikit-uplift
    Uplift(BenchArgs),
}

#[derive(Clone, Copy, Debug, Args)]
struct BenchArgs {
    /// Within a minute, and less exact
    #[arg(long)]
    quick: bool,
}

/// Reads the command line and does what it says. 0: done; 1: failed, told on the standard error; 2: not understood.
#[must_use]
pub fn main() -> ExitCode {
    // Under `cargo leptos watch`, which gives no command, it serves.
    let watched = std::env::var_os("LEPTOS_WATCH").is_some() && std::env::args_os().len() == 1;
    let cli = if watched { Cli::parse_from(["kava", "serve"]) } else { Cli::parse() };
    start(cli).unwrap_or_else(|error| {
        eprintln!("kava: {error:#}");
        ExitCode::FAILURE
    })
}

fn start(cli: Cli) -> anyhow::Result<ExitCode> {
    let config = configure(&cli)?;
    let serves = matches!(cli.command, Command::Serve(_) | Command::Bench(_));
    let runtime = runtime::build(serves && config.serve.keep_processors).context("The runtime does not start.")?;
    runtime.block_on(run(cli, config))
}

fn configure(cli: &Cli) -> anyhow::Result<Config> {
    let mut flags =
        Flags { config: cli.settings.config.clone(), data: cli.settings.data.clone(), site: None, address: None };
    if let Command::Serve(args) = &cli.command {
        flags.site.clone_from(&args.site);
        flags.address = args.addr;
    }
    let mut config = Config::load(&flags, std::env::vars()).context("The settings cannot be used.")?;
    if matches!(cli.command, Command::Bench(_)) {
        // A line for every request would be measured as well.
        "warn".clone_into(&mut config.log.level);
    }
    Ok(config)
}

async fn run(cli: Cli, config: Config) -> anyhow::Result<ExitCode> {
    logging::start(&config.log)?;
    match cli.command {
        Command::Serve(args) => serve::run(&config, serve::Options { api_only: args.api_only }).await?,
        Command::Migrate => {
            Wired::start(&config).await?.stop().await?;
            println!("The schema is up to date.");
        }
        Command::Seed(args) => {
            with_shop(&config, async |wired| commands::seed::run(args, &wired.shop).await).await?;
        }
        Command::Import(Import::Receipts(args)) => {
            with_shop(&config, async |wired| commands::import::run(args, &wired.shop).await).await?;
        }
        Command::Work(args) => {
            // Who works until told to stop has done all of it when told so.
            let told = if args.is_endless() { Ok(()) } else { Err(broken_off()) };
            with_shop_until(&config, told, async |wired| commands::work::run(args, &wired.shop).await).await?;
        }
        Command::Customers(verb) => {
            with_shop(&config, async |wired| commands::customers::run(verb, &wired.shop).await).await?;
        }
        Command::Campaigns(verb) => {
            if let Some(verb) = commands::campaigns::alone(verb)? {
                with_shop(&config, async |wired| commands::campaigns::run(verb, wired).await).await?;
            }
        }
        Command::Policy(verb) => {
            with_stop(&config, async |wired, stop| commands::policy::run(verb, &wired.shop, stop).await).await?;
        }
        Command::Segments(verb) => {
            let origin = config.origin();
            with_shop(&config, async |wired| commands::segments::run(verb, &wired.shop, &origin).await).await?;
        }
        Command::Coupons(verb) => {
            with_stop(&config, async |wired, stop| commands::coupons::run(verb, wired, stop).await).await?;
        }
        Command::Simulate(Simulate::Campaign(args)) => {
            let simulate = async |wired: &Wired, stop: &mut serve::Stop| {
                commands::simulate::campaign::run(args, &wired.shop, stop).await
            };
            with_stop(&config, simulate).await?;
        }
        Command::Simulate(Simulate::Policy(args)) => {
            commands::simulate::policy::run(args, &mut serve::Stop::listen()).await?;
        }
        Command::Doctor(DoctorArgs { of: Some(Books::Ledger) }) => {
            with_shop(&config, async |wired| commands::ledger::run(&wired.store).await).await?;
        }
        Command::Doctor(DoctorArgs { of: Some(Books::Receipt(args)) }) => {
            return with_shop(&config, async |wired| commands::replay::one(&wired.shop, &args).await).await;
        }
        Command::Doctor(DoctorArgs { of: Some(Books::Receipts(args)) }) => {
            return with_shop(&config, async |wired| commands::replay::many(&wired.shop, &args).await).await;
        }
        Command::Doctor(DoctorArgs { of: None }) => {
            return Ok(if doctor::run(&config).await { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        Command::TillSim(args) => return commands::till_sim::run(args).await,
        Command::Till(commands::till::Verb::Connect { store, till, endpoint }) => {
            // Before the shop is wired, which takes the key up.
            crate::master_key::ensure(&config, &services::clock::OsEntropy)?;
            let verb = commands::till::Verb::Connect { store, till, endpoint };
            with_shop(&config, async |wired| commands::till::run(verb, &wired.shop).await).await?;
        }
        Command::Till(verb) => with_shop(&config, async |wired| commands::till::run(verb, &wired.shop).await).await?,
        Command::Config => print!("{}", config.display()?),
        Command::Bench(Bench::Boosting(args)) => bench::boosting::run(args.quick).await?,
        Command::Bench(Bench::Clv(args)) => bench::clv::run(args.quick).await?,
        Command::Bench(Bench::Import(args)) => bench::import::run(args.quick).await?,
        Command::Bench(Bench::Peer(args)) => bench::peer::run(args.quick).await?,
        Command::Bench(Bench::Policy(args)) => bench::policy::run(args.quick)?,
        Command::Bench(Bench::Promotions(args)) => bench::promotions::run(args.quick)?,
        Command::Bench(Bench::Quote(args)) => bench::quote::run(args.quick).await?,
        Command::Bench(Bench::Rules(args)) => bench::rules::run(args.quick).await?,
        Command::Bench(Bench::Scale(args)) => bench::scale::run(args.quick).await?,
        Command::Bench(Bench::Preferences(args)) => bench::preferences::run(args.quick).await?,
        Command::Bench(Bench::Segments(args)) => bench::segments::run(args.quick).await?,
        Command::Bench(Bench::Till(args)) => bench::till::run(args.quick).await?,
        Command::Bench(Bench::Uplift(args)) => bench::uplift::run(args.quick).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs one verb with the shop and then leaves the private servers, whatever came of it. Ctrl-C and SIGTERM break it
/// off: what it did not commit never happened.
async fn with_shop<T>(config: &Config, verb: impl AsyncFnOnce(&Wired) -> anyhow::Result<T>) -> anyhow::Result<T> {
    with_shop_until(config, Err(broken_off()), verb).await
}

/// The same for a verb that ends with `told` when it is told to stop.
async fn with_shop_until<T>(
    config: &Config,
    told: anyhow::Result<T>,
    verb: impl AsyncFnOnce(&Wired) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    with_stop(config, async |wired, stop| {
        tokio::select! {
            outcome = verb(wired) => outcome,
            () = stop.asked() => told,
        }
    })
    .await
}

/// The same for a verb that ends by itself, and in order, when it is asked to stop.
async fn with_stop<T>(
    config: &Config,
    verb: impl AsyncFnOnce(&Wired, &mut serve::Stop) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let mut stop = serve::Stop::listen();
    let wired = Wired::start(config).await?;
    let outcome = verb(&wired, &mut stop).await;
    let stopped = wired.stop().await;
    let done = outcome?;
    stopped?;
    Ok(done)
}

fn broken_off() -> anyhow::Error {
    anyhow::anyhow!("stopped before the end; what was not finished was not done")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn settings_may_stand_before_or_after_the_verb() {
        for line in [["kava", "--data", "/d", "doctor"], ["kava", "doctor", "--data", "/d"]] {
            assert_eq!(Cli::try_parse_from(line).unwrap().settings.data, Some(PathBuf::from("/d")));
        }
        assert!(Cli::try_parse_from(["kava", "serve", "--api-only", "--addr", "127.0.0.1:0"]).is_ok());
        assert!(Cli::try_parse_from(["kava", "serve", "--addr", "here"]).is_err());
    }
}
