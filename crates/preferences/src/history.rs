use serde::{Deserialize, Serialize};

/// One purchase: who, when, what.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Purchase {
    pub customer: u32,
    /// Minutes since any moment, on the clocks of the store: time of day and weekday are read from it, with day 0 a Monday.
    pub at: i64,
    /// Numbers of items; twice is once.
    pub items: Vec<u32>,
}

/// Purchases in order of customer and time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    items: u32,
    purchases: Vec<Purchase>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HistoryError {
    #[error("purchase {purchase}: item {item} is not one of {items}")]
    UnknownItem { purchase: usize, item: u32, items: u32 },
    #[error("{items} items are more than {most}: leave out what is hardly ever sold")]
    TooManyItems { items: u32, most: u32 },
}

/// Items that a model can be made of: what is counted of pairs takes half a square of them.
pub const MOST_ITEMS: u32 = 16_384;

/// A day in minutes.
pub(crate) const DAY: i64 = 1_440;

impl History {
    /// From purchases in any order; what has nothing in it says nothing and is left out.
    ///
    /// # Errors
    /// [`HistoryError`] for an item that is not below `items`, and for more items than [`MOST_ITEMS`].
    pub fn new(items: u32, mut purchases: Vec<Purchase>) -> Result<Self, HistoryError> {
        if items > MOST_ITEMS {
            return Err(HistoryError::TooManyItems { items, most: MOST_ITEMS });
        }
        for (place, purchase) in purchases.iter_mut().enumerate() {
            purchase.items.sort_unstable();
            purchase.items.dedup();
            if let Some(item) = purchase.items.last().copied().filter(|item| *item >= items) {
                return Err(HistoryError::UnknownItem { purchase: place, item, items });
            }
        }
        purchases.retain(|purchase| !purchase.items.is_empty());
        purchases.sort_unstable();
        Ok(Self { items, purchases })
    }

    #[must_use]
    pub fn items(&self) -> u32 {
        self.items
    }

    #[must_use]
    pub fn purchases(&self) -> &[Purchase] {
        &self.purchases
    }

    /// The purchases of each customer, the oldest first.
    pub fn customers(&self) -> impl Iterator<Item = &[Purchase]> {
        self.purchases.chunk_by(|a, b| a.customer == b.customer)
    }

    /// The moment of the newest purchase.
    #[must_use]
    pub fn end(&self) -> Option<i64> {
        self.purchases.iter().map(|purchase| purchase.at).max()
    }

    /// What was bought before a moment.
    #[must_use]
    pub fn before(&self, moment: i64) -> Self {
        let purchases = self.purchases.iter().filter(|purchase| purchase.at < moment).cloned().collect();
        Self { items: self.items, purchases }
    }
}
