//! Segments: kept up by every purchase in its own transaction (law 5), and fitted anew from all receipts.

use chrono::{DateTime, Utc};
use domain::{Amount, CategoryId, CustomerId, SegmentModelId, SegmentName};
use store::{StoreError, Tx};

use crate::Shop;

/// What a purchase says about its customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PurchaseFacts {
    pub at: DateTime<Utc>,
    /// What was paid, after discount.
    pub paid: Amount,
    /// What was paid by category; adds up to `paid`.
    pub by_category: Vec<(CategoryId, Amount)>,
}

/// A customer went from one segment to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentMove {
    pub from: SegmentName,
    pub to: SegmentName,
    /// In words: `visits 2 -> 3, basket average £12.40 -> £10.10`.
    pub reason: String,
}

impl Shop {
    /// The name of a segment of a model; newcomers for `None` and for index 0.
    ///
    /// # Errors
    /// Only when the store is away, or the stored model cannot be read.
    pub async fn segment_name(&self, model: Option<SegmentModelId>, index: u16) -> Result<SegmentName, StoreError> {
        let _ = (model, index);
        Ok(SegmentName::Newcomers)
    }

    /// Counts a purchase into its customer's features and segment, in the purchase's own transaction, and announces a
    /// change through the outbox.
    ///
    /// # Errors
    /// Only when the store fails; then the purchase must not commit either.
    pub async fn record_in_segment(
        &self,
        tx: &mut Tx,
        customer: CustomerId,
        purchase: &PurchaseFacts,
        now: DateTime<Utc>,
    ) -> Result<Option<SegmentMove>, StoreError> {
        let _ = (tx, customer, purchase, now);
        Ok(None)
    }

    /// Takes a cancelled purchase out again. Call it after the receipt was marked as cancelled in `tx`.
    ///
    /// # Errors
    /// Only when the store fails; then the cancellation must not commit either.
    pub async fn take_back_from_segment(
        &self,
        tx: &mut Tx,
        customer: CustomerId,
        purchase: &PurchaseFacts,
        now: DateTime<Utc>,
    ) -> Result<Option<SegmentMove>, StoreError> {
        let _ = (tx, customer, purchase, now);
        Ok(None)
    }
}
