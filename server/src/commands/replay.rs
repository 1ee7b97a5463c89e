//! `kava doctor receipt WHICH` and `kava doctor receipts`: stored decisions are made again and compared.

use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use domain::SessionId;
use serde_json::json;
use services::Shop;
use services::till::{MadeFrom, Replayed};

#[derive(Debug, Args)]
pub struct One {
    /// The receipt's number, its id, or the id of its session
    which: String,
    /// One JSON object a sale instead of text
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct Many {
    /// How many of the newest sales
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    newest: u32,
    /// One JSON object a sale instead of text
    #[arg(long)]
    json: bool,
}

/// 0: all of them are identical; 1: one is not; 2: one cannot be made again.
///
/// # Errors
/// When there is no such receipt, or the store is away.
pub async fn one(shop: &Shop, args: &One) -> anyhow::Result<ExitCode> {
    let found = shop.store().sales_named(&args.which).await?;
    if found.is_empty() {
        bail!("there is no sale {:?}: name a receipt's number, its id, or the id of its session", args.which);
    }
    let mut worst = 0;
    for sale in found {
        let replayed = match sale.session {
            Some(session) => shop.replay(session).await?,
            None => Replayed::Impossible {
                why: if sale.imported {
                    "the receipt was imported: its prices were decided elsewhere".to_owned()
                } else {
                    "the receipt was made offline: the till decided by a grant (docs/till.md)".to_owned()
                },
            },
        };
        worst = worst.max(tell(&sale.number, &replayed, args.json));
    }
    Ok(ExitCode::from(worst))
}

/// The newest sales of this shop's tills, one after the other.
///
/// # Errors
/// When the store is away.
pub async fn many(shop: &Shop, args: &Many) -> anyhow::Result<ExitCode> {
    let (mut worst, mut identical, mut done) = (0, 0_u64, 0_u64);
    let mut before: Option<SessionId> = None;
    let mut left = args.newest;
    while left > 0 {
        let page = shop.store().closed_sessions(before, left.min(500)).await?;
        let Some((last, _)) = page.last() else { break };
        before = Some(*last);
        left -= u32::try_from(page.len()).unwrap_or(left).min(left);
        for (session, number) in page {
            let replayed = shop.replay(session).await?;
            done += 1;
            if matches!(replayed, Replayed::Identical(_)) && !args.json {
                identical += 1;
            } else {
                worst = worst.max(tell(&number, &replayed, args.json));
            }
        }
        eprintln!("{done} sales were made again");
    }
    if !args.json {
        println!("{identical} of {done} sales are identical when they are made again");
    }
    Ok(ExitCode::from(worst))
}

/// Prints what came of it; 0, 1 or 2 as the exit code has it.
fn tell(number: &str, replayed: &Replayed, as_json: bool) -> u8 {
    if as_json {
        println!("{}", json!({"receipt_number": number, "replay": replayed}));
    }
    match replayed {
        Replayed::Identical(made_from) => {
            if !as_json {
                println!("ok     {number}: identical. {}", words(made_from));
            }
            0
        }
        Replayed::Different { made_from, differences } => {
            if !as_json {
                println!("WRONG  {number}: made again it is another decision. {}", words(made_from));
                for difference in differences {
                    println!("       {}: stored {}, made {}", difference.pointer, difference.stored, difference.made);
                }
            }
            1
        }
        Replayed::Impossible { why } => {
            if !as_json {
                println!("note   {number}: cannot be made again: {why}");
            }
            2
        }
    }
}

fn words(made_from: &MadeFrom) -> String {
    let rules = made_from.revision.map_or("no rule set".to_owned(), |revision| format!("rule set {revision}"));
    let card = made_from.card.map_or("no card".to_owned(), |card| format!("card {card}"));
    let coupons = match made_from.coupons.as_slice() {
        [] => "no coupons".to_owned(),
        some => format!("coupons {}", some.join(", ")),
    };
    format!(
        "Session {}, {rules}, {card}, {coupons}, {} lines at {} ({}).",
        made_from.session_id,
        made_from.lines,
        made_from.evaluated_at.to_rfc3339(),
        made_from.zone
    )
}
