//! The file in batches that can be loaded: receipts with their lines, products, and what was rejected. Runs on a thread
//! of its own, so that reading and PostgreSQL's COPY overlap.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use csv::{ErrorKind, StringRecord};
use domain::Amount;

use super::ImportError;
use super::classify::{Broken, Line, Moment, Reading, Verdict};
use super::columns::{Columns, Mapping};
use super::product::Sighting;
use super::rejects::Reject;
use super::source::{self, Progress, SinceRecord};

/// A batch ends after so many lines, at the end of a receipt.
const LINES: usize = 24 * 1024;
/// The first one is small, so that PostgreSQL has something to do soon; each is twice the one before.
const FIRST_LINES: usize = 2 * 1024;
/// A receipt longer than this goes on in the next batch.
const MOST_LINES: usize = 64 * 1024;

#[derive(Debug, Default)]
pub(super) struct Batch {
    pub receipts: Vec<BatchReceipt>,
    pub products: Vec<(String, Sighting)>,
    pub rejects: Vec<Reject>,
    /// Lines of the file that this batch accounts for.
    pub read: u64,
}

#[derive(Debug)]
pub(super) struct BatchReceipt {
    pub number: String,
    pub customer: Option<String>,
    pub is_return: bool,
    pub at: Moment,
    pub lines: Vec<BatchLine>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct BatchLine {
    /// The line of the file.
    pub line: u64,
    /// Its place in the batch's products.
    pub product: usize,
    pub quantity: i32,
    pub unit_price: Amount,
    pub unit_cost: Option<Amount>,
}

impl BatchLine {
    pub(super) fn total(&self) -> Amount {
        // Bounded by the classification far below the end of 64 bits.
        Amount(self.unit_price.0.saturating_mul(i64::from(self.quantity)))
    }
}

/// How the file is read.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub columns: Vec<Mapping>,
    pub delimiter: Option<u8>,
}

/// Reads the whole file and hands batch after batch to `give`, which says `false` when nobody wants more.
///
/// # Errors
/// [`ImportError::Broken`] with the line, and what to do.
pub(super) fn read(
    path: &Path,
    layout: &Layout,
    reading: &Reading,
    progress: &Arc<Progress>,
    mut give: impl FnMut(Batch) -> bool,
) -> Result<(), ImportError> {
    let since = SinceRecord::default();
    let open = || source::open(path, Arc::clone(progress), since.clone()).map_err(|e| ImportError::open(path, e));
    let delimiter = match layout.delimiter {
        Some(delimiter) => delimiter,
        None => sniff(open()?),
    };
    since.reset();
    progress.bytes_read.store(0, Ordering::Relaxed);
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).buffer_capacity(128 * 1024).from_reader(open()?);
    let headers: Vec<String> = reader.headers().map_err(|e| broken(&e, None, 1))?.iter().map(str::to_owned).collect();
    if headers.iter().all(String::is_empty) {
        return Err(ImportError::broken(1, None, "the file is empty: its first line must name the columns"));
    }
    let columns = Columns::find(headers, &layout.columns).map_err(|what| ImportError::broken(1, None, what))?;

    let mut building = Building::new(FIRST_LINES);
    let mut record = StringRecord::new();
    loop {
        since.reset();
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => return Err(broken(&error, Some(&columns), reader.position().line())),
        }
        let line = record.position().map_or(0, csv::Position::line);
        let verdict = reading
            .classify(&columns, &record)
            .map_err(|Broken { column, what }| ImportError::broken(line, Some(column), what))?;
        if let Verdict::Line(accepted) = &verdict
            && building.is_full(accepted.number)
        {
            progress.lines.fetch_add(building.batch.read, Ordering::Relaxed);
            if !give(building.take()) {
                return Ok(());
            }
        }
        building.add(line, verdict, &record, &columns);
    }
    progress.lines.fetch_add(building.batch.read, Ordering::Relaxed);
    give(building.take());
    Ok(())
}

/// The sign between columns: the one of comma, semicolon and tab that the first line has most of.
fn sniff(mut reader: Box<dyn std::io::Read>) -> u8 {
    let mut first = [0_u8; 4096];
    let mut filled = 0;
    while let Ok(read @ 1..) = reader.read(&mut first[filled..]) {
        filled += read;
    }
    let line = first[..filled].split(|b| *b == b'\n').next().unwrap_or_default();
    let count = |sign: u8| line.iter().filter(|b| **b == sign).count();
    [b',', b';', b'\t'].into_iter().rev().max_by_key(|sign| count(*sign)).unwrap_or(b',')
}

/// What csv says, in words that tell what to do.
fn broken(error: &csv::Error, columns: Option<&Columns>, line: u64) -> ImportError {
    let at = |position: &Option<csv::Position>| position.as_ref().map_or(line, csv::Position::line);
    match error.kind() {
        ErrorKind::Utf8 { pos, err } => {
            let column = columns.map(|c| c.header_at(err.field()).to_owned());
            let what = "not UTF-8. Convert the file first, for example: iconv -f WINDOWS-1252 -t UTF-8 FILE > NEW";
            ImportError::broken(at(pos), column, what)
        }
        ErrorKind::UnequalLengths { pos, expected_len, len } => {
            let what = format!(
                "{len} fields where the header has {expected_len}. A field with a separator must stand in quotes; a last \
                 line that is too short is a file that was cut off"
            );
            ImportError::broken(at(pos), None, what)
        }
        ErrorKind::Io(cause) => match cause.kind() {
            std::io::ErrorKind::UnexpectedEof => {
                ImportError::broken(line, None, "the gzip file ends in the middle: it was cut off. Fetch it again")
            }
            std::io::ErrorKind::InvalidInput | std::io::ErrorKind::InvalidData => {
                let what = format!("the gzip file is damaged ({cause}). Fetch it again; `gzip -t FILE` checks it");
                ImportError::broken(line, None, what)
            }
            _ => ImportError::broken(line, None, format!("cannot be read: {cause}")),
        },
        _ => ImportError::broken(line, None, format!("cannot be read: {error}")),
    }
}

struct Building {
    batch: Batch,
    /// Lines after which it ends.
    enough: usize,
    lines: usize,
    /// Receipt number -> place in the batch; the file may come back to a receipt.
    receipts: HashMap<String, usize>,
    products: HashMap<String, usize>,
    /// The receipt of the last line, which is nearly always that of the next.
    last: Option<usize>,
}

impl Building {
    fn new(enough: usize) -> Self {
        Self {
            batch: Batch::default(),
            enough,
            lines: 0,
            receipts: HashMap::new(),
            products: HashMap::new(),
            last: None,
        }
    }

    /// Whether the batch should go before a line of this receipt comes in.
    fn is_full(&self, next: &str) -> bool {
        let goes_on = || self.last.and_then(|i| self.batch.receipts.get(i)).is_some_and(|r| r.number == next);
        self.lines >= MOST_LINES || (self.lines + self.batch.rejects.len() >= self.enough && !goes_on())
    }

    fn take(&mut self) -> Batch {
        let next = Self::new((self.enough * 2).min(LINES));
        std::mem::replace(self, next).batch
    }

    fn add(&mut self, line: u64, verdict: Verdict<'_>, record: &StringRecord, columns: &Columns) {
        self.batch.read += 1;
        match verdict {
            Verdict::Reject(key, detail) => {
                self.batch.rejects.push(Reject::of_record(line, key, detail, record, columns))
            }
            Verdict::Line(accepted) => {
                let receipt = self.receipt(&accepted);
                if self.batch.receipts[receipt].customer.as_deref() != accepted.customer {
                    let detail = "the receipt began with another customer".to_owned();
                    self.batch.rejects.push(Reject::of_record(line, "customer-differs", detail, record, columns));
                    return;
                }
                let product = self.product(&accepted);
                self.lines += 1;
                self.batch.receipts[receipt].lines.push(BatchLine {
                    line,
                    product,
                    quantity: accepted.quantity,
                    unit_price: accepted.unit_price,
                    unit_cost: accepted.unit_cost,
                });
            }
        }
    }

    fn receipt(&mut self, line: &Line<'_>) -> usize {
        if let Some(last) = self.last
            && self.batch.receipts[last].number == line.number
        {
            return last;
        }
        let place = match self.receipts.get(line.number) {
            Some(place) => *place,
            None => {
                self.batch.receipts.push(BatchReceipt {
                    number: line.number.to_owned(),
                    customer: line.customer.map(str::to_owned),
                    is_return: line.is_return,
                    at: line.at,
                    lines: Vec::new(),
                });
                self.receipts.insert(line.number.to_owned(), self.batch.receipts.len() - 1);
                self.batch.receipts.len() - 1
            }
        };
        self.last = Some(place);
        place
    }

    fn product(&mut self, line: &Line<'_>) -> usize {
        if let Some(place) = self.products.get(line.sku) {
            self.batch.products[*place].1.add(line);
            return *place;
        }
        self.batch.products.push((line.sku.to_owned(), Sighting::of(line)));
        self.products.insert(line.sku.to_owned(), self.batch.products.len() - 1);
        self.batch.products.len() - 1
    }
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
