//! `kava coupons`: makes codes by the million, goes on where it was stopped, and writes them to a file.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use chrono::{DateTime, Utc};
use contract::CampaignApi;
use domain::{CampaignId, CustomerId};
use services::Shop;
use services::clock::Draw;
use services::coupons::{CHUNK, NewBatch};
use store::coupons::batches::{self, Batch};
use uuid::Uuid;

use super::campaigns::told;
use crate::serve::Stop;
use crate::wiring::Wired;

/// Codes that are read at once while a file is written.
const PAGE: u32 = 10_000;
/// Batches that a list shows.
const LISTED: u16 = 50;

#[derive(Debug, clap::Subcommand)]
pub enum Verb {
    /// Make a batch of codes that nobody guesses, or go on with one
    Generate(Generate),
    /// Write the codes of a batch to a file
    Export {
        /// The batch's id
        batch: Uuid,
        /// A CSV file; `-` for the standard output
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// The newest batches
    Batches,
}

#[derive(Debug, clap::Args)]
pub struct Generate {
    /// The campaign that the codes open
    #[arg(long, value_name = "ID")]
    campaign: CampaignId,
    /// How many [default: one for each recipient]
    #[arg(long, required_unless_present = "recipient_file")]
    count: Option<i64>,
    /// Up to 24 letters and digits before the random part
    #[arg(long, default_value = "")]
    prefix: String,
    /// One customer a line, by id or by the number that imported receipts know them by: each gets a code of their own
    #[arg(long, value_name = "FILE")]
    recipient_file: Option<PathBuf>,
    /// Good from then on, such as 2026-12-01T00:00:00+03:00
    #[arg(long, value_name = "TIME")]
    starts: Option<DateTime<Utc>>,
    /// Expired from then on
    #[arg(long, value_name = "TIME")]
    ends: Option<DateTime<Utc>>,
    /// Where the codes go when all are made; `-` for the standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The id of the batch: one that was stopped goes on, and one that is done is made no further [default: a new one]
    #[arg(long, value_name = "ID")]
    batch: Option<Uuid>,
}

/// # Errors
/// Says what is wrong with the batch, and after a stop how many codes there are and how to go on.
pub(crate) async fn run(verb: Verb, wired: &Wired, stop: &mut Stop) -> anyhow::Result<()> {
    let shop = &wired.shop;
    match verb {
        Verb::Generate(args) => generate(args, wired, stop).await,
        Verb::Export { batch, out } => {
            tokio::select! {
                written = export(shop, batch, &out) => written,
                () = stop.asked() => anyhow::bail!("stopped: {} is not whole", out.display()),
            }
        }
        Verb::Batches => {
            for batch in shop.store().coupon_batches(LISTED).await? {
                let state = match (batch.finished_at, batch.stopped_at) {
                    (Some(_), _) => "done",
                    (None, Some(_)) => "stopped",
                    (None, None) => "running",
                };
                println!("{}  {state:<7}  {} of {} codes of {}", batch.id, batch.made, batch.count, batch.campaign_id);
            }
            Ok(())
        }
    }
}

async fn generate(args: Generate, wired: &Wired, stop: &mut Stop) -> anyhow::Result<()> {
    let shop = &wired.shop;
    let mut recipients = args.recipient_file.as_deref().map(Recipients::open).transpose()?;
    let known = match &args.recipient_file {
        Some(file) => Some(tokio::select! {
            known = count_known(shop, file) => known?,
            () = stop.asked() => anyhow::bail!("stopped before the first code was made"),
        }),
        None => None,
    };
    let count = args.count.or(known).unwrap_or_default();
    if let Some(known) = known {
        anyhow::ensure!(count == known, "--count is {count}, but there are {known} recipients: leave --count out");
    }
    let new = NewBatch {
        id: args.batch.unwrap_or_else(|| wired.entropy.id(wired.clock.now())),
        campaign: args.campaign,
        count,
        prefix: args.prefix,
        starts_at: args.starts,
        ends_at: args.ends,
        in_background: false,
    };
    let mut batch = shop.begin_batch(&new).await.map_err(|refusal| told(&refusal))?;
    eprintln!("Batch {}: {} of {} codes are made.", batch.id, batch.made, batch.count);
    if let Some(recipients) = &mut recipients {
        recipients.skip(batch.made)?;
    }
    let shown = Shown::new(batch.made);
    while batch.made < batch.count {
        let before = batch.made;
        let chunk = async {
            let wanted = match &mut recipients {
                Some(recipients) => recipients.next(shop).await?,
                None => Vec::new(),
            };
            shop.extend_batch(batch.id, before, &wanted).await.map_err(|refusal| told(&refusal))
        };
        // What is dropped in the middle of a chunk is rolled back: the codes are whole chunks.
        batch = tokio::select! {
            extended = chunk => extended?,
            () = stop.asked() => return Err(stopped(&batch)),
        };
        anyhow::ensure!(batch.made > before, "somebody else makes this batch just now: leave it to them");
        shown.show(&batch);
    }
    drop(shown);
    println!("Batch {} is done: {} codes.", batch.id, batch.made);
    match args.out {
        Some(out) => export(shop, batch.id, &out).await,
        None => Ok(()),
    }
}

fn stopped(batch: &Batch) -> anyhow::Error {
    anyhow::anyhow!(
        "stopped: {} of {} codes are made and good. To go on, give the same command with --batch {}",
        batch.made,
        batch.count,
        batch.id
    )
}

/// A CSV file of code and recipient, in constant memory.
async fn export(shop: &Shop, batch: Uuid, out: &Path) -> anyhow::Result<()> {
    let cannot = || format!("{} cannot be written", out.display());
    let mut file: Box<dyn Write + Send> = if out == Path::new("-") {
        Box::new(std::io::stdout())
    } else {
        Box::new(BufWriter::new(File::create(out).with_context(cannot)?))
    };
    file.write_all(b"code,recipient\n").with_context(cannot)?;
    let mut after = 0;
    loop {
        let page = shop.batch_codes(batch, after, PAGE).await.map_err(|refusal| told(&refusal))?;
        for listed in &page.codes {
            let recipient = listed.recipient.map(|recipient| recipient.to_string()).unwrap_or_default();
            writeln!(file, "{},{recipient}", listed.code).with_context(cannot)?;
        }
        match page.next {
            Some(next) => after = next,
            None => break,
        }
    }
    file.flush().with_context(cannot)
}

/// The customers of a file, line by line.
struct Recipients {
    lines: std::io::Lines<BufReader<File>>,
    read: usize,
}

impl Recipients {
    fn open(file: &Path) -> anyhow::Result<Self> {
        let opened = File::open(file).with_context(|| format!("{} cannot be read", file.display()))?;
        Ok(Self { lines: BufReader::new(opened).lines(), read: 0 })
    }

    /// Leaves out those who have their codes already.
    fn skip(&mut self, made: i64) -> anyhow::Result<()> {
        for _ in 0..made {
            self.line()?;
        }
        Ok(())
    }

    fn line(&mut self) -> anyhow::Result<Option<String>> {
        let Some(line) = self.lines.next() else { return Ok(None) };
        self.read += 1;
        let line = line.with_context(|| format!("line {} is no text", self.read))?;
        let name = line.trim().to_owned();
        anyhow::ensure!((1..=128).contains(&name.len()), "line {} names no customer", self.read);
        anyhow::ensure!(!name.contains('\0'), "line {} names no customer", self.read);
        Ok(Some(name))
    }

    /// The next chunk; empty at the end.
    async fn next(&mut self, shop: &Shop) -> anyhow::Result<Vec<CustomerId>> {
        let first = self.read + 1;
        let mut named = Vec::new();
        while named.len() < CHUNK
            && let Some(name) = self.line()?
        {
            named.push(name);
        }
        let known = batches::recipients(shop.store(), &named).await?;
        (first..)
            .zip(known)
            .map(|(line, known)| {
                known.with_context(|| format!("line {line}: there is no customer {:?}", named[line - first]))
            })
            .collect()
    }
}

/// How many customers the file names; all of them are known, or nothing is made.
async fn count_known(shop: &Shop, file: &Path) -> anyhow::Result<i64> {
    let mut recipients = Recipients::open(file)?;
    while !recipients.next(shop).await?.is_empty() {}
    Ok(i64::try_from(recipients.read)?)
}

/// A line that moves on a terminal, a line a chunk elsewhere; always on the standard error.
struct Shown {
    began: Instant,
    from: i64,
    terminal: bool,
}

impl Shown {
    fn new(from: i64) -> Self {
        Self { began: Instant::now(), from, terminal: std::io::stderr().is_terminal() }
    }

    fn show(&self, batch: &Batch) {
        let a_second = (batch.made - self.from) as f64 / self.began.elapsed().as_secs_f64().max(1e-3);
        let text = format!("{} of {} codes, {a_second:.0} a second", batch.made, batch.count);
        let mut stderr = std::io::stderr().lock();
        // A closed standard error is no reason to stop.
        let _ = if self.terminal { write!(stderr, "\r{text}\x1b[K") } else { writeln!(stderr, "{text}") };
        let _ = stderr.flush();
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        if self.terminal {
            eprintln!();
        }
    }
}
