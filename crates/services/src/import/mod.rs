//! Importing receipts: a file of any size, in constant memory, all of it or nothing of it, and twice is as once.
//!
//! One thread reads, unpacks and classifies; meanwhile PostgreSQL takes the batch before by COPY, straight into the
//! final tables. Every line of the file is exactly one of: imported, returned, anonymous, rejected, already there.

mod batch;
mod category;
mod classify;
mod columns;
mod load;
mod phone;
mod product;
mod rejects;
mod source;
mod tally;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::{Currency, MarginFloor, Rate};
use serde::{Deserialize, Serialize};
use store::StoreError;

use crate::Shop;
use crate::clock::Draw;

pub use columns::{Field, Mapping};
pub use source::Progress;

/// The margin floor of a shop that an import creates.
const MIN_MARGIN: Rate = Rate(1_000);

/// Customers that are kept in memory; the rest is asked for again.
const MOST_CUSTOMERS: usize = 200_000;

/// What to import, and how to read it.
#[derive(Clone, Debug)]
pub struct ReceiptsImport {
    pub file: PathBuf,
    /// What the headers do not tell by themselves.
    pub columns: Vec<Mapping>,
    pub currency: Currency,
    /// What is taken as the margin where the file has no cost: cost = price x (1 - margin).
    pub assume_margin: Option<Rate>,
    /// Where rejected lines go; next to the file when not told.
    pub rejects: Option<PathBuf>,
    /// The zone of times without an offset; the shop's when not told, UTC for a new shop.
    pub time_zone: Option<String>,
    /// Receipt numbers that begin with this are cancellations; empty for none.
    pub cancellation_prefix: String,
    /// chrono's format where dates are not ISO 8601.
    pub date_format: Option<String>,
    /// The sign between columns; found out when not told.
    pub delimiter: Option<char>,
}

/// Every line accounted for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Lines of the file without the header.
    pub lines: u64,
    /// Lines of sales to known customers.
    pub imported: u64,
    /// Lines of cancellations, with or without a customer.
    pub returned: u64,
    /// Lines of sales to nobody that is known: recorded as well.
    pub anonymous: u64,
    /// Lines that cannot stand on a receipt.
    pub rejected: u64,
    /// Lines that an earlier import brought.
    pub already_there: u64,
    pub rejected_by_reason: BTreeMap<String, u64>,
    pub receipts: u64,
    /// Customers of those receipts, and those among them who are new.
    pub customers: u64,
    pub new_customers: u64,
    pub new_products: u64,
    pub changed_products: u64,
    pub first_at: Option<DateTime<Utc>>,
    pub last_at: Option<DateTime<Utc>>,
    pub seconds: f64,
    pub rejects_file: Option<PathBuf>,
    /// Whether any line has a cost: without one nobody gets a personal discount.
    pub has_costs: bool,
}

impl Report {
    /// Whether every line is exactly one thing.
    #[must_use]
    pub fn adds_up(&self) -> bool {
        self.lines == self.imported + self.returned + self.anonymous + self.rejected + self.already_there
            && self.rejected == self.rejected_by_reason.values().sum::<u64>()
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    #[error("line {line}{}: {what}. Nothing was imported.", .column.as_ref().map_or(String::new(), |c| format!(", column {c}")))]
    Broken { line: u64, column: Option<String>, what: String },
    #[error("cannot open {}: {source}", .path.display())]
    Open { path: PathBuf, source: std::io::Error },
    #[error("cannot write the rejects file: {0}. Choose another place with --rejects FILE. Nothing was imported.")]
    Rejects(std::io::Error),
    #[error(
        "the shop's currency is {shop}, the import says {import}: one shop has one currency. Nothing was imported."
    )]
    OtherCurrency { shop: Currency, import: Currency },
    #[error("{0}")]
    Option(String),
    #[error("another import, or a fit of the segments, is running. Wait until it is done, and start this one again.")]
    Busy,
    #[error("the database stopped the import: {0}. Nothing was imported.")]
    Store(#[from] StoreError),
    #[error("the import was interrupted. Nothing was imported.")]
    Interrupted,
}

impl ImportError {
    fn broken(line: u64, column: Option<String>, what: impl Into<String>) -> Self {
        Self::Broken { line, column, what: what.into() }
    }

    fn open(path: &Path, source: std::io::Error) -> Self {
        Self::Open { path: path.to_path_buf(), source }
    }
}

impl Shop {
    /// Imports a file of receipts in one transaction. A second import of the same lines changes nothing.
    ///
    /// # Errors
    /// Whatever happens, the database is as it was.
    pub async fn import_receipts(
        &self,
        import: ReceiptsImport,
        progress: Arc<Progress>,
    ) -> Result<Report, ImportError> {
        self.import_within(import, progress, MOST_CUSTOMERS).await
    }

    async fn import_within(
        &self,
        import: ReceiptsImport,
        progress: Arc<Progress>,
        most_customers: usize,
    ) -> Result<Report, ImportError> {
        let started = self.clock.now();
        check(&import)?;
        let reading = classify::Reading {
            currency: import.currency,
            cancellation_prefix: import.cancellation_prefix.clone(),
            assume_margin: import.assume_margin,
            date_format: import.date_format.clone(),
            now: started,
        };
        let layout = batch::Layout {
            columns: import.columns.clone(),
            delimiter: import.delimiter.and_then(|d| u8::try_from(d).ok()),
        };

        let mut tx = self.store.begin().await?;
        let there = store::import::shop(&mut tx).await?;
        if let Some((currency, _)) = there
            && currency != import.currency
        {
            return Err(ImportError::OtherCurrency { shop: currency, import: import.currency });
        }
        let shops_zone = there.as_ref().map_or("UTC", |(_, zone)| zone);
        let zone = import.time_zone.clone().unwrap_or_else(|| shops_zone.to_owned());
        if !store::import::read_times_in(&mut tx, &zone).await? {
            return Err(ImportError::Option(format!(
                "there is no time zone {zone:?}; write one such as Europe/London"
            )));
        }
        if !store::import::try_lock(&mut tx).await? {
            return Err(ImportError::Busy);
        }
        if there.is_none() {
            let settings = store::shop::Settings {
                name: "Kava".to_owned(),
                currency: import.currency,
                time_zone: zone,
                floor: MarginFloor { min_margin: MIN_MARGIN },
                redeem_with_static_code: true,
                demo: false,
                catalogue_version: 1,
                discounts: store::offers::Terms::default(),
            };
            store::shop::create(&mut tx, &settings, started).await?;
        }

        let (give, mut batches) = tokio::sync::mpsc::channel(3);
        let file = import.file.clone();
        let reader = tokio::task::spawn_blocking(move || {
            batch::read(&file, &layout, &reading, &progress, |batch| give.blocking_send(batch).is_ok())
        });
        let id = self.entropy.id(started);
        let rejects = rejects::Rejects::new(rejects::Place::new(import.rejects.as_deref(), &import.file));
        let mut loader = load::Loader::begin(self, tx, id, started, rejects, most_customers).await?;
        let loaded = async {
            while let Some(batch) = batches.recv().await {
                loader.load(batch).await?;
            }
            reader.await.map_err(|_| ImportError::Interrupted)?
        };
        if let Err(error) = loaded.await {
            loader.abandon().await;
            return Err(error);
        }
        let name = import.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        loader.finish(&name).await
    }
}

fn check(import: &ReceiptsImport) -> Result<(), ImportError> {
    let option = |text: String| Err(ImportError::Option(text));
    if let Some(margin) = import.assume_margin
        && margin > Rate::WHOLE
    {
        return option("--assume-margin is a share of the price: 0% to 100%".to_owned());
    }
    if let Some(delimiter) = import.delimiter
        && !delimiter.is_ascii()
    {
        return option(format!("--delimiter {delimiter:?} is not one ASCII character"));
    }
    if let Some(format) = &import.date_format {
        let items = chrono::format::StrftimeItems::new(format);
        if items.into_iter().any(|item| matches!(item, chrono::format::Item::Error)) {
            return option(format!("--date-format {format:?} is not understood; write one such as %d.%m.%Y %H:%M"));
        }
    }
    if import.file.is_dir() {
        return option(format!("{} is a folder; name a .csv or .csv.gz file", import.file.display()));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
