//! `kava till-sim`: a process of its own that plays an Alfa Kassa till against a running Kava, on the contract of
//! docs/till.md, with faults on demand. It never waits: 300 ms after it asked, the sale goes on. At the end everything that
//! Kava may not know is handed in, and a ledger says what both sides must agree on.

mod faults;
mod ledger;
mod line;
mod listener;
mod shift;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use domain::TillId;
use tokio::net::TcpListener;

pub use faults::{Faults, Scenario};
use line::{Line, Peer};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where Kava is
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:3000")]
    kava: String,
    /// The till's id, as `kava till connect` told it
    #[arg(long, value_name = "ID")]
    till: TillId,
    /// The till's bearer key, for grants and offline receipts
    #[arg(long, value_name = "KEY", env = "KAVA_TILL_KEY", hide_env_values = true)]
    till_key: String,
    /// The shared secret, as `kava till connect` told it
    #[arg(long, value_name = "HEX", env = "KAVA_TILL_SECRET", hide_env_values = true)]
    secret: String,
    /// Where the till listens: its endpoint, as Kava knows it. Also has /control/faults and /control/ledger
    #[arg(long, value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Codes that guests show; without any, nobody shows one
    #[arg(long, value_name = "CODE", value_delimiter = ',')]
    codes: Vec<String>,
    /// How many sales
    #[arg(long, value_name = "N", default_value_t = 50)]
    receipts: u32,
    /// The same seed sells the same
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// A named set of faults
    #[arg(long, value_enum, default_value = "calm")]
    scenario: Scenario,
    /// Such as slow=0.1,duplicate=0.1,lost=0.05,reorder=0.1,offline=30s; instead of a scenario
    #[arg(long, value_name = "LIST")]
    faults: Option<Faults>,
}

/// Exit code 1 when Kava and the till do not agree at the end.
///
/// # Errors
/// When Kava cannot be reached at the start or the end, or what is given to the till is not good.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let secret = till::wire::Secret::parse(&args.secret)
        .ok_or_else(|| anyhow!("--secret is the 64 hexadecimal digits that `kava till connect` told."))?;
    let kava = args.kava.trim_end_matches('/').to_owned();
    let peer = Peer { kava, till: args.till, till_key: args.till_key, secret };
    let faults = args.faults.unwrap_or_else(|| args.scenario.faults());
    let line = Arc::new(Line::new(peer, faults, args.seed)?);
    let socket = TcpListener::bind(args.listen).await.with_context(|| format!("Cannot listen on {}.", args.listen))?;
    let listening = tokio::spawn(axum::serve(socket, listener::router(line.clone())).into_future());

    let mut shift = shift::Shift::begin(line.clone(), &args.codes, args.seed).await?;
    shift.sell(args.receipts).await;
    shift.reconcile().await?;
    listening.abort();
    let ledger = line.ledger().clone();
    print!("{}", ledger.words());
    println!("{}", serde_json::to_string(&ledger)?);
    let agreed = ledger.rejected == 0 && ledger.disagreements == 0 && ledger.real_loss <= ledger.worst_case_loss;
    Ok(if agreed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
