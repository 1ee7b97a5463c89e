//! What a session's answer is made from (law 6), and what its purchase tells the receipt and the segment.

use chrono::{DateTime, Utc};
use domain::{Amount, CodeKind, CustomerId};
use promotions::{Decision, Facts};
use serde::{Deserialize, Serialize};
use store::StoreError;
use store::receipts::NewReceiptLine;

use super::answer::AllAllocated;
use crate::segment::{LineFacts, PurchaseFacts};

/// Stored with the session, so that its decision can be made again, the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Basis {
    /// What the customer was called.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub display_name: String,
    /// How the customer was known; a static code may be barred from redeeming.
    #[serde(default)]
    pub code_kind: Option<CodeKind>,
    /// Why a fallback answered, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub degraded: Option<String>,
    pub facts: Facts,
    /// Of sessions from before there were campaigns, whose facts do not say who bought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    customer: Option<CustomerId>,
}

impl Basis {
    pub(super) fn of(facts: Facts) -> Self {
        Self { display_name: String::new(), code_kind: None, degraded: None, facts, customer: None }
    }

    pub(super) fn read(text: &str) -> Result<Self, StoreError> {
        serde_json::from_str(text).map_err(|why| StoreError::corrupt("basis", why))
    }

    pub(super) fn customer(&self) -> Option<CustomerId> {
        self.facts.customer.as_ref().map(|customer| customer.id).or(self.customer)
    }

    /// What the segment learns from the purchase.
    pub(super) fn purchase(&self, decision: &Decision, at: DateTime<Utc>) -> PurchaseFacts {
        let lines = self.facts.lines.iter().zip(&decision.lines);
        self.facts_of(lines.map(|(line, decided)| (line.quantity, decided.total, decided.discount)), at)
    }

    /// The same of parts of the lines: of each its quantity, what was paid, and the discount.
    pub(super) fn facts_of(
        &self,
        parts: impl Iterator<Item = (u32, Amount, Amount)>,
        at: DateTime<Utc>,
    ) -> PurchaseFacts {
        let lines = self.facts.lines.iter().zip(parts).map(|(line, (quantity, paid, discount))| LineFacts {
            category: Some(&line.category),
            quantity,
            paid,
            discount,
            cost: line.cost,
        });
        PurchaseFacts::of(at, self.facts.zone, lines)
    }

    /// The lines as they are sold, with who pays for each discount.
    pub(super) fn sold(&self, decision: &Decision) -> Result<Vec<NewReceiptLine>, StoreError> {
        let lines = self.facts.lines.iter().zip(&decision.lines);
        lines
            .map(|(line, sold)| {
                let allocations = match sold.allocations.as_slice() {
                    [] => None,
                    some => Some(
                        serde_json::to_string(&AllAllocated(some))
                            .map_err(|why| StoreError::corrupt("allocations", why))?,
                    ),
                };
                Ok(NewReceiptLine {
                    sku: line.sku.clone(),
                    quantity: line.quantity,
                    unit_price: line.unit_price,
                    discount: sold.discount,
                    unit_cost: line.cost,
                    allocations,
                })
            })
            .collect()
    }
}
