use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::History;

/// How many customers ever bought each item, and each two of them. Purchases are added one by one, in any order and as often
/// as one likes; the counts are those of all that was added.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    single: Vec<u32>,
    /// For each item, with each one below it.
    pairs: Vec<u32>,
    /// What each customer ever bought, rising.
    sets: BTreeMap<u32, Vec<u32>>,
}

impl Counts {
    /// Of nothing yet, for at most [`MOST_ITEMS`](crate::MOST_ITEMS) items.
    #[must_use]
    pub fn new(items: u32) -> Self {
        let items = items.min(crate::MOST_ITEMS) as usize;
        Self { single: vec![0; items], pairs: vec![0; items * items.saturating_sub(1) / 2], sets: BTreeMap::new() }
    }

    #[must_use]
    pub fn of(history: &History) -> Self {
        let mut counts = Self::new(history.items());
        for purchase in history.purchases() {
            counts.add(purchase.customer, &purchase.items);
        }
        counts
    }

    /// Of baskets instead of customers: as if each purchase were somebody else's.
    #[must_use]
    pub fn of_baskets(history: &History) -> Self {
        let mut counts = Self::new(history.items());
        for (purchase, number) in history.purchases().iter().zip(0_u32..) {
            counts.add(number, &purchase.items);
        }
        counts
    }

    /// Adds a purchase; items that are not counted here are passed over.
    pub fn add(&mut self, customer: u32, items: &[u32]) {
        let set = self.sets.entry(customer).or_default();
        let known = self.single.len();
        for item in items.iter().copied().filter(|item| (*item as usize) < known) {
            let Err(place) = set.binary_search(&item) else { continue };
            for (other, together) in set.iter().map(|other| (*other, pair(item, *other))) {
                debug_assert_ne!(other, item);
                self.pairs[together] += 1;
            }
            self.single[item as usize] += 1;
            set.insert(place, item);
        }
    }

    #[must_use]
    pub fn items(&self) -> u32 {
        self.single.len() as u32
    }

    #[must_use]
    pub fn customers(&self) -> u32 {
        u32::try_from(self.sets.len()).unwrap_or(u32::MAX)
    }

    /// Customers who bought the item.
    #[must_use]
    pub fn single(&self, item: u32) -> u32 {
        self.single.get(item as usize).copied().unwrap_or(0)
    }

    /// Customers who bought both; of an item with itself, those who bought it.
    #[must_use]
    pub fn both(&self, a: u32, b: u32) -> u32 {
        if a == b {
            return self.single(a);
        }
        if a.max(b) >= self.items() { 0 } else { self.pairs[pair(a, b)] }
    }

    pub(crate) fn sets(&self) -> &BTreeMap<u32, Vec<u32>> {
        &self.sets
    }
}

/// The place of two different items in the half square.
fn pair(a: u32, b: u32) -> usize {
    let (low, high) = (a.min(b) as usize, a.max(b) as usize);
    high * (high - 1) / 2 + low
}
