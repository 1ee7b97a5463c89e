//! What a session was evaluated from, kept with it (law 6), and the purchase that it becomes.

use std::collections::BTreeMap;

use chrono::{DateTime, FixedOffset, Utc};
use contract::till::{Session, TillCaller};
use domain::{Amount, CategoryId, CodeKind, CustomerId, SessionState};
use events::Event;
use promotions::{Facts, Params};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::StoreError;
use store::receipts::{NewReceipt, NewReceiptLine};

use super::corrupt;
use crate::Shop;
use crate::clock::Draw;
use crate::segment::PurchaseFacts;

/// Everything that the answer was made from: with it the evaluation can be done again and must give the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Basis {
    pub customer: Option<CustomerId>,
    /// How the customer was known; a static code may be barred from redeeming.
    pub code_kind: Option<CodeKind>,
    /// `store::sessions::hold` reads the card's id from here.
    pub facts: Facts,
    pub params: Params,
    pub at: DateTime<Utc>,
}

impl Basis {
    pub(super) fn stored(facts: Value) -> Result<Self, StoreError> {
        serde_json::from_value(facts).map_err(|why| corrupt("facts", &why))
    }

    /// What the segment learns from the purchase.
    pub(super) fn purchase(&self, session: &Session, at: DateTime<Utc>) -> PurchaseFacts {
        let mut by_category: BTreeMap<CategoryId, Amount> = BTreeMap::new();
        for (line, sold) in self.facts.lines.iter().zip(&session.lines) {
            *by_category.entry(line.category.clone()).or_default() += sold.total;
        }
        PurchaseFacts { at, paid: session.total, by_category: by_category.into_iter().collect() }
    }

    pub(super) fn receipt(
        &self,
        session: &Session,
        caller: &TillCaller,
        number: &str,
        at: DateTime<Utc>,
    ) -> Result<NewReceipt, StoreError> {
        let mut lines = Vec::with_capacity(session.lines.len());
        for (line, sold) in self.facts.lines.iter().zip(&session.lines) {
            let allocations = match sold.allocations.as_slice() {
                [] => None,
                some => Some(serde_json::to_value(some).map_err(|why| corrupt("allocations", &why))?),
            };
            lines.push(NewReceiptLine {
                sku: line.sku.clone(),
                quantity: line.quantity,
                unit_price: sold.unit_price,
                discount: sold.discount,
                unit_cost: line.cost,
                allocations,
            });
        }
        Ok(NewReceipt {
            session: session.session_id,
            store: caller.store,
            till: caller.till,
            number: number.to_owned(),
            customer: self.customer,
            at,
            subtotal: session.subtotal,
            discount: session.discount,
            total: session.total,
            lines,
        })
    }
}

impl Shop {
    /// Tells of a purchase, or of its end, on `kava.purchases.v1`.
    pub(super) fn purchase_event(
        &self,
        session: &Session,
        basis: &Basis,
        caller: &TillCaller,
        paid_at: Option<DateTime<FixedOffset>>,
        now: DateTime<Utc>,
    ) -> Event {
        let what = match session.state {
            SessionState::Cancelled => "cancelled",
            SessionState::PartiallyReturned => "returned",
            SessionState::Open | SessionState::Closed => "closed",
        };
        let key = basis.customer.map_or_else(|| session.session_id.to_string(), |customer| customer.to_string());
        let lines: Vec<Value> = session
            .lines
            .iter()
            .zip(&basis.facts.lines)
            .map(|(sold, line)| {
                json!({
                    "position": sold.position, "sku": sold.sku, "category": line.category,
                    "quantity": sold.quantity, "unit_price": sold.unit_price, "discount": sold.discount,
                    "total": sold.total, "allocations": sold.allocations,
                })
            })
            .collect();
        Event {
            event_id: self.entropy.id(now),
            topic: events::PURCHASES.to_owned(),
            key,
            schema: 1,
            occurred_at: now,
            payload: json!({
                "what": what, "session_id": session.session_id, "store_id": caller.store, "till_id": caller.till,
                "customer_id": basis.customer, "receipt_number": session.receipt_number,
                "currency": session.currency, "subtotal": session.subtotal, "discount": session.discount,
                "total": session.total, "closed_at": session.closed_at, "paid_at": paid_at, "lines": lines,
            }),
        }
    }
}
