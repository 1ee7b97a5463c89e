//! The features of customers who are new with an import, but for their habits, counted while their lines go by, so that the
//! lines need not be read again. Bounded: a file with too many customers and products gives up, and the database counts.

use std::collections::{BTreeMap, HashMap};

use domain::Amount;
use store::segments::{Counted, Habits};
use uuid::Uuid;

use super::batch::BatchReceipt;
use super::classify::Moment;

/// So many pairs of customer and product are kept: about a hundred megabytes.
const MOST_PAIRS: usize = 2_000_000;

#[derive(Debug)]
pub(super) struct Tallies {
    /// `None` once it was given up.
    customers: Option<HashMap<Uuid, Tally>>,
    products: HashMap<String, u32>,
    pairs: usize,
    most: usize,
}

#[derive(Debug, Default)]
struct Tally {
    visits: i32,
    spent: i64,
    cost: i64,
    costed: i64,
    first: Option<Moment>,
    last: Option<Moment>,
    by_product: HashMap<u32, i64>,
}

impl Default for Tallies {
    fn default() -> Self {
        Self { customers: Some(HashMap::new()), products: HashMap::new(), pairs: 0, most: MOST_PAIRS }
    }
}

impl Tallies {
    /// From now on everything that this customer bought goes by here.
    pub(super) fn begin(&mut self, customer: Uuid) {
        if let Some(customers) = &mut self.customers {
            customers.insert(customer, Tally::default());
        }
    }

    pub(super) fn has(&self, customer: &Uuid) -> bool {
        self.customers.as_ref().is_some_and(|all| all.contains_key(customer))
    }

    /// Counts lines of a receipt; `opens` says that they begin it.
    pub(super) fn add<'p>(
        &mut self,
        customer: Uuid,
        receipt: &BatchReceipt,
        opens: bool,
        sku: impl Fn(usize) -> &'p str,
    ) {
        let Some(tally) = self.customers.as_mut().and_then(|all| all.get_mut(&customer)) else { return };
        if opens && !receipt.is_return {
            tally.visits = tally.visits.saturating_add(1);
            // A local time and one in UTC cannot be compared here.
            if tally.first.is_some_and(|first| first.utc != receipt.at.utc) {
                self.give_up();
                return;
            }
            tally.first = Some(tally.first.map_or(receipt.at, |first| first.min(receipt.at)));
            tally.last = Some(tally.last.map_or(receipt.at, |last| last.max(receipt.at)));
        }
        for line in &receipt.lines {
            let Amount(total) = line.total();
            tally.spent = tally.spent.saturating_add(total);
            if let Some(cost) = line.unit_cost {
                tally.cost = tally.cost.saturating_add(cost.0.saturating_mul(line.quantity.into()));
                tally.costed = tally.costed.saturating_add(total);
            }
            let sku = sku(line.product);
            let product = match self.products.get(sku) {
                Some(product) => *product,
                None => {
                    let next = u32::try_from(self.products.len()).unwrap_or(u32::MAX);
                    self.products.insert(sku.to_owned(), next);
                    next
                }
            };
            let spend = tally.by_product.entry(product).or_insert_with(|| {
                self.pairs += 1;
                0
            });
            *spend = spend.saturating_add(total);
        }
        if self.pairs > self.most {
            self.give_up();
        }
    }

    /// From now on the database counts.
    pub(super) fn give_up(&mut self) {
        self.customers = None;
        self.products = HashMap::new();
    }

    pub(super) fn was_given_up(&self) -> bool {
        self.customers.is_none()
    }

    /// The products that were met.
    pub(super) fn skus(&self) -> Vec<String> {
        self.products.keys().cloned().collect()
    }

    /// Everybody's features; `categories` by sku.
    pub(super) fn finish(self, categories: &HashMap<String, String>) -> Vec<Counted> {
        let mut of_product: Vec<&str> = vec![""; self.products.len()];
        for (sku, place) in &self.products {
            if let (Some(entry), Some(category)) = (of_product.get_mut(*place as usize), categories.get(sku)) {
                *entry = category;
            }
        }
        self.customers
            .unwrap_or_default()
            .into_iter()
            .map(|(id, tally)| {
                let mut composition: BTreeMap<&str, i64> = BTreeMap::new();
                for (product, spend) in &tally.by_product {
                    let category = of_product.get(*product as usize).copied().unwrap_or("");
                    let sum = composition.entry(category).or_default();
                    *sum = sum.saturating_add(*spend);
                }
                composition.retain(|category, spend| *spend != 0 && !category.is_empty());
                Counted {
                    id,
                    visits: tally.visits,
                    spent: tally.spent,
                    first: tally.first.map(Moment::text),
                    last: tally.last.map(Moment::text),
                    composition: serde_json::to_value(composition).unwrap_or_default(),
                    cost: tally.cost,
                    costed: tally.costed,
                    habits: Habits::default(),
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::super::batch::BatchLine;
    use super::*;

    fn receipt(is_return: bool, day: i64, utc: bool, totals: &[i64]) -> BatchReceipt {
        let naive = DateTime::from_timestamp(day * 86_400, 0).unwrap().naive_utc();
        let sign = if is_return { -1 } else { 1 };
        let lines = totals.iter().enumerate().map(|(product, price)| BatchLine {
            line: 1,
            product,
            quantity: sign,
            unit_price: Amount(*price),
            unit_cost: (product == 0).then_some(Amount(40)),
        });
        let at = Moment { naive, utc };
        BatchReceipt { number: "1".to_owned(), customer: None, is_return, at, lines: lines.collect() }
    }

    fn sku(product: usize) -> &'static str {
        ["a", "b", "c"][product]
    }

    #[test]
    fn returns_count_as_money_and_not_as_visits() {
        let (mut tallies, anna) = (Tallies::default(), Uuid::from_u128(1));
        tallies.begin(anna);
        tallies.add(anna, &receipt(false, 20, false, &[100, 50]), true, sku);
        tallies.add(anna, &receipt(false, 10, false, &[30]), true, sku);
        tallies.add(anna, &receipt(false, 10, false, &[7]), false, sku);
        tallies.add(anna, &receipt(true, 30, false, &[0, 50]), true, sku);
        tallies.add(Uuid::from_u128(2), &receipt(false, 10, false, &[30]), true, sku);
        let categories = HashMap::from([("a", "x"), ("b", "y")].map(|(s, c)| (s.to_owned(), c.to_owned())));
        let counted = tallies.finish(&categories);
        assert_eq!(counted.len(), 1, "who was there before is not counted here");
        assert_eq!((counted[0].visits, counted[0].spent), (2, 137));
        assert_eq!(counted[0].composition, serde_json::json!({"x": 137}));
        assert_eq!((counted[0].cost, counted[0].costed), (80, 137), "of a, bought three times and brought back once");
        assert_eq!(counted[0].first.as_deref(), Some("1970-01-11 00:00:00.000000"));
        assert_eq!(counted[0].last.as_deref(), Some("1970-01-21 00:00:00.000000"));
    }

    #[test]
    fn too_much_to_keep_is_given_up() {
        let (mut tallies, anna) = (Tallies { most: 2, ..Tallies::default() }, Uuid::from_u128(1));
        tallies.begin(anna);
        tallies.add(anna, &receipt(false, 1, false, &[1, 1]), true, sku);
        assert!(!tallies.was_given_up());
        tallies.add(anna, &receipt(false, 1, false, &[1, 1, 1]), true, sku);
        assert!(tallies.was_given_up() && tallies.skus().is_empty());
    }

    #[test]
    fn local_times_and_utc_are_not_compared() {
        let (mut tallies, anna) = (Tallies::default(), Uuid::from_u128(1));
        tallies.begin(anna);
        tallies.add(anna, &receipt(false, 1, false, &[1]), true, sku);
        tallies.add(anna, &receipt(false, 1, true, &[1]), true, sku);
        assert!(tallies.was_given_up());
    }
}
