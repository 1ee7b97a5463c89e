//! One shift at the simulated till: sales from a seed, a journal of every receipt, and the reconciliation at the end.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use chrono::{DateTime, Utc};
use contract::offline::{GrantPage, OfflineLine, OfflineReceipt, ReceiptResults, ReceiptsRequest};
use contract::till::{ProductPage, ProductView};
use domain::{Amount, Currency, CustomerCode, SessionId, StoreId};
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};
use services::clock::{Clock, SystemClock};
use till::wallet::{self, Wallet};
use till::wire::{CheckLine, Taken, ToKava, ToTill};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::line::Line;

/// How long a till waits for Kava, and not longer.
const HARD_TIMEOUT: Duration = Duration::from_millis(300);
/// What the guest and the cashier need.
const BETWEEN_SALES: Duration = Duration::from_millis(20);
/// How often a message is tried at the end, when the network is good again.
const TRIES: u32 = 20;
/// Receipts of one call at the end.
const BATCH: usize = 100;

/// A sale in the journal.
struct Entry {
    message: Uuid,
    closed: ToKava,
    receipt: OfflineReceipt,
    how: How,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Quoted,
    Granted,
    FullPrice,
}

pub struct Shift {
    line: Arc<Line>,
    chance: StdRng,
    seed: u64,
    store: StoreId,
    currency: Currency,
    products: Vec<ProductView>,
    codes: Vec<String>,
    wallet: Wallet,
    journal: Vec<Entry>,
    /// Messages under way, and the answers that came back.
    under_way: JoinSet<()>,
}

impl Shift {
    /// Fetches what the till needs while the network is good: products and grants.
    pub async fn begin(line: Arc<Line>, codes: &[String], seed: u64) -> anyhow::Result<Self> {
        let page: ProductPage = line.get("/api/v1/products?limit=200").await.context("No products.")?;
        let (mut wallet, mut after, mut store) = (Wallet::default(), None::<String>, None);
        loop {
            let path = match &after {
                Some(after) => format!("/api/v1/grants?limit=200&after={after}"),
                None => "/api/v1/grants?limit=200".to_owned(),
            };
            let page: GrantPage = line.get(&path).await.context("No grants.")?;
            line.ledger().worst_case_loss = page.worst_case_loss.amount.minor();
            after.clone_from(&page.next);
            store = Some(page.store).or(store);
            wallet.take(page).context("The grants cannot be believed.")?;
            if after.is_none() {
                break;
            }
        }
        Ok(Self {
            line,
            chance: StdRng::seed_from_u64(seed),
            seed,
            store: store.unwrap_or(StoreId(Uuid::nil())),
            currency: page.currency,
            products: page.products,
            codes: codes.to_vec(),
            wallet,
            journal: Vec::new(),
            under_way: JoinSet::new(),
        })
    }

    pub async fn sell(&mut self, receipts: u32) {
        for n in 0..receipts {
            let offline = self.line.faults().offline;
            if n == receipts / 3 && !offline.is_zero() {
                self.line.go_away(offline);
            }
            self.sale(n).await;
            tokio::time::sleep(BETWEEN_SALES).await;
        }
    }

    async fn sale(&mut self, n: u32) {
        let check = SessionId(self.id());
        let code = self.codes.choose(&mut self.chance).cloned();
        let code = code.filter(|_| self.chance.random_bool(0.8));
        let mut basket = Vec::new();
        for _ in 0..self.chance.random_range(1..=4) {
            if let Some(product) = self.products.choose(&mut self.chance) {
                basket.push((product.clone(), self.chance.random_range(1..=3_u32)));
            }
        }
        // Some guests remember one thing more: then only the second state of the check counts.
        let states = if basket.len() > 1 && self.chance.random_bool(0.2) { 2 } else { 1 };
        for sequence in 1..=states {
            let shown = if sequence < states { &basket[..basket.len() - 1] } else { &basket[..] };
            let lines = shown
                .iter()
                .map(|(product, quantity)| CheckLine { sku: product.sku.clone(), quantity: i64::from(*quantity) });
            let opened = ToKava::CheckOpened {
                check,
                sequence,
                currency: self.currency,
                customer_code: code.clone(),
                lines: lines.collect(),
            };
            let (line, id) = (self.line.clone(), self.id());
            self.under_way.spawn(async move {
                let _ = line.send(id, &opened).await;
            });
        }
        let granted = self.wait_for_discount(check, states).await;
        self.line.pay(check);
        let entry = self.pay(n, check, states + 1, &basket, code, granted);
        if entry.how != How::Granted {
            let (line, id, closed) = (self.line.clone(), entry.message, entry.closed.clone());
            self.under_way.spawn(async move {
                let _ = line.send(id, &closed).await;
            });
        }
        self.journal.push(entry);
    }

    /// The discount for this state of the check, or nothing once the till has waited long enough.
    async fn wait_for_discount(&self, check: SessionId, sequence: i64) -> Option<ToTill> {
        let arrival = async {
            loop {
                let arrived = self.line.arrived.notified();
                if let Some(discount) = self.line.discount(check, sequence) {
                    return discount;
                }
                arrived.await;
            }
        };
        tokio::time::timeout(HARD_TIMEOUT, arrival).await.ok()
    }

    fn pay(
        &mut self,
        n: u32,
        check: SessionId,
        sequence: i64,
        basket: &[(ProductView, u32)],
        code: Option<String>,
        granted: Option<ToTill>,
    ) -> Entry {
        let now = SystemClock.now();
        let mut lines: Vec<OfflineLine> = basket
            .iter()
            .map(|(product, quantity)| OfflineLine {
                sku: product.sku.clone(),
                quantity: i64::from(*quantity),
                unit_price: product.price,
                discount: Amount::ZERO,
            })
            .collect();
        let (mut how, mut grant_id) = (How::FullPrice, None);
        if let Some(ToTill::DiscountGranted { lines: granted, .. }) = granted {
            how = How::Quoted;
            for (line, granted) in lines.iter_mut().zip(granted) {
                (line.unit_price, line.discount) = (granted.unit_price, granted.discount);
            }
        } else if let Some((id, discounts)) = self.take_wallet(&lines, code.as_deref(), now) {
            (how, grant_id) = (How::Granted, Some(id));
            lines.iter_mut().zip(discounts).for_each(|(line, discount)| line.discount = discount);
        }
        let subtotal: i64 = lines.iter().map(|line| line.unit_price.minor() * line.quantity).sum();
        let discount: i64 = lines.iter().map(|line| line.discount.minor()).sum();
        let mut ledger = self.line.ledger();
        ledger.sales += 1;
        *match how {
            How::Quoted => &mut ledger.quoted,
            How::Granted => &mut ledger.on_grant,
            How::FullPrice => &mut ledger.full_price,
        } += 1;
        ledger.subtotal += subtotal;
        ledger.discount += discount;
        ledger.paid += subtotal - discount;
        if how == How::Granted {
            ledger.real_loss += discount;
        }
        drop(ledger);
        let receipt = OfflineReceipt {
            receipt_number: format!("SIM-{}-{n:06}", self.seed),
            device_counter: i64::from(n),
            currency: self.currency,
            customer_code: code,
            grant_id,
            lines,
            paid: Amount(subtotal - discount),
            paid_at: Some(now.fixed_offset()),
        };
        let closed = ToKava::CheckClosed { check, sequence, receipt: receipt.clone() };
        Entry { message: self.id(), closed, receipt, how }
    }

    fn take_wallet(
        &mut self,
        lines: &[OfflineLine],
        code: Option<&str>,
        now: DateTime<Utc>,
    ) -> Option<(domain::GrantId, Vec<Amount>)> {
        let code = CustomerCode::parse(code?).ok()?;
        let verified = self.wallet.find(&code, (self.store, self.line.peer.till), now).ok().flatten()?;
        let lines = lines.iter().map(|line| wallet::Line {
            sku: line.sku.clone(),
            quantity: u32::try_from(line.quantity).unwrap_or(0),
            unit_price: line.unit_price,
        });
        let decision = self.wallet.give(&verified, &wallet::Basket { lines: lines.collect() });
        Some((verified.grant().grant_id, decision.discounts))
    }

    /// Tells Kava of everything it may not know, and of everything it does know once more: in another order, and twice.
    pub async fn reconcile(&mut self) -> anyhow::Result<()> {
        self.line.back().await;
        while self.under_way.join_next().await.is_some() {}
        for entry in self.journal.iter().filter(|entry| entry.how == How::Quoted) {
            self.confirm(entry).await?;
        }
        let mut receipts: Vec<OfflineReceipt> = self.journal.iter().map(|entry| entry.receipt.clone()).collect();
        for round in 0..2 {
            receipts.shuffle(&mut self.chance);
            for (place, batch) in receipts.chunks(BATCH).enumerate() {
                let id = self.id();
                let key = format!("till-sim {} {round} {place} {id}", self.seed);
                let body = serde_json::to_vec(&ReceiptsRequest { receipts: batch.to_vec() })?;
                let answer: ReceiptResults = self.line.post("/api/v1/receipts", &key, body).await?;
                let mut ledger = self.line.ledger();
                for (receipt, outcome) in batch.iter().zip(&answer.results) {
                    ledger.count(&outcome.result, receipt.paid.minor());
                }
            }
        }
        Ok(())
    }

    /// The same message again, until Kava has it.
    async fn confirm(&self, entry: &Entry) -> anyhow::Result<()> {
        let mut tries = 0;
        let taken = loop {
            tries += 1;
            match self.line.exchange(entry.message, &entry.closed).await {
                Ok(taken) => break taken,
                Err(error) if tries == TRIES => return Err(error.context("Kava does not take a purchase.")),
                Err(_) => tokio::time::sleep(HARD_TIMEOUT).await,
            }
        };
        if let Taken::Recorded { outcome } = taken {
            let mut ledger = self.line.ledger();
            if let contract::offline::ReceiptResult::AcceptedOverBound { amount, .. } = outcome {
                ledger.over_bound += amount.minor();
            }
        }
        Ok(())
    }

    /// An id from the seed, in the shape of a UUIDv7.
    fn id(&mut self) -> Uuid {
        let millis = u64::try_from(SystemClock.now().timestamp_millis()).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(millis, &self.chance.random()).into_uuid()
    }
}
