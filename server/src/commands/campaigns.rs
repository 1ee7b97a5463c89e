//! `kava campaigns`: checks, publishes, lists and pauses, and goes back to an earlier revision.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use contract::campaigns::{Author, Revision};
use contract::{CampaignApi, IdempotencyKey, Refusal};
use domain::CampaignId;
use serde_json::Value;
use services::clock::Draw;
use uuid::Uuid;

use crate::wiring::Wired;

/// A rule set that is larger was not written by people.
const MAX_FILE: u64 = 64 * 1_024 * 1_024;
/// Revisions that a list shows.
const LISTED: u16 = 20;

#[derive(Debug, clap::Subcommand)]
pub enum Verb {
    /// Say everything that is wrong with a rule set; needs no database
    Validate {
        /// JSON, as docs/campaigns.md has it
        file: PathBuf,
    },
    /// Put a rule set in force
    Apply {
        /// JSON, as docs/campaigns.md has it
        file: PathBuf,
        /// Only when this revision is in force; 0 for none
        #[arg(long, value_name = "REVISION")]
        expect: Option<i64>,
    },
    /// The campaigns in force, and the newest revisions
    List,
    /// Print a rule set
    Show {
        /// [default: the one in force]
        revision: Option<i64>,
    },
    /// Pause a campaign: new quotes go without it
    Pause { id: CampaignId },
    /// Let a paused campaign run again
    Resume { id: CampaignId },
    /// Publish an earlier revision again, as the next one
    Revert { revision: i64 },
}

/// Does what needs no shop; gives back what does.
///
/// # Errors
/// Names everything that is wrong with the file.
pub fn alone(verb: Verb) -> anyhow::Result<Option<Verb>> {
    let Verb::Validate { file } = verb else { return Ok(Some(verb)) };
    let checked = services::campaigns::check(read(&file)?).map_err(|refusal| told(&refusal))?;
    println!("{} is good: {} campaigns, {} of them enabled.", file.display(), checked.campaigns, checked.enabled);
    Ok(None)
}

/// # Errors
/// Names everything that is wrong with the rules, or says who published meanwhile.
pub async fn run(verb: Verb, wired: &Wired) -> anyhow::Result<()> {
    let shop = &wired.shop;
    let author = Author { owner: Uuid::nil(), name: "command line".to_owned() };
    let published = match verb {
        Verb::Validate { .. } => return Ok(()),
        Verb::Apply { file, expect } => shop.publish(&author, read(&file)?, expect).await,
        Verb::Revert { revision } => match shop.rule_set(Some(revision)).await {
            Ok(earlier) => shop.publish(&author, earlier.rules, None).await,
            Err(refusal) => Err(refusal),
        },
        Verb::Pause { id } => shop.switch_campaign(&author, &fresh_key(wired)?, id, false).await.map(|once| once.value),
        Verb::Resume { id } => shop.switch_campaign(&author, &fresh_key(wired)?, id, true).await.map(|once| once.value),
        Verb::Show { revision } => {
            let set = shop.rule_set(revision).await.map_err(|refusal| told(&refusal))?;
            println!("{}", serde_json::to_string_pretty(&set.rules)?);
            return Ok(());
        }
        Verb::List => return list(wired).await,
    };
    let Revision { revision, .. } = published.map_err(|refusal| told(&refusal))?;
    println!("Revision {revision} is in force.");
    Ok(())
}

async fn list(wired: &Wired) -> anyhow::Result<()> {
    let set = wired.shop.rule_set(None).await.map_err(|refusal| told(&refusal))?;
    let campaigns = set.rules["campaigns"].as_array().map(Vec::as_slice).unwrap_or_default();
    println!("Revision {} has {} campaigns.", set.revision, campaigns.len());
    for campaign in campaigns {
        let mark = if campaign["enabled"] == Value::Bool(false) { "paused " } else { "runs   " };
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        println!("{mark}  {}  {}", text(&campaign["id"]), text(&campaign["name"]["en"]));
    }
    let page = wired.shop.rule_sets(None, LISTED).await.map_err(|refusal| told(&refusal))?;
    for revision in page.revisions {
        let at = revision.published_at.map(|at| at.format("%Y-%m-%d %H:%M:%S UTC").to_string()).unwrap_or_default();
        let by = revision.published_by.unwrap_or_default();
        println!("{:>8}  {at}  by {by}  {}", revision.revision, &revision.sha256[..12.min(revision.sha256.len())]);
    }
    Ok(())
}

/// A command counts once each time it is given.
fn fresh_key(wired: &Wired) -> anyhow::Result<IdempotencyKey> {
    IdempotencyKey::parse(&wired.entropy.id(wired.clock.now()).to_string()).map_err(|refusal| told(&refusal))
}

pub(super) fn read(file: &Path) -> anyhow::Result<Value> {
    let cannot = || format!("{} cannot be read", file.display());
    let size = std::fs::metadata(file).with_context(cannot)?.len();
    anyhow::ensure!(size <= MAX_FILE, "{} has {size} bytes; a rule set has at most {MAX_FILE}", file.display());
    let text = std::fs::read(file).with_context(cannot)?;
    serde_json::from_slice(&text).with_context(|| format!("{} is not valid JSON", file.display()))
}

/// A refusal with all its reasons, for people.
pub(super) fn told(refusal: &Refusal) -> anyhow::Error {
    let reasons: String =
        refusal.faults.iter().map(|fault| format!("\n  {}: {}", fault.pointer, fault.detail)).collect();
    anyhow!("{}{reasons}", refusal.detail)
}
