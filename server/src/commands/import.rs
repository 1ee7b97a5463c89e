//! `kava import receipts FILE`

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Context;
use domain::{Currency, Rate};
use services::Shop;
use services::import::{Mapping, Progress, ReceiptsImport, Report};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// A .csv or .csv.gz file in UTF-8 whose first line names the columns
    file: PathBuf,
    /// Which column is what, where the header does not say: receipt, sku, name, quantity, at, unit_price, cost,
    /// customer, category
    #[arg(long = "column", value_name = "FIELD=HEADER")]
    columns: Vec<Mapping>,
    /// The currency of the prices, such as GBP; a shop has one
    #[arg(long, value_name = "CODE")]
    currency: Currency,
    /// Where the file has no cost: cost = price x (1 - margin), such as 35%. Without a cost nobody gets a personal discount
    #[arg(long, value_name = "PERCENT", value_parser = Rate::parse_percent)]
    assume_margin: Option<Rate>,
    /// Where rejected lines go [default: NAME.rejects.csv next to the file]
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// Zone of times without an offset, such as Europe/London [default: the shop's, UTC for a new shop]
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// Receipt numbers that begin with this are cancellations; empty for none
    #[arg(long, value_name = "TEXT", default_value = "C")]
    cancellation_prefix: String,
    /// How dates are written, where not as 2010-12-01 08:26; such as "%d.%m.%Y %H:%M"
    #[arg(long, value_name = "FORMAT")]
    date_format: Option<String>,
    /// The sign between columns [default: found out]
    #[arg(long, value_name = "CHAR")]
    delimiter: Option<char>,
}

/// # Errors
/// Says the line and the column that stop the import, and what to do; then the database is as it was.
pub async fn run(args: Args, shop: &Shop) -> anyhow::Result<()> {
    let import = ReceiptsImport {
        file: args.file.clone(),
        columns: args.columns,
        currency: args.currency,
        assume_margin: args.assume_margin,
        rejects: args.rejects,
        time_zone: args.time_zone,
        cancellation_prefix: args.cancellation_prefix,
        date_format: args.date_format,
        delimiter: args.delimiter,
    };
    let progress = Arc::new(Progress::default());
    let report = {
        let mut shown = Shown::new(Arc::clone(&progress));
        let work = shop.import_receipts(import, Arc::clone(&progress));
        tokio::pin!(work);
        loop {
            tokio::select! {
                outcome = &mut work => break outcome,
                () = tokio::time::sleep(shown.pause()) => shown.show(),
            }
        }
    };
    let report = report.with_context(|| format!("{} was not imported", args.file.display()))?;
    print!("{}", words(&report));
    Ok(())
}

/// The bar on a terminal, a line now and then elsewhere; always on the standard error.
struct Shown {
    progress: Arc<Progress>,
    terminal: bool,
    drawn: bool,
}

impl Shown {
    fn new(progress: Arc<Progress>) -> Self {
        Self { progress, terminal: std::io::stderr().is_terminal(), drawn: false }
    }

    fn pause(&self) -> Duration {
        if self.terminal { Duration::from_millis(100) } else { Duration::from_secs(2) }
    }

    fn show(&mut self) {
        let read = self.progress.bytes_read.load(Ordering::Relaxed);
        let whole = self.progress.bytes.load(Ordering::Relaxed).max(1);
        let text = bar(read, whole, self.progress.lines.load(Ordering::Relaxed));
        let mut stderr = std::io::stderr().lock();
        // A closed standard error is no reason to stop an import.
        let _ = if self.terminal { write!(stderr, "\r{text}\x1b[K") } else { writeln!(stderr, "{text}") };
        let _ = stderr.flush();
        self.drawn = true;
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        if self.drawn && self.terminal {
            eprint!("\r\x1b[K");
        }
    }
}

fn bar(read: u64, whole: u64, lines: u64) -> String {
    const WIDTH: u64 = 30;
    let read = read.min(whole);
    let filled = u64::try_from(u128::from(read) * u128::from(WIDTH) / u128::from(whole.max(1))).unwrap_or(0);
    let percent = u128::from(read) * 100 / u128::from(whole.max(1));
    let signs: String = (0..WIDTH).map(|i| if i < filled { '#' } else { '.' }).collect();
    let end = if read == whole { ", finishing" } else { "" };
    format!("[{signs}] {percent:>3} %, {} lines{end}", grouped(lines))
}

/// Every line accounted for, for people.
fn words(report: &Report) -> String {
    let mut text = String::new();
    let mut row = |name: &str, count: u64| text.push_str(&format!("  {name:<14} {:>12}\n", grouped(count)));
    row("imported", report.imported);
    row("anonymous", report.anonymous);
    row("returned", report.returned);
    row("rejected", report.rejected);
    row("already there", report.already_there);
    row("lines read", report.lines);
    for (reason, count) in &report.rejected_by_reason {
        text.push_str(&format!("  rejected: {} x {reason}\n", grouped(*count)));
    }
    text.push_str(&format!(
        "{} receipts of {} customers ({} new); {} new products, {} changed.\n",
        grouped(report.receipts),
        grouped(report.customers),
        grouped(report.new_customers),
        grouped(report.new_products),
        grouped(report.changed_products)
    ));
    if let (Some(first), Some(last)) = (report.first_at, report.last_at) {
        text.push_str(&format!("From {} to {}.\n", first.format("%Y-%m-%d"), last.format("%Y-%m-%d")));
    }
    if report.seconds > 0.0 {
        let rate = (report.lines as f64 / report.seconds).round() as u64;
        text.push_str(&format!("{:.2} s, {} lines/s.\n", report.seconds, grouped(rate)));
    }
    if let Some(path) = &report.rejects_file {
        text.push_str(&format!("Rejected lines, with reasons: {}\n", path.display()));
    }
    if report.receipts > 0 && !report.has_costs {
        text.push_str(
            "No line has a cost, so nobody gets a personal discount on these products: see --assume-margin.\n",
        );
    }
    text
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_goes_from_empty_to_full() {
        assert_eq!(bar(0, 10, 0), "[..............................]   0 %, 0 lines");
        assert_eq!(bar(5, 10, 120_000), "[###############...............]  50 %, 120,000 lines");
        assert!(bar(u64::MAX, u64::MAX, 1).contains("100 %"));
    }

    #[test]
    fn the_report_names_every_kind_of_line() {
        let report = Report { lines: 240_007, rejected: 2_151, seconds: 1.5, ..Report::default() };
        let text = words(&report);
        assert!(text.contains("240,007") && text.contains("2,151") && text.contains("160,005 lines/s"), "{text}");
    }
}
