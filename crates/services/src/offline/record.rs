//! Recording a sale that nobody was asked about: receipt, savings, features, segment and event, in one transaction. Locks
//! are taken in the order of every purchase: the customer, then the grant; the receipt's number last.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use contract::till::{Allocation, Source, TillCaller};
use domain::{Amount, CustomerCode, CustomerId, GrantId, Product, Sku};
use events::{Event, Payload};
use serde_json::{Value, json};
use store::grants::StoredGrant;
use store::offline_receipts::{self, Known, NewOfflineReceipt, Sent};
use store::receipts::NewReceiptLine;
use store::{StoreError, customers, grants, sessions};

use super::TRIES;
use crate::Shop;
use crate::clock::Draw;
use crate::segment::{LineFacts, PurchaseFacts};
use crate::till::Stop;

/// A till's clock dates a purchase, but not further back than this, and never into the future.
const OLDEST: TimeDelta = TimeDelta::days(60);
/// How far a till's clock may be off when it says that a grant had not ended yet.
const SKEW: TimeDelta = TimeDelta::minutes(5);

/// A sale within the bounds.
#[derive(Clone, Debug)]
pub(super) struct Sale {
    pub number: String,
    pub device_counter: i64,
    /// As scanned.
    pub code: Option<String>,
    pub permit: Permit,
    pub lines: Vec<SaleLine>,
    pub paid_at: Option<DateTime<Utc>>,
}

#[derive(Clone, Debug)]
pub(super) struct SaleLine {
    pub sku: Sku,
    pub quantity: u32,
    pub unit_price: Amount,
    pub discount: Amount,
}

/// What its discount was given on.
#[derive(Clone, Debug)]
pub(super) enum Permit {
    Nothing,
    Grant(GrantId),
    /// We told the till to take so much off.
    Told(Amount),
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recorded {
    New { over_bound: Amount, customer_known: bool },
    Before { total: Amount },
}

impl Sale {
    pub(super) fn total(&self) -> Amount {
        self.subtotal() - self.discount()
    }

    fn subtotal(&self) -> Amount {
        self.lines.iter().map(SaleLine::subtotal).sum()
    }

    fn discount(&self) -> Amount {
        self.lines.iter().map(|line| line.discount).sum()
    }
}

impl SaleLine {
    fn subtotal(&self) -> Amount {
        self.unit_price.times(self.quantity)
    }
}

/// Whose purchase it is.
struct Buyer {
    customer: Option<CustomerId>,
    /// False when a code came with it that is nobody's.
    known: bool,
}

impl Shop {
    /// Records a sale once, whoever else does at the same time.
    pub(super) async fn record(&self, caller: &TillCaller, sale: &Sale, sent: Sent<'_>) -> Result<Recorded, Stop> {
        let zone = self.snapshot().await?.zone_of(caller.store);
        let mut tries = 0;
        loop {
            tries += 1;
            if let Some(known) = self.store.known_receipt(caller.till, &sale.number, caller.store).await? {
                return Ok(told_before(known, sent));
            }
            match self.record_new(caller, sale, sent, zone).await {
                Ok(recorded) => return Ok(recorded),
                // Somebody was quicker: the next look finds it.
                Err(error) if error.breaks("receipts_till_number_key") && tries < TRIES => {}
                Err(StoreError::Conflict(_)) if tries < TRIES => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn record_new(
        &self,
        caller: &TillCaller,
        sale: &Sale,
        sent: Sent<'_>,
        zone: Tz,
    ) -> Result<Recorded, StoreError> {
        let now = self.clock.now();
        let at = sale.paid_at.map_or(now, |at| at.clamp(now - OLDEST, now));
        let mut buyer = self.buyer_of(caller, sale).await?;
        let skus: Vec<Sku> = sale.lines.iter().map(|line| line.sku.clone()).collect();
        let products: HashMap<Sku, Product> =
            self.store.products(&skus).await?.into_iter().map(|product| (product.sku.clone(), product)).collect();

        let mut tx = sessions::begin_patient(&self.store).await?;
        if let Some(customer) = buyer.customer {
            let customer = customers::add_savings(&mut tx, customer, sale.discount()).await?.customer;
            buyer.customer = Some(customer);
        }
        let grant = match sale.permit {
            Permit::Nothing | Permit::Told(_) => None,
            Permit::Grant(id) => grants::hold(&mut tx, id).await?.filter(|grant| allows(grant, caller, &buyer, sale)),
        };
        let mut over_bound = match sale.permit {
            Permit::Told(allowed) => (sale.discount() - allowed).max(Amount::ZERO),
            Permit::Nothing | Permit::Grant(_) => sale.discount(),
        };
        if let Some(grant) = &grant {
            grants::spend(&mut tx, grant.id, sale.discount()).await?;
            over_bound = past(grant, grant.spent + sale.discount()) - past(grant, grant.spent);
        }
        let lines = lines(sale, &products, grant.as_ref(), caller)?;
        let receipt = NewOfflineReceipt {
            store: caller.store,
            till: caller.till,
            number: &sale.number,
            customer: buyer.customer,
            customer_known: buyer.known,
            at,
            paid_at: sale.paid_at,
            subtotal: sale.subtotal(),
            discount: sale.discount(),
            total: sale.total(),
            lines: &lines,
            device_counter: sale.device_counter,
            grant: grant.as_ref().map(|grant| grant.id),
            over_bound,
            sent,
            received_at: now,
        };
        offline_receipts::insert(&mut tx, &receipt).await?;
        if let Some(customer) = buyer.customer {
            let facts = facts(sale, &products, at, zone);
            self.record_in_segment(&mut tx, customer, &facts, now).await?;
        }
        let event = self.sale_event(&receipt, &products, now)?;
        store::outbox::append(&mut tx, &[event]).await?;
        store::commit(tx).await?;
        Ok(Recorded::New { over_bound, customer_known: buyer.known })
    }

    /// Whose code it was; without a code, whose grant.
    async fn buyer_of(&self, caller: &TillCaller, sale: &Sale) -> Result<Buyer, StoreError> {
        if let Some(text) = &sale.code {
            let customer = match CustomerCode::parse(text) {
                Ok(CustomerCode::Static(code)) => self.store.customer_by_static_code(&code).await?,
                Ok(CustomerCode::Rotating(code)) => self
                    .store
                    .customer_by_handle(code.handle)
                    .await?
                    .filter(|customer| customer.code_secret.verify_ever(&code).is_ok()),
                Err(_) => None,
            };
            return Ok(Buyer {
                known: customer.is_some(),
                customer: customer.map(|customer| customer.merged_into.unwrap_or(customer.id)),
            });
        }
        let customer = match sale.permit {
            Permit::Grant(id) => self.store.customer_of_grant(id, caller.till).await?,
            Permit::Nothing | Permit::Told(_) => None,
        };
        Ok(Buyer { customer, known: true })
    }

    /// Tells of it on `kava.purchases.v1`, as of every purchase; it has no session.
    fn sale_event(
        &self,
        receipt: &NewOfflineReceipt<'_>,
        products: &HashMap<Sku, Product>,
        now: DateTime<Utc>,
    ) -> Result<Event, StoreError> {
        let id = self.entropy.id(now);
        let lines = receipt.lines.iter().enumerate().map(|(position, line)| {
            let allocations = line.allocations.as_deref().unwrap_or("[]");
            let allocations: Value =
                serde_json::from_str(allocations).map_err(|why| StoreError::corrupt("allocations", why))?;
            Ok(json!({
                "position": position, "sku": line.sku,
                "category": products.get(&line.sku).map(|product| &product.category),
                "quantity": line.quantity, "unit_price": line.unit_price, "discount": line.discount,
                "total": line.unit_price.times(line.quantity) - line.discount, "allocations": allocations,
            }))
        });
        let lines: Vec<Value> = lines.collect::<Result<_, StoreError>>()?;
        let payload = json!({
            "what": "closed", "offline": true, "session_id": null, "store_id": receipt.store,
            "till_id": receipt.till, "customer_id": receipt.customer, "receipt_number": receipt.number,
            "subtotal": receipt.subtotal, "discount": receipt.discount, "total": receipt.total,
            "over_bound": receipt.over_bound, "grant_id": receipt.grant, "device_counter": receipt.device_counter,
            "closed_at": receipt.at, "paid_at": receipt.paid_at, "lines": lines,
        });
        Ok(Event {
            event_id: id,
            topic: events::PURCHASES.to_owned(),
            key: receipt.customer.map_or_else(|| id.to_string(), |customer| customer.to_string()),
            schema: 1,
            occurred_at: now,
            payload: Payload::of(&payload).map_err(|why| StoreError::corrupt("event", why))?,
        })
    }
}

/// The same receipt of the same call is told the same; everybody else, that it is known.
fn told_before(known: Known, sent: Sent<'_>) -> Recorded {
    match known.first {
        Some(first) if first.once_key == sent.once_key && first.place == sent.place => {
            Recorded::New { over_bound: first.over_bound, customer_known: first.customer_known }
        }
        _ => Recorded::Before { total: known.total },
    }
}

/// Whether the grant is this till's and this customer's, and had not ended.
fn allows(grant: &StoredGrant, caller: &TillCaller, buyer: &Buyer, sale: &Sale) -> bool {
    grant.till == caller.till
        && buyer.customer == Some(grant.customer)
        && sale.paid_at.is_none_or(|at| at < grant.expires_at + SKEW)
}

/// How much of `spent` is past the grant's bound. What one receipt adds to it depends on the order in which they come; the
/// sum over all of them does not.
fn past(grant: &StoredGrant, spent: Amount) -> Amount {
    (spent - grant.max_amount).max(Amount::ZERO)
}

fn facts(sale: &Sale, products: &HashMap<Sku, Product>, at: DateTime<Utc>, zone: Tz) -> PurchaseFacts {
    let lines = sale.lines.iter().map(|line| {
        // A product that nobody knows has no category, here and when the features are counted anew.
        let product = products.get(&line.sku);
        LineFacts {
            category: product.map(|product| &product.category),
            quantity: line.quantity,
            paid: line.subtotal() - line.discount,
            discount: line.discount,
            cost: product.and_then(|product| product.cost),
        }
    });
    PurchaseFacts::of(at, zone, lines)
}

fn lines(
    sale: &Sale,
    products: &HashMap<Sku, Product>,
    grant: Option<&StoredGrant>,
    caller: &TillCaller,
) -> Result<Vec<NewReceiptLine>, StoreError> {
    let line = |line: &SaleLine| {
        let allocations = match grant {
            _ if line.discount.is_zero() => None,
            Some(grant) => {
                let part = Allocation { source: Source::Card, id: grant.card.to_string(), amount: line.discount };
                Some(serde_json::to_string(&[part]).map_err(|why| StoreError::corrupt("allocations", why))?)
            }
            // Nobody of ours gave it: the till did.
            None => Some(json!([{"source": "till", "id": caller.till, "amount": line.discount}]).to_string()),
        };
        Ok(NewReceiptLine {
            sku: line.sku.clone(),
            quantity: line.quantity,
            unit_price: line.unit_price,
            discount: line.discount,
            unit_cost: products.get(&line.sku).and_then(|product| product.cost),
            allocations,
        })
    };
    sale.lines.iter().map(line).collect()
}
