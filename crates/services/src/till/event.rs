//! What is told of a purchase on `kava.purchases.v1`: that it was closed, opened again, returned in part, or cancelled.

use chrono::{DateTime, FixedOffset, Utc};
use contract::till::{ReturnedLine, Session, TillCaller};
use domain::{Amount, CategoryId, Currency, CustomerId, ReturnId, SessionId, SessionState, StoreId, TillId};
use events::{Event, Payload};
use serde::Serialize;
use store::StoreError;

use super::answer::AllAllocated;
use super::basis::Basis;
use super::closer::Closing;
use super::counter::OpenSession;
use crate::Shop;
use crate::clock::Draw;

/// The payload, schema 1. `A` is how a line's allocations are held.
#[derive(Serialize)]
struct Purchase<'a, A> {
    what: &'static str,
    session_id: SessionId,
    store_id: StoreId,
    till_id: TillId,
    customer_id: Option<CustomerId>,
    receipt_number: Option<&'a str>,
    currency: Currency,
    subtotal: Amount,
    discount: Amount,
    total: Amount,
    closed_at: Option<DateTime<Utc>>,
    /// By the till's clock.
    paid_at: Option<DateTime<FixedOffset>>,
    lines: Vec<Line<'a, A>>,
    #[serde(rename = "return", skip_serializing_if = "Option::is_none")]
    returned: Option<CameBack<'a>>,
}

#[derive(Serialize)]
struct Line<'a, A> {
    position: u16,
    sku: &'a str,
    category: &'a CategoryId,
    quantity: u32,
    unit_price: Amount,
    discount: Amount,
    total: Amount,
    allocations: A,
}

/// What came back, now.
#[derive(Serialize)]
pub(super) struct CameBack<'a> {
    pub return_id: ReturnId,
    pub refund: Amount,
    pub lines: &'a [ReturnedLine],
}

impl Shop {
    /// Tells of a sale.
    pub(super) fn closed_event(
        &self,
        closing: &Closing,
        open: &OpenSession,
        now: DateTime<Utc>,
    ) -> Result<Event, StoreError> {
        let (basis, decision, caller) = (&open.basis, &closing.decided.decision, &closing.caller);
        let lines = (0..).zip(basis.facts.lines.iter().zip(&decision.lines));
        let purchase = Purchase {
            what: "closed",
            session_id: closing.held.id,
            store_id: caller.store,
            till_id: caller.till,
            customer_id: basis.customer(),
            receipt_number: Some(&closing.request.receipt_number),
            currency: closing.shop.settings.currency,
            subtotal: decision.subtotal,
            discount: decision.discount,
            total: decision.total,
            closed_at: Some(now),
            paid_at: closing.request.paid_at,
            lines: lines
                .map(|(position, (line, decided))| Line {
                    position,
                    sku: line.sku.as_str(),
                    category: &line.category,
                    quantity: line.quantity,
                    unit_price: line.unit_price,
                    discount: decided.discount,
                    total: decided.total,
                    allocations: AllAllocated(&decided.allocations),
                })
                .collect(),
            returned: None,
        };
        self.tells_of(&purchase, now)
    }

    /// Tells what has become of a sale.
    pub(super) fn purchase_event(
        &self,
        session: &Session,
        basis: &Basis,
        caller: &TillCaller,
        returned: Option<CameBack<'_>>,
        now: DateTime<Utc>,
    ) -> Result<Event, StoreError> {
        let what = match session.state {
            SessionState::Cancelled => "cancelled",
            SessionState::PartiallyReturned => "returned",
            SessionState::Closed => "closed",
            SessionState::Open => "reopened",
        };
        let lines = session.lines.iter().zip(&basis.facts.lines);
        let purchase = Purchase {
            what,
            session_id: session.session_id,
            store_id: caller.store,
            till_id: caller.till,
            customer_id: basis.customer(),
            receipt_number: session.receipt_number.as_deref(),
            currency: session.currency,
            subtotal: session.subtotal,
            discount: session.discount,
            total: session.total,
            closed_at: session.closed_at,
            paid_at: None,
            lines: lines
                .map(|(sold, line)| Line {
                    position: sold.position,
                    sku: &sold.sku,
                    category: &line.category,
                    quantity: sold.quantity,
                    unit_price: sold.unit_price,
                    discount: sold.discount,
                    total: sold.total,
                    allocations: sold.allocations.as_slice(),
                })
                .collect(),
            returned,
        };
        self.tells_of(&purchase, now)
    }

    fn tells_of(&self, purchase: &Purchase<'_, impl Serialize>, now: DateTime<Utc>) -> Result<Event, StoreError> {
        Ok(Event {
            event_id: self.entropy.id(now),
            topic: events::PURCHASES.to_owned(),
            key: purchase.customer_id.map_or_else(|| purchase.session_id.to_string(), |customer| customer.to_string()),
            schema: 1,
            occurred_at: now,
            payload: Payload::of(purchase).map_err(|why| StoreError::corrupt("event", why))?,
        })
    }
}
