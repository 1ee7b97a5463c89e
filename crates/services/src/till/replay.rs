//! Replay: a decision that was stored is made again from what it was made from, and compared with what was answered and
//! what was booked, to the last unit (law 6).

use contract::till::{Session, TillCaller};
use domain::{Locale, SessionId, SessionState};
use serde::Serialize;
use serde_json::{Value, json};
use store::StoreError;
use store::receipts::Booked;
use store::sessions::Stored;

use super::{Stop, answer, stored_session};
use crate::Shop;

/// What came of replaying one sale.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Replayed {
    /// Made again, the decision is what was stored.
    Identical(MadeFrom),
    /// It is not; each difference with the place where it is.
    Different { made_from: MadeFrom, differences: Vec<Difference> },
    /// Nothing here decided it, or what it was decided by cannot be read any more.
    Impossible { why: String },
}

/// What a decision was made from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MadeFrom {
    pub session_id: SessionId,
    pub receipt_number: Option<String>,
    /// The rule set; none: there was none.
    pub revision: Option<i64>,
    pub evaluated_at: chrono::DateTime<chrono::Utc>,
    pub zone: String,
    pub lines: usize,
    pub card: Option<domain::CardId>,
    pub coupons: Vec<String>,
    pub total: domain::Amount,
}

/// A place where what was stored is not what is made.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// JSON pointer into the session, or into the booked receipt.
    pub pointer: String,
    pub stored: Value,
    pub made: Value,
}

impl Shop {
    /// Makes the decision of a session's sale again.
    ///
    /// # Errors
    /// Only when the store is away.
    pub async fn replay(&self, id: SessionId) -> Result<Replayed, StoreError> {
        let impossible = |why: &str| Ok(Replayed::Impossible { why: why.to_owned() });
        let Some(stored) = self.store.session(id).await? else {
            return impossible("there is no such session");
        };
        if stored.state == SessionState::Open {
            return impossible("the session is open: nothing was decided for good");
        }
        let Some(body) = self.store.closed_answer(id).await? else {
            return impossible("the session was never closed: nothing was decided for good");
        };
        let told = stored_session(&body)?;
        let open = match self.reopened(Stored { ..stored }).await {
            Ok(open) => open,
            Err(Stop::Failed(StoreError::Corrupt { what, why })) => {
                return impossible(&format!("its {what} cannot be read: {why}"));
            }
            Err(Stop::Failed(error)) => return Err(error),
            Err(Stop::Refused(_) | Stop::Again) => return impossible("the session went on meanwhile: try again"),
        };
        let Some(shop) = self.snapshot().await.ok() else {
            return impossible("there is no shop here");
        };
        let caller = TillCaller { till: open.till, store: open.store, sets_prices: false, locale: Locale::En };
        let decision = open.decide();
        let made = answer::session(id, &open, &decision, &shop, &caller);
        let facts = &open.basis.facts;
        let made_from = MadeFrom {
            session_id: id,
            receipt_number: told.receipt_number.clone(),
            revision: open.revision,
            evaluated_at: open.evaluated_at,
            zone: facts.zone.to_string(),
            lines: facts.lines.len(),
            card: facts.card.as_ref().map(|card| card.id),
            coupons: facts.coupons.iter().map(|coupon| coupon.code.clone()).collect(),
            total: made.total,
        };
        let mut differences = Vec::new();
        compare("", &decided(&told)?, &decided(&made)?, &mut differences);
        let booked = self.store.booked_lines(id).await?;
        let sold = open.basis.sold(&decision)?.into_iter().map(|line| {
            let allocations = line.allocations.as_deref().map(serde_json::from_str).transpose();
            Ok(Booked {
                sku: line.sku.to_string(),
                quantity: i32::try_from(line.quantity).unwrap_or(i32::MAX),
                unit_price: line.unit_price.0,
                discount: line.discount.0,
                unit_cost: line.unit_cost.map(|cost| cost.0),
                allocations: allocations.map_err(|why| StoreError::corrupt("allocations", why))?,
            })
        });
        let sold: Vec<Booked> = sold.collect::<Result<_, StoreError>>()?;
        let as_json =
            |lines: Vec<Booked>| serde_json::to_value(lines).map_err(|why| StoreError::corrupt("receipt", why));
        compare("/receipt", &as_json(booked)?, &as_json(sold)?, &mut differences);
        Ok(if differences.is_empty() {
            Replayed::Identical(made_from)
        } else {
            Replayed::Different { made_from, differences }
        })
    }
}

/// What was decided of a session: names of goods and people may change, and what came back later is no decision.
fn decided(session: &Session) -> Result<Value, StoreError> {
    let lines: Vec<Value> = session
        .lines
        .iter()
        .map(|line| {
            json!({
                "position": line.position, "sku": line.sku, "quantity": line.quantity, "unit_price": line.unit_price,
                "subtotal": line.subtotal, "discount": line.discount, "total": line.total,
                "allocations": line.allocations,
            })
        })
        .collect();
    let effects = serde_json::to_value(&session.effects).map_err(|why| StoreError::corrupt("effects", why))?;
    Ok(json!({
        "currency": session.currency, "evaluated_at": session.evaluated_at, "lines": lines, "subtotal": session.subtotal,
        "discount": session.discount, "total": session.total, "effects": effects, "degraded": session.degraded,
    }))
}

/// Every place where two documents are not the same.
fn compare(pointer: &str, stored: &Value, made: &Value, differences: &mut Vec<Difference>) {
    match (stored, made) {
        (Value::Object(a), Value::Object(b)) => {
            for name in a.keys().chain(b.keys().filter(|name| !a.contains_key(*name))) {
                let at = |fields: &serde_json::Map<String, Value>| fields.get(name).cloned().unwrap_or(Value::Null);
                compare(&format!("{pointer}/{name}"), &at(a), &at(b), differences);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (place, (a, b)) in a.iter().zip(b).enumerate() {
                compare(&format!("{pointer}/{place}"), a, b, differences);
            }
        }
        _ if stored == made => {}
        _ => differences.push(Difference { pointer: pointer.to_owned(), stored: stored.clone(), made: made.clone() }),
    }
}
