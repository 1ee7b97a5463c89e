//! The game between a shop that names a price and a customer who answers, where its answer is known.
//!
//! The shop leads (Stackelberg): it commits to what it will give, and the customer answers as logit does, more or less
//! (quantal response: McKelvey and Palfrey 1995). The engine solves the same game with what it has learned (`commitment`); what is
//! here are the cases with closed or exhaustive solutions, by which it is checked, and the rule that is known to be best against
//! customers who remember, which is not used because it rewards waiting.

/// Demand of a customer whose log-odds of buying are `a` at the shelf price, and `b` more for each unit that it costs less.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Logit {
    pub a: f64,
    pub b: f64,
    /// At the shelf.
    pub price: f64,
}

impl Logit {
    /// The probability of buying at a price.
    #[must_use]
    pub fn at(&self, paid: f64) -> f64 {
        1.0 / (1.0 + (-(self.a + self.b * (self.price - paid))).exp())
    }

    /// The price that brings most, by Lambert's W: `cost + (1 + W(exp(a + b (price - cost) - 1))) / b`.
    #[must_use]
    pub fn best_price(&self, cost: f64) -> f64 {
        cost + (1.0 + lambert_w_of_exp(self.a + self.b * (self.price - cost) - 1.0)) / self.b
    }

    /// What the shop gets by committing to a price, of those it may name: it knows how the customer answers each.
    #[must_use]
    pub fn committed(&self, cost: f64, prices: &[f64]) -> f64 {
        prices.iter().map(|paid| self.at(*paid) * (paid - cost)).fold(f64::NEG_INFINITY, f64::max)
    }

    /// What it gets where both move at once: the customer goes by what they believe the price to be, the shop by how they go
    /// then, and each belief is right. Whoever cannot be seen to give less gives nothing, so that it is the highest price.
    #[must_use]
    pub fn simultaneous(&self, cost: f64, prices: &[f64]) -> f64 {
        let mut believed = prices.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        loop {
            let comes = self.at(believed);
            let worth = |paid: f64| comes * (paid - cost);
            let answer =
                prices.iter().copied().fold(believed, |best, paid| if worth(paid) > worth(best) { paid } else { best });
            if answer <= believed {
                return worth(believed);
            }
            believed = answer;
        }
    }
}

/// The price that brings most of customers of whom nobody buys at `most` and everybody at nothing, evenly in between.
#[must_use]
pub fn best_price_of_linear(most: f64, cost: f64) -> f64 {
    (most + cost.min(most)) / 2.0
}

/// `W(e^x)`: the w with `w + ln w = x`, by Newton's steps from a start on the right side.
#[must_use]
pub fn lambert_w_of_exp(x: f64) -> f64 {
    if x.is_nan() || x > 1e300 {
        return x;
    }
    // Small: W(y) is y. Large: x less its logarithm.
    let mut w = if x < 0.0 { x.exp() } else { (x - (1.0 + x).ln()).max(0.5) };
    if w == 0.0 {
        return 0.0;
    }
    for _ in 0..60 {
        let next = w * (1.0 + x - w.ln()) / (1.0 + w);
        let done = (next - w).abs() <= 1e-15 * w;
        w = next.max(f64::MIN_POSITIVE);
        if done {
            break;
        }
    }
    w
}

/// A customer who compares each offer with the best of the last `memory` ones (Baek, Ma and Mitrofanov 2025, whose optimum is some
/// poor offers, then a good one). Rates as shares of the price.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Remembering {
    pub a: f64,
    /// Log-odds by a whole price less.
    pub b: f64,
    /// Log-odds by an offer a whole price above the best remembered, and as much less below it.
    pub reference: f64,
    pub memory: usize,
    /// Of the price, what is earned without a discount.
    pub margin: f64,
}

/// An offer in every round of a cycle, and what a round brings on average.
#[derive(Clone, Debug, PartialEq)]
pub struct Cycle {
    pub offers: Vec<f64>,
    pub brings: f64,
}

impl Remembering {
    fn brings(&self, offer: f64, remembered: f64) -> f64 {
        let odds = self.a + self.b * offer + self.reference * (offer - remembered);
        (self.margin - offer) / (1.0 + (-odds).exp())
    }

    /// What a round of a cycle brings, once the customer knows it.
    #[must_use]
    pub fn cycle(&self, offers: &[f64]) -> f64 {
        let length = offers.len();
        let round = |at: usize| {
            let remembered = (1..=self.memory).map(|back| offers[(at + length * self.memory - back) % length]);
            self.brings(offers[at], remembered.fold(0.0, f64::max))
        };
        (0..length).map(round).sum::<f64>() / length.max(1) as f64
    }

    /// The best of a poor and a good offer in turn: so many poor ones, then a good one.
    #[must_use]
    pub fn best_cycle(&self, levels: &[f64], longest: usize) -> Cycle {
        let mut best = self.best_promise(levels);
        for poor in levels {
            for good in levels.iter().filter(|good| *good > poor) {
                for length in 2..=longest {
                    let mut offers = vec![*poor; length];
                    offers[length - 1] = *good;
                    let brings = self.cycle(&offers);
                    if brings > best.brings {
                        best = Cycle { offers, brings };
                    }
                }
            }
        }
        best
    }

    /// The best offer that is always the same: nobody gains by waiting.
    #[must_use]
    pub fn best_promise(&self, levels: &[f64]) -> Cycle {
        let each = levels.iter().map(|level| Cycle { offers: vec![*level], brings: self.cycle(&[*level]) });
        let none = Cycle { offers: vec![0.0], brings: self.cycle(&[0.0]) };
        each.fold(none, |best, one| if one.brings > best.brings { one } else { best })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lamberts_w_is_what_the_tables_say() {
        // W(1) is the omega constant, W(e) is 1, W(10) by Corless and others 1996.
        for (of, wanted) in
            [(1.0_f64, 0.567_143_290_409_783_8), (std::f64::consts::E, 1.0), (10.0, 1.745_528_002_740_699_4)]
        {
            assert!((lambert_w_of_exp(of.ln()) - wanted).abs() < 1e-14, "{of}");
        }
        for x in [-700.0, -40.0, -1.0, 0.0, 0.1, 3.0, 50.0, 1e6] {
            let w = lambert_w_of_exp(x);
            assert!((w + w.ln() - x).abs() <= 1e-12 * x.abs().max(1.0), "{x} {w}");
        }
        assert_eq!(lambert_w_of_exp(-1e9), 0.0);
        assert!(lambert_w_of_exp(f64::NAN).is_nan());
    }

    #[test]
    fn half_way_between_cost_and_the_dearest_is_best_for_linear_demand() {
        let brings = |paid: f64| (1.0 - paid / 900.0).max(0.0) * (paid - 300.0);
        let best = best_price_of_linear(900.0, 300.0);
        assert_eq!(best, 600.0);
        assert!((0..=900).all(|paid| brings(f64::from(paid)) <= brings(best)));
        assert_eq!(best_price_of_linear(100.0, 300.0), 100.0, "nothing is to be earned, and nobody buys");
    }

    /// With a memory of l offers, and gains by the comparison that outweigh the losses, l poor offers and then a good one are
    /// best: found among all cycles of up to eight rounds.
    #[test]
    fn some_poor_offers_and_then_a_good_one_are_best_against_who_remembers() {
        for memory in 1..=4 {
            let customer = Remembering { a: -3.0, b: 6.0, reference: 14.0, memory, margin: 0.6 };
            let levels = [0.0, 0.2];
            let found = customer.best_cycle(&levels, 8);
            assert_eq!(found.offers.len(), memory + 1, "{found:?}");
            assert!(found.offers[..memory].iter().all(|offer| *offer == 0.0) && found.offers[memory] == 0.2);
            for length in 1..=8_usize {
                for bits in 0..1_u32 << length {
                    let offers: Vec<f64> = (0..length).map(|at| levels[((bits >> at) & 1) as usize]).collect();
                    assert!(customer.cycle(&offers) <= found.brings + 1e-12, "{offers:?}");
                }
            }
            assert!(customer.best_promise(&levels).brings < found.brings, "which is what the guarantee costs");
        }
        let forgets = Remembering { a: -1.0, b: 3.0, reference: 0.0, memory: 3, margin: 0.6 };
        assert_eq!(
            forgets.best_cycle(&[0.0, 0.1, 0.2], 8).offers.len(),
            1,
            "without a memory nothing is gained by turns"
        );
    }

    proptest! {
        #[test]
        fn lamberts_price_brings_more_than_any_other(a in -4.0..4.0, b in 0.001..0.1, cost in 0.0..900.0, other in 0.0..4_000.0) {
            let demand = Logit { a, b, price: 1_000.0 };
            let brings = |paid: f64| demand.at(paid) * (paid - cost);
            let best = demand.best_price(cost);
            prop_assert!(brings(other) <= brings(best) * (1.0 + 1e-9));
        }

        #[test]
        fn to_commit_is_never_worth_less_than_to_move_at_once(
            a in -4.0..4.0, b in 0.0..0.1, cost in 0.0..900.0, prices in prop::collection::vec(400.0..1_000.0, 1..8),
        ) {
            let demand = Logit { a, b, price: 1_000.0 };
            prop_assert!(demand.committed(cost, &prices) >= demand.simultaneous(cost, &prices) - 1e-9);
        }
    }
}
