//! `kava bench import`: lines a second of an import, over those of a bare COPY of the same rows into a plain table.
//!
//! Both in turns on one durable private PostgreSQL (fsync on). The bare COPY gets its rows unpacked and in memory; the
//! import reads, unpacks, checks and accounts for every line, and also writes customers, products, categories and
//! features.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, ensure};
use cache::InProcess;
use domain::{Currency, Rate};
use embedded::Postgres;
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use services::Shop;
use services::clock::{Clock, Draw, Entropy, OsEntropy, SystemClock};
use services::import::{Progress, ReceiptsImport, Report};
use store::Store;
use store::import::bare;
use store::messages::Outbox;

use super::load::{Folder, on_private_postgres, quantile};
use super::machine::machine;

/// Real receipts, where this tree stands beside them.
const REAL: &str = "../shared/data/online_retail.csv.gz";
const GENERATED_RECEIPTS: u64 = 12_000;

/// Prints the figures; the last line is one JSON object.
///
/// # Errors
/// When PostgreSQL does not start, or an import does not account for every line.
pub async fn run(quick: bool) -> anyhow::Result<()> {
    let folder = Folder::new()?;
    let (file, csv) = rows(&folder.0)?;
    let lines = csv.iter().filter(|byte| **byte == b'\n').count().saturating_sub(1);
    println!("{lines} lines of {}", file.display());
    let rounds = if quick { 3 } else { 7 };
    let figures = on_private_postgres(&folder.0, async |postgres| measure(postgres, &file, &csv, rounds).await).await?;
    println!("{}", serde_json::json!({"bench": "import", "figures": figures, "machine": machine()}));
    Ok(())
}

async fn measure(postgres: &Postgres, file: &Path, csv: &[u8], rounds: usize) -> anyhow::Result<serde_json::Value> {
    let (mut ratios, mut bare_rates, mut import_rates) = (vec![], vec![], vec![]);
    let mut lines = 0;
    // The first round warms the disk cache up and is not counted.
    for round in 0..=rounds {
        let database = format!("round_{round}");
        postgres.ensure_database(&database)?;
        let store = Store::connect(&postgres.url(&database), 4).await?;
        store.migrate().await?;

        bare::prepare(&store).await?;
        let started = Instant::now();
        let copied = bare::copy(&store, csv).await?;
        let bare_rate = copied as f64 / started.elapsed().as_secs_f64();

        bare::rest(&store).await?;
        let shop = shop(&store);
        let started = Instant::now();
        let report = shop.import_receipts(request(file), Arc::new(Progress::default())).await?;
        let import_rate = report.lines as f64 / started.elapsed().as_secs_f64();
        check(&report, copied)?;
        bare::rest(&store).await?;

        let counted = if round == 0 { "warm-up" } else { "round" };
        println!(
            "{counted} {round}: import {import_rate:.0} lines/s, bare COPY {bare_rate:.0} lines/s, ratio {:.3}",
            import_rate / bare_rate
        );
        lines = report.lines;
        if round > 0 {
            ratios.push(import_rate / bare_rate);
            bare_rates.push(bare_rate);
            import_rates.push(import_rate);
        }
    }
    Ok(serde_json::json!({
        "copy_ratio": (quantile(&ratios, 0.5) * 1_000.0).round() / 1_000.0,
        "lines_per_s": quantile(&import_rates, 0.5).round(),
        "bare_copy_lines_per_s": quantile(&bare_rates, 0.5).round(),
        "lines": lines,
        "rounds": rounds,
    }))
}

fn check(report: &Report, copied: u64) -> anyhow::Result<()> {
    ensure!(report.adds_up(), "the import does not account for every line: {report:?}");
    ensure!(report.lines == copied, "the import read {} lines, the COPY {copied}", report.lines);
    ensure!(report.already_there == 0, "the database was not empty");
    Ok(())
}

/// A shop as the import needs it, on this store alone.
pub(super) fn shop(store: &Store) -> Shop {
    let (clock, entropy): (Arc<dyn Clock>, Arc<dyn Entropy>) = (Arc::new(SystemClock), Arc::new(OsEntropy));
    let stamp = {
        let (clock, entropy) = (Arc::clone(&clock), Arc::clone(&entropy));
        Arc::new(move || {
            let now = clock.now();
            (entropy.id(now), now)
        })
    };
    Shop::new(store.clone(), Arc::new(InProcess::new()), Arc::new(Outbox::new(store.clone(), stamp)), clock, entropy)
}

/// An import of a file of invoices.
pub(super) fn request(file: &Path) -> ReceiptsImport {
    ReceiptsImport {
        file: file.to_path_buf(),
        columns: vec![],
        currency: Currency::GBP,
        assume_margin: Some(Rate(3_500)),
        // Rejects are part of the work; their file goes with the folder.
        rejects: Some(file.with_file_name("rejects.csv")),
        time_zone: None,
        cancellation_prefix: "C".to_owned(),
        date_format: None,
        delimiter: None,
    }
}

/// The packed file to import, in the bench's own folder, and its rows unpacked.
fn rows(folder: &Path) -> anyhow::Result<(PathBuf, Vec<u8>)> {
    let file = folder.join("receipts.csv.gz");
    let mut csv = Vec::new();
    if Path::new(REAL).is_file() {
        std::fs::copy(REAL, &file).with_context(|| format!("{REAL} cannot be copied"))?;
        MultiGzDecoder::new(std::fs::File::open(&file)?).read_to_end(&mut csv)?;
    } else {
        csv = generated();
        let mut packed = GzEncoder::new(std::fs::File::create(&file)?, Compression::default());
        packed.write_all(&csv)?;
        packed.finish()?;
    }
    Ok((file, csv))
}

/// Receipts of the same shape as the real ones: about twenty lines each, 3,600 products, a third without a customer.
fn generated() -> Vec<u8> {
    let mut state = 0x6b61_7661_u64;
    let mut draw = move |below: u64| {
        // SplitMix64: the same file every time.
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % below
    };
    const THINGS: [&str; 12] =
        ["MUG", "LANTERN", "HOLDER", "BOTTLE", "BAG", "BOX", "CANDLE", "CLOCK", "CUSHION", "TIN", "PLATE", "HANGER"];
    let mut text = String::from("InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n");
    for receipt in 0..GENERATED_RECEIPTS {
        let customer = if draw(3) == 0 { String::new() } else { (12_000 + draw(3_000)).to_string() };
        let (day, month, hour, minute) = (1 + draw(28), 1 + receipt * 6 / GENERATED_RECEIPTS, 8 + draw(10), draw(60));
        let back = receipt % 50 == 49;
        for _ in 0..1 + draw(39) {
            let product = draw(3_600);
            let thing = THINGS[(product % 12) as usize];
            let sign = if back { "-" } else { "" };
            let prefix = if back { "C" } else { "" };
            let (quantity, price) = (1 + draw(12), 10 + product % 900);
            let _ = writeln!(
                text,
                "{prefix}{},{}A,PAINTED METAL {thing} NO {product},{sign}{quantity},2011-{month:02}-{day:02} \
                 {hour:02}:{minute:02},{}.{:02},{customer},United Kingdom",
                536_000 + receipt,
                20_000 + product,
                price / 100,
                price % 100,
            );
        }
    }
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generated_receipts_are_the_same_every_time_and_of_the_real_shape() {
        let csv = generated();
        assert_eq!(csv, generated());
        let lines = csv.iter().filter(|b| **b == b'\n').count();
        assert!((200_000..280_000).contains(&lines), "{lines}");
    }
}
