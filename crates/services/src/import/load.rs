//! Batches into the database: which receipts are new, which go on, which are there; then COPY.

use std::collections::{BTreeSet, HashMap, HashSet};

use chrono::{DateTime, Utc};
use domain::Amount;
use domain::code::{CodeHandle, RotatingSecret, StaticCode};
use store::Tx;
use store::import::{Existing, NewCustomer, NewLine, NewReceipt, Rows};
use store::segments::Whose;
use uuid::Uuid;

use super::batch::{Batch, BatchReceipt};
use super::category;
use super::product::{KnownUntil, MOST_IN_MEMORY, Products};
use super::rejects::{Reject, Rejects};
use super::tally::Tallies;
use super::{ImportError, Report};
use crate::Shop;
use crate::clock::Draw;

/// External id -> customer, as many as fit; the rest is asked for again.
const MOST_CUSTOMERS: usize = 200_000;

/// So many lines can make a plan wrong that was made before them.
const MANY_LINES: u64 = 10_000;

pub(super) struct Loader<'a> {
    shop: &'a Shop,
    tx: Tx,
    id: Uuid,
    started: DateTime<Utc>,
    known_until: Option<KnownUntil>,
    customers: HashMap<String, Uuid>,
    products: Products,
    tallies: Tallies,
    /// Customers of these receipts who were there before.
    known: HashSet<Uuid>,
    rejects: Rejects,
    report: Report,
}

/// Lines that an earlier import brought, still to be met in this file: `(sku, quantity, price)` by receipt.
type Stored = HashMap<(i64, String, i32, i64), u32>;

impl<'a> Loader<'a> {
    pub(super) async fn begin(
        shop: &'a Shop,
        mut tx: Tx,
        id: Uuid,
        started: DateTime<Utc>,
        rejects: Rejects,
    ) -> Result<Self, ImportError> {
        let known_until = store::import::known_until_local(&mut tx).await?;
        Ok(Self {
            shop,
            tx,
            id,
            started,
            known_until: known_until.map(|(local, utc)| KnownUntil { local, utc: utc.naive_utc() }),
            customers: HashMap::new(),
            products: Products::default(),
            tallies: Tallies::default(),
            known: HashSet::new(),
            rejects,
            report: Report::default(),
        })
    }

    pub(super) async fn load(&mut self, batch: Batch) -> Result<(), ImportError> {
        let Batch { receipts, products, mut rejects, read } = batch;
        self.report.lines += read;
        let numbers: Vec<String> = receipts.iter().map(|r| r.number.clone()).collect();
        let existing: HashMap<String, Existing> =
            store::import::existing(&mut self.tx, &numbers).await?.into_iter().map(|e| (e.number.clone(), e)).collect();
        let mut stored = self.stored_lines(&existing).await?;
        self.know_customers(receipts.iter().filter(|r| !existing.contains_key(&r.number))).await?;
        let mut ids = store::import::reserve_ids(&mut self.tx, receipts.len() - existing.len()).await?.into_iter();

        let mut new_receipts = Rows::default();
        let mut new_lines = Rows::default();
        let mut more = Vec::new();
        let mut used = vec![false; products.len()];
        for receipt in &receipts {
            let (id, position) = match existing.get(&receipt.number) {
                // From an earlier import: nothing is written, every line is there or is not the same.
                Some(there) if there.import_id != Some(self.id) => {
                    self.compare(receipt, there, &mut stored, &products, &mut rejects);
                    continue;
                }
                Some(there) if there.customer != receipt.customer => {
                    let detail = "the receipt began with another customer";
                    rejects.extend(receipt.lines.iter().map(|line| Reject {
                        line: line.line,
                        key: "customer-differs",
                        detail: detail.to_owned(),
                        receipt: receipt.number.clone(),
                        sku: products[line.product].0.clone(),
                    }));
                    continue;
                }
                // The file comes back to a receipt that it began before.
                Some(there) => {
                    let total = self.total(receipt, Amount(there.total))? - Amount(there.total);
                    more.push((there.id, i32::try_from(receipt.lines.len()).unwrap_or(i32::MAX), total));
                    (there.id, there.lines)
                }
                None if receipt.lines.is_empty() => continue,
                None => {
                    let id = ids.next().ok_or(ImportError::Interrupted)?;
                    let customer = receipt.customer.as_ref().and_then(|c| self.customers.get(c)).copied();
                    new_receipts.receipt(&NewReceipt {
                        id,
                        import_id: self.id,
                        number: &receipt.number,
                        customer,
                        is_return: receipt.is_return,
                        at: &receipt.at.text(),
                        lines: i32::try_from(receipt.lines.len()).unwrap_or(i32::MAX),
                        total: self.total(receipt, Amount::ZERO)?,
                    });
                    (id, 0)
                }
            };
            if let Some(customer) = receipt.customer.as_ref().and_then(|c| self.customers.get(c)) {
                self.tallies.add(*customer, receipt, position == 0, |product| &products[product].0);
            }
            let count = receipt.lines.len() as u64;
            match (receipt.is_return, &receipt.customer) {
                (true, _) => self.report.returned += count,
                (false, None) => self.report.anonymous += count,
                (false, Some(_)) => self.report.imported += count,
            }
            for (line, place) in receipt.lines.iter().zip(position..) {
                used[line.product] = true;
                self.report.has_costs |= line.unit_cost.is_some();
                new_lines.line(&NewLine {
                    receipt_id: id,
                    position: place,
                    sku: &products[line.product].0,
                    quantity: line.quantity,
                    unit_price: line.unit_price,
                    unit_cost: line.unit_cost,
                });
            }
        }
        store::import::copy_receipts(&mut self.tx, &new_receipts).await?;
        store::import::copy_lines(&mut self.tx, &new_lines).await?;
        if !more.is_empty() {
            store::import::extend_receipts(&mut self.tx, &more).await?;
        }
        for ((sku, sighting), _) in products.into_iter().zip(used).filter(|(_, used)| *used) {
            self.products.add(sku, sighting);
        }
        if self.products.len() >= MOST_IN_MEMORY {
            self.write_products().await?;
        }
        self.reject(rejects)
    }

    fn reject(&mut self, mut rejects: Vec<Reject>) -> Result<(), ImportError> {
        rejects.sort_by_key(|r| r.line);
        self.report.rejected += rejects.len() as u64;
        for reject in &rejects {
            *self.report.rejected_by_reason.entry(reject.key.to_owned()).or_default() += 1;
        }
        self.rejects.write(&rejects).map_err(ImportError::Rejects)
    }

    /// The sum of a receipt, on top of what it already has.
    fn total(&self, receipt: &BatchReceipt, before: Amount) -> Result<Amount, ImportError> {
        let mut total = before.0;
        for line in &receipt.lines {
            total = total.checked_add(line.total().0).ok_or_else(|| {
                ImportError::broken(
                    line.line,
                    None,
                    format!("receipt {} adds up to more than money can be", receipt.number),
                )
            })?;
        }
        Ok(Amount(total))
    }

    async fn stored_lines(&mut self, existing: &HashMap<String, Existing>) -> Result<Stored, ImportError> {
        let earlier: Vec<i64> = existing.values().filter(|e| e.import_id != Some(self.id)).map(|e| e.id).collect();
        let mut stored = Stored::new();
        if !earlier.is_empty() {
            for line in store::import::lines_of(&mut self.tx, &earlier).await? {
                *stored.entry((line.receipt_id, line.sku, line.quantity, line.unit_price)).or_default() += 1;
            }
        }
        Ok(stored)
    }

    fn compare(
        &mut self,
        receipt: &BatchReceipt,
        there: &Existing,
        stored: &mut Stored,
        products: &[(String, super::product::Sighting)],
        rejects: &mut Vec<Reject>,
    ) {
        for line in &receipt.lines {
            let sku = &products[line.product].0;
            let key = (there.id, sku.clone(), line.quantity, line.unit_price.0);
            let same = there.customer == receipt.customer
                && stored.get_mut(&key).is_some_and(|left| {
                    let some = *left > 0;
                    *left = left.saturating_sub(1);
                    some
                });
            if same {
                self.report.already_there += 1;
            } else {
                rejects.push(Reject {
                    line: line.line,
                    key: "receipt-differs",
                    detail: "an earlier import has a receipt of this number without this line".to_owned(),
                    receipt: receipt.number.clone(),
                    sku: sku.clone(),
                });
            }
        }
    }

    /// Finds the customers of these receipts, and adds those who are new.
    async fn know_customers(&mut self, receipts: impl Iterator<Item = &BatchReceipt>) -> Result<(), ImportError> {
        let needed: BTreeSet<&String> =
            receipts.filter(|r| !r.lines.is_empty()).filter_map(|r| r.customer.as_ref()).collect();
        if self.customers.len() + needed.len() > MOST_CUSTOMERS {
            self.customers.clear();
        }
        let missing = |known: &HashMap<String, Uuid>| -> Vec<String> {
            needed.iter().filter(|c| !known.contains_key(c.as_str())).map(|c| (*c).clone()).collect()
        };
        let unknown = missing(&self.customers);
        if unknown.is_empty() {
            return Ok(());
        }
        let known = store::import::customers(&mut self.tx, &unknown).await?;
        self.known.extend(known.iter().map(|(_, id)| id).filter(|id| !self.tallies.has(id)));
        self.customers.extend(known);
        // Drawing a code that is taken happens once in a trillion; then the next draw is another one.
        for _ in 0..4 {
            let new: Vec<NewCustomer> = missing(&self.customers)
                .into_iter()
                .map(|external_id| NewCustomer {
                    id: self.shop.entropy.id(self.started),
                    external_id,
                    code: StaticCode::from_seed(self.shop.entropy.number()),
                    handle: CodeHandle::from_seed(self.shop.entropy.number()),
                    secret: RotatingSecret(self.shop.entropy.bytes()),
                })
                .collect();
            if new.is_empty() {
                return Ok(());
            }
            let added = store::import::add_customers(&mut self.tx, &new, self.started).await?;
            self.report.new_customers += added.len() as u64;
            added.iter().for_each(|(_, id)| self.tallies.begin(*id));
            self.customers.extend(added);
        }
        Err(ImportError::Interrupted)
    }

    async fn write_products(&mut self) -> Result<(), ImportError> {
        let mut categories = self.products.categories();
        categories.push(("other".to_owned(), "Other".to_owned()));
        let products = self.products.take(self.known_until);
        if products.is_empty() {
            return Ok(());
        }
        store::import::add_categories(&mut self.tx, &categories).await?;
        let (added, changed) = store::import::upsert_products(&mut self.tx, &products).await?;
        self.report.new_products += added;
        self.report.changed_products += changed;
        Ok(())
    }

    /// Products without a category get the one of their head noun.
    async fn categorise(&mut self) -> Result<(), ImportError> {
        let there = store::import::categories(&mut self.tx).await?.into_iter().collect();
        let products = store::import::uncategorised(&mut self.tx).await?;
        let moves: Vec<(String, String)> =
            category::assign(&products, &there).map(|(sku, id)| (sku.clone(), id)).collect();
        let used: BTreeSet<&String> = moves.iter().map(|m| &m.1).collect();
        let new: Vec<(String, String)> =
            used.into_iter().filter(|id| !there.contains(*id)).map(|id| (id.clone(), category::title(id))).collect();
        store::import::add_categories(&mut self.tx, &new).await?;
        store::import::categorise(&mut self.tx, &moves).await?;
        Ok(())
    }

    /// New customers were counted while their lines went by; the database counts everybody else.
    async fn bring_features_up_to_date(&mut self) -> Result<(), ImportError> {
        let tallies = std::mem::take(&mut self.tallies);
        let given_up = tallies.was_given_up();
        if !given_up {
            let categories = store::import::categories_of(&mut self.tx, &tallies.skus()).await?;
            let counted = tallies.finish(&categories.into_iter().collect());
            store::segments::write_counted(&mut self.tx, &counted).await?;
        }
        let known: Vec<Uuid> = self.known.iter().copied().collect();
        store::segments::lock_all(&mut self.tx, &known).await?;
        if given_up {
            store::segments::refresh(&mut self.tx, Whose::OfImport(self.id)).await?;
        } else if !known.is_empty() {
            store::segments::refresh(&mut self.tx, Whose::These(&known)).await?;
        }
        Ok(())
    }

    /// Nothing happened, and the next import need not wait.
    pub(super) async fn abandon(self) {
        // What cannot be rolled back in words is rolled back with the connection.
        let _ = self.tx.rollback().await;
    }

    pub(super) async fn finish(mut self, file_name: &str) -> Result<Report, ImportError> {
        self.write_products().await?;
        if self.report.new_products > 0 {
            self.categorise().await?;
        }
        if self.report.new_products + self.report.changed_products > 0 {
            store::import::bump_catalogue(&mut self.tx).await?;
        }
        let added = store::import::added(&mut self.tx, self.id).await?;
        if added.receipts > 0 {
            self.bring_features_up_to_date().await?;
            if self.report.lines >= MANY_LINES {
                store::import::count_afresh(&mut self.tx).await?;
            }
        }
        let finished = self.shop.clock.now();
        let report = &mut self.report;
        report.receipts = added.receipts.unsigned_abs();
        report.customers = added.customers.unsigned_abs();
        (report.first_at, report.last_at) = (added.first_at, added.last_at);
        report.seconds = (finished - self.started).as_seconds_f64();
        let stored = serde_json::to_value(&*report)
            .map_err(|e| ImportError::Option(format!("the report cannot be written: {e}")))?;
        store::import::finish(&mut self.tx, self.id, file_name, self.started, finished, &stored).await?;
        self.rejects.finish().map_err(ImportError::Rejects)?;
        store::commit(self.tx).await?;
        self.report.rejects_file = self.rejects.publish().map_err(ImportError::Rejects)?;
        self.report.seconds = (self.shop.clock.now() - self.started).as_seconds_f64();
        Ok(self.report)
    }
}
