//! What is paid back for units of a line that was sold: from what the line was sold for, never evaluated again (law 6).

use serde::{Deserialize, Serialize};

use crate::{Amount, split};

/// A line as it was sold: `discount = sum(allocations)`, and never more than `quantity x unit_price`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SoldLine {
    pub quantity: u32,
    pub unit_price: Amount,
    pub discount: Amount,
    /// Who paid for the discount, in the order of the line's allocations.
    pub allocations: Vec<Amount>,
}

/// What of a line has come back: so far, or with one return.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Returned {
    pub quantity: u32,
    /// What is paid back.
    pub refund: Amount,
    /// What the customer does not save any more; `quantity x unit_price - refund`.
    pub discount: Amount,
    /// Whose the discount was, in the order of the line's allocations.
    pub allocations: Vec<Amount>,
}

impl SoldLine {
    #[must_use]
    pub fn total(&self) -> Amount {
        Amount(self.subtotal(self.quantity).0 - self.discount.0)
    }

    fn subtotal(&self, quantity: u32) -> Amount {
        Amount(self.unit_price.0.saturating_mul(i64::from(quantity)))
    }

    /// What all refunds of this line add up to when `quantity` units are back: the share of its total, rounded half up.
    /// It depends on the number of units alone, so it does not matter in which steps they come.
    fn refund(&self, quantity: u32) -> Amount {
        let (total, sold) = (i128::from(self.total().0.max(0)), i128::from(self.quantity.max(1)));
        let twice = 2 * total * i128::from(quantity.min(self.quantity)) + sold;
        Amount(i64::try_from(twice / (2 * sold)).unwrap_or(i64::MAX))
    }

    /// What comes back with `quantity` more units; `None` for more than were sold.
    ///
    /// Over all returns of a line the refunds never exceed its total, and with the last unit they are its total.
    #[must_use]
    pub fn take_back(&self, so_far: &Returned, quantity: u32) -> Option<Returned> {
        let all = so_far.quantity.checked_add(quantity).filter(|all| *all <= self.quantity)?;
        let refund = self.refund(all) - so_far.refund;
        let discount = self.subtotal(quantity) - refund;
        // Each gets at most what is left of it: a part of a split never exceeds its weight.
        let left: Vec<Amount> = self
            .allocations
            .iter()
            .enumerate()
            .map(|(place, whole)| *whole - so_far.allocations.get(place).copied().unwrap_or_default())
            .collect();
        Some(Returned { quantity, refund, discount, allocations: split(discount, &left) })
    }
}

impl Returned {
    /// So far, with one return more.
    pub fn add(&mut self, more: &Self) {
        self.quantity = self.quantity.saturating_add(more.quantity);
        self.refund += more.refund;
        self.discount += more.discount;
        self.allocations.resize(more.allocations.len(), Amount::ZERO);
        for (sum, part) in self.allocations.iter_mut().zip(&more.allocations) {
            *sum += *part;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::session::MAX_QUANTITY;

    fn line() -> impl Strategy<Value = SoldLine> {
        let price = prop_oneof![0_i64..20, 0_i64..10_000, Just(Amount::MAX_PRICE.0)];
        let quantity = prop_oneof![1_u32..8, 1_u32..=MAX_QUANTITY];
        (price, quantity, 0_u32..=10_000, prop::collection::vec(1_i64..1_000, 1..5)).prop_map(
            |(price, quantity, share, weights)| {
                let subtotal = price * i64::from(quantity);
                let discount = Amount(i64::try_from(i128::from(subtotal) * i128::from(share) / 10_000).unwrap());
                // Weights at least as large as what is split, as sources are.
                let weights: Vec<Amount> =
                    weights.into_iter().map(|w| Amount(w.saturating_mul(discount.0 + 1))).collect();
                let allocations = split(discount, &weights);
                SoldLine { quantity, unit_price: Amount(price), discount, allocations }
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn refunds_never_exceed_what_was_paid_and_everything_back_is_exactly_that(
            line in line(),
            steps in prop::collection::vec(1_u32..5_000, 1..12),
        ) {
            let mut so_far = Returned::default();
            for step in steps.into_iter().chain([MAX_QUANTITY]) {
                let step = step.min(line.quantity - so_far.quantity);
                if step == 0 {
                    break;
                }
                let part = line.take_back(&so_far, step).unwrap();
                prop_assert!(part.refund >= Amount::ZERO && part.discount >= Amount::ZERO);
                prop_assert_eq!(part.refund + part.discount, line.subtotal(step));
                prop_assert_eq!(part.allocations.iter().copied().sum::<Amount>(), part.discount);
                prop_assert!(part.allocations.iter().all(|amount| *amount >= Amount::ZERO));
                so_far.add(&part);
                prop_assert!(so_far.refund <= line.total() && so_far.discount <= line.discount);
                // In one step or in many: the same.
                let at_once = line.take_back(&Returned::default(), so_far.quantity).unwrap();
                prop_assert_eq!(at_once.refund, so_far.refund);
            }
            prop_assert_eq!(so_far.quantity, line.quantity);
            prop_assert_eq!((so_far.refund, so_far.discount), (line.total(), line.discount));
            prop_assert_eq!(&so_far.allocations, &line.allocations);
            prop_assert_eq!(line.take_back(&so_far, 1), None);
        }
    }

    #[test]
    fn three_for_a_euro_come_back_for_a_euro() {
        let allocations = vec![Amount(7), Amount(13)];
        let line = SoldLine { quantity: 3, unit_price: Amount(40), discount: Amount(20), allocations };
        let mut so_far = Returned::default();
        let refunds: Vec<i64> = (0..3)
            .map(|_| {
                let part = line.take_back(&so_far, 1).unwrap();
                so_far.add(&part);
                part.refund.0
            })
            .collect();
        assert_eq!(refunds, [33, 34, 33]);
    }

    #[test]
    fn more_than_was_sold_does_not_come_back() {
        let line = SoldLine { quantity: 2, unit_price: Amount(5), discount: Amount(0), allocations: vec![] };
        assert_eq!(line.take_back(&Returned::default(), 3), None);
        assert_eq!(line.take_back(&Returned { quantity: u32::MAX, ..Returned::default() }, 1), None);
    }
}
