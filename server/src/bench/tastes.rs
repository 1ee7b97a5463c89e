//! What simulated shoppers put into their baskets, one thing after another: some products are liked more than others, and everybody
//! likes other ones.

use anyhow::ensure;
use domain::{Amount, Rate};
use simulator::{Crowd, Item, Outcome, Policy, Truth};

/// Shoppers of one till, and the weeks that they are watched for.
const SHOPPERS: usize = 40;
const WEEKS: u32 = 52;
/// A truth has no longer menu.
const MOST: usize = 1_000;

/// Places of products, in the order in which they are taken; without an end.
pub(super) struct Tastes {
    taken: Vec<u16>,
    next: usize,
}

impl Tastes {
    /// The same for the same seed. Of more than a thousand products the first thousand are sold.
    pub(super) fn of(products: usize, seed: u64) -> anyhow::Result<Self> {
        let item = |place: usize| Item {
            sku: place.to_string(),
            category: String::new(),
            price: Amount(300),
            cost: Amount(100),
            // Zipf's law, as it is found of what shops sell.
            popularity: 1.0 / (place + 1) as f64,
        };
        let truth = Truth { menu: (0..products.min(MOST)).map(item).collect(), ..Truth::default() };
        let mut tastes = Self { taken: Vec::new(), next: 0 };
        Crowd::draw(truth, seed, SHOPPERS)?.run(WEEKS, &mut tastes);
        ensure!(!tastes.taken.is_empty(), "nobody bought anything");
        Ok(tastes)
    }

    pub(super) fn next(&mut self) -> usize {
        let place = self.taken.get(self.next).copied().unwrap_or_default();
        self.next = (self.next + 1) % self.taken.len().max(1);
        usize::from(place)
    }
}

impl Policy for Tastes {
    fn offer(&mut self, _: usize, _: u32) -> Rate {
        Rate(500)
    }

    fn learn(&mut self, outcome: &Outcome<'_>) {
        self.taken.extend(outcome.visit.iter().flat_map(|visit| &visit.items));
    }
}
