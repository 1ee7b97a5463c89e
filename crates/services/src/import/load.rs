//! Batches into the database: which receipts are new, which go on, which are there; then COPY.

use std::collections::{BTreeSet, HashMap, HashSet};

use chrono::{DateTime, Utc};
use domain::Amount;
use domain::code::{CodeHandle, RotatingSecret, StaticCode};
use store::Tx;
use store::import::{Existing, NewCustomer, NewLine, NewReceipt, SeenProduct};
use store::segments::{Counted, Whose};
use uuid::Uuid;

use super::batch::{Batch, BatchReceipt};
use super::category;
use super::product::{KnownUntil, MOST_IN_MEMORY, Products, Sighting};
use super::rejects::{Reject, Rejects};
use super::tally::Tallies;
use super::{ImportError, Report};
use crate::Shop;
use crate::clock::Draw;

/// So many lines can make a plan wrong that was made before them.
const MANY_LINES: u64 = 10_000;

pub(super) struct Loader<'a> {
    shop: &'a Shop,
    tx: Tx,
    id: Uuid,
    started: DateTime<Utc>,
    known_until: Option<KnownUntil>,
    /// By external id, as many as fit.
    customers: HashMap<String, Uuid>,
    most_customers: usize,
    /// New ones, whose rows are still to be written: id and external id.
    new_customers: Vec<(Uuid, String)>,
    products: Products,
    tallies: Tallies,
    /// Customers of these receipts who were there before.
    known: HashSet<Uuid>,
    rejects: Rejects,
    report: Report,
}

fn customer_of(known: &HashMap<String, Uuid>, receipt: &BatchReceipt) -> Option<Uuid> {
    receipt.customer.as_ref().and_then(|external_id| known.get(external_id)).copied()
}

fn count_of(receipt: &BatchReceipt) -> i32 {
    i32::try_from(receipt.lines.len()).unwrap_or(i32::MAX)
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
        most_customers: usize,
    ) -> Result<Self, ImportError> {
        let known_until = store::import::known_until_local(&mut tx).await?;
        Ok(Self {
            shop,
            tx,
            id,
            started,
            known_until: known_until.map(|(local, utc)| KnownUntil { local, utc: utc.naive_utc() }),
            customers: HashMap::new(),
            most_customers,
            new_customers: Vec::new(),
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
        let numbers: Vec<&str> = receipts.iter().map(|r| r.number.as_str()).collect();
        let existing: HashMap<String, Existing> =
            store::import::existing(&mut self.tx, &numbers).await?.into_iter().map(|e| (e.number.clone(), e)).collect();
        let mut stored = self.stored_lines(&existing).await?;
        self.know_customers(receipts.iter().filter(|r| !existing.contains_key(&r.number))).await?;
        let mut ids = store::import::reserve_ids(&mut self.tx, receipts.len() - existing.len()).await?.into_iter();

        // What becomes of each receipt, and the new ones' heads.
        let mut begun: Vec<(&BatchReceipt, i64, i32)> = Vec::with_capacity(receipts.len());
        let mut more = Vec::new();
        let mut heads = Vec::with_capacity(receipts.len());
        for receipt in &receipts {
            match existing.get(&receipt.number) {
                // From an earlier import: nothing is written, every line is there or is not the same.
                Some(there) if there.import_id != Some(self.id) => {
                    self.compare(receipt, there, &mut stored, &products, &mut rejects);
                }
                Some(there) if !self.is_of_same_customer(there, receipt) => {
                    let detail = "the receipt began with another customer";
                    rejects.extend(receipt.lines.iter().map(|line| Reject {
                        line: line.line,
                        key: "customer-differs",
                        detail: detail.to_owned(),
                        receipt: receipt.number.clone(),
                        sku: products[line.product].0.clone(),
                    }));
                }
                // The file comes back to a receipt that it began before.
                Some(there) => {
                    let total = self.total(receipt, Amount(there.total))? - Amount(there.total);
                    more.push((there.id, count_of(receipt), total));
                    begun.push((receipt, there.id, there.lines));
                }
                None if receipt.lines.is_empty() => {}
                None => {
                    let id = ids.next().ok_or(ImportError::Interrupted)?;
                    heads.push((receipt, id, self.total(receipt, Amount::ZERO)?));
                    begun.push((receipt, id, 0));
                }
            }
        }
        self.copy_heads(&heads).await?;
        let used = self.copy_lines(&begun, &products).await?;
        if !more.is_empty() {
            store::import::extend_receipts(&mut self.tx, &more).await?;
        }
        for ((sku, sighting), _) in products.into_iter().zip(used).filter(|(_, used)| *used) {
            self.products.add(sku, sighting);
        }
        if self.products.len() >= MOST_IN_MEMORY {
            self.write_products(false).await?;
        }
        self.reject(rejects)
    }

    fn is_of_same_customer(&self, there: &Existing, receipt: &BatchReceipt) -> bool {
        match receipt.customer.as_ref().map(|external_id| self.customers.get(external_id)) {
            None => there.customer_id.is_none(),
            Some(Some(id)) => there.customer_id == Some(*id),
            // Not in memory any more: then their row is written.
            Some(None) => there.customer == receipt.customer,
        }
    }

    async fn copy_heads(&mut self, heads: &[(&BatchReceipt, i64, Amount)]) -> Result<(), ImportError> {
        if heads.is_empty() {
            return Ok(());
        }
        let mut copy = store::import::copy_receipts(&mut self.tx).await?;
        for (receipt, id, total) in heads {
            copy.rows.receipt(&NewReceipt {
                id: *id,
                import_id: self.id,
                number: &receipt.number,
                customer: customer_of(&self.customers, receipt),
                is_return: receipt.is_return,
                at: &receipt.at.text(),
                lines: count_of(receipt),
                total: *total,
            });
            copy.flow().await?;
        }
        Ok(copy.finish().await?)
    }

    /// Writes the lines, from the place on that each receipt goes on at, and counts them. Says which products were used.
    async fn copy_lines(
        &mut self,
        begun: &[(&BatchReceipt, i64, i32)],
        products: &[(String, Sighting)],
    ) -> Result<Vec<bool>, ImportError> {
        let mut used = vec![false; products.len()];
        if begun.is_empty() {
            return Ok(used);
        }
        let mut copy = store::import::copy_lines(&mut self.tx).await?;
        for (receipt, id, position) in begun {
            if let Some(customer) = customer_of(&self.customers, receipt) {
                self.tallies.add(customer, receipt, *position == 0, |product| &products[product].0);
            }
            let count = receipt.lines.len() as u64;
            match (receipt.is_return, &receipt.customer) {
                (true, _) => self.report.returned += count,
                (false, None) => self.report.anonymous += count,
                (false, Some(_)) => self.report.imported += count,
            }
            for (line, place) in receipt.lines.iter().zip(*position..) {
                used[line.product] = true;
                self.report.has_costs |= line.unit_cost.is_some();
                copy.rows.line(&NewLine {
                    receipt_id: *id,
                    position: place,
                    sku: &products[line.product].0,
                    quantity: line.quantity,
                    unit_price: line.unit_price,
                    unit_cost: line.unit_cost,
                });
            }
            copy.flow().await?;
        }
        copy.finish().await?;
        Ok(used)
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
        products: &[(String, Sighting)],
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

    /// Finds the customers of these receipts; who is new gets an id now, and a row when everything of them was counted.
    async fn know_customers(&mut self, receipts: impl Iterator<Item = &BatchReceipt>) -> Result<(), ImportError> {
        let needed: BTreeSet<&String> =
            receipts.filter(|r| !r.lines.is_empty()).filter_map(|r| r.customer.as_ref()).collect();
        if self.customers.len() + needed.len() > self.most_customers {
            // From here on the database knows them, and counts what comes later.
            self.tallies.give_up();
            self.write_customers().await?;
            self.customers.clear();
        }
        let unknown: Vec<&str> =
            needed.iter().map(|c| c.as_str()).filter(|c| !self.customers.contains_key(*c)).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let known = store::import::customers(&mut self.tx, &unknown).await?;
        self.known.extend(known.iter().map(|(_, id)| id).filter(|id| !self.tallies.has(id)));
        self.customers.extend(known);
        for external_id in unknown {
            if !self.customers.contains_key(external_id) {
                let id = self.shop.entropy.id(self.started);
                self.customers.insert(external_id.to_owned(), id);
                self.tallies.begin(id);
                self.new_customers.push((id, external_id.to_owned()));
                self.report.new_customers += 1;
            }
        }
        Ok(())
    }

    /// Adds the new customers, with the features that were counted of them.
    async fn write_customers(&mut self) -> Result<(), ImportError> {
        let mut counted: HashMap<Uuid, Counted> = HashMap::new();
        if !self.tallies.was_given_up() {
            let categories = store::import::categories_of(&mut self.tx, &self.tallies.skus()).await?;
            let tallies = std::mem::take(&mut self.tallies);
            counted.extend(tallies.finish(&categories.into_iter().collect()).into_iter().map(|one| (one.id, one)));
            // Hours and gaps are of receipts, which are few beside their lines.
            for (customer, habits) in store::segments::of_import(&mut self.tx, self.id).await? {
                if let Some(counted) = counted.get_mut(&customer) {
                    counted.habits = habits;
                }
            }
        }
        let mut new: Vec<NewCustomer> = std::mem::take(&mut self.new_customers)
            .into_iter()
            .map(|(id, external_id)| NewCustomer {
                counted: counted.remove(&id).unwrap_or_else(|| Counted::nothing(id)),
                external_id,
                code: StaticCode::from_seed(self.shop.entropy.number()),
                handle: CodeHandle::from_seed(self.shop.entropy.number()),
                secret: RotatingSecret(self.shop.entropy.bytes()),
            })
            .collect();
        // Drawing a code that is taken happens once in a trillion; then the next draw is another one.
        for _ in 0..4 {
            let (codes, handles) = store::import::taken_codes(&mut self.tx, &new).await?;
            if codes.is_empty() && handles.is_empty() {
                return Ok(store::import::add_customers(&mut self.tx, &new, self.started).await?);
            }
            for customer in &mut new {
                if codes.iter().any(|code| code == customer.code.as_str()) || handles.contains(&customer.handle.0) {
                    customer.code = StaticCode::from_seed(self.shop.entropy.number());
                    customer.handle = CodeHandle::from_seed(self.shop.entropy.number());
                }
            }
        }
        Err(ImportError::Interrupted)
    }

    /// Writes the products that are in memory. With the `last` of them, those without a category get the one of their head
    /// noun, where enough share it.
    async fn write_products(&mut self, last: bool) -> Result<(), ImportError> {
        let mut categories = self.products.categories();
        categories.push(("other".to_owned(), "Other".to_owned()));
        let mut seen = self.products.take(self.known_until);
        let skus: Vec<&str> = seen.iter().map(|product| product.sku.as_str()).collect();
        let known: HashSet<String> = store::import::known_products(&mut self.tx, &skus).await?.into_iter().collect();
        let is_new = |product: &SeenProduct| !known.contains(&product.sku);
        if last && (self.report.new_products > 0 || seen.iter().any(is_new)) {
            let there: BTreeSet<String> = store::import::categories(&mut self.tx).await?.into_iter().collect();
            let written = store::import::uncategorised(&mut self.tx).await?;
            let open = seen.iter().filter(|product| is_new(product) && product.category.is_none() && product.offerable);
            let open = open.map(|p| (p.sku.clone(), p.name.clone().unwrap_or_else(|| p.sku.clone())));
            let all: Vec<(String, String)> = written.into_iter().chain(open).collect();
            let mut nouns: HashMap<&str, String> =
                category::assign(&all, &there).map(|(sku, id)| (sku.as_str(), id)).collect();
            let used: BTreeSet<&String> = nouns.values().filter(|id| !there.contains(*id)).collect();
            categories.extend(used.into_iter().map(|id| (id.clone(), category::title(id))));
            for product in seen.iter_mut().filter(|product| !known.contains(&product.sku)) {
                product.category = product.category.take().or_else(|| nouns.remove(product.sku.as_str()));
            }
            store::import::add_categories(&mut self.tx, &categories).await?;
            let moves: Vec<(String, String)> = nouns.into_iter().map(|(sku, id)| (sku.to_owned(), id)).collect();
            store::import::categorise(&mut self.tx, &moves).await?;
        } else if !seen.is_empty() {
            store::import::add_categories(&mut self.tx, &categories).await?;
        }
        let (new, there): (Vec<_>, Vec<_>) = seen.iter().partition(|product| !known.contains(&product.sku));
        let news: Vec<&SeenProduct> = there.into_iter().filter(|product| product.newer).collect();
        self.report.changed_products += store::import::update_products(&mut self.tx, &news).await?;
        store::import::add_products(&mut self.tx, &new).await?;
        self.report.new_products += new.len() as u64;
        Ok(())
    }

    /// New customers were counted while their lines went by; the database counts everybody else.
    async fn bring_features_up_to_date(&mut self) -> Result<(), ImportError> {
        let given_up = self.tallies.was_given_up();
        self.write_customers().await?;
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
        self.write_products(true).await?;
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
