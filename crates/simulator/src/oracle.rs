//! What each shopper would do under each offer that a shop could commit to, by the truth itself: the policy that nobody can have.

use domain::Rate;

use crate::chance::Purpose;
use crate::crowd::Life;

/// What a shop commits to: a rate, in every week or in every so many-th.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commitment {
    pub rate: Rate,
    /// 1 is every week; with more, whoever waits for the week is rewarded.
    pub every: u32,
}

impl Commitment {
    #[must_use]
    pub fn rate_in(&self, week: u32) -> Rate {
        if week.is_multiple_of(self.every.max(1)) { self.rate } else { Rate::ZERO }
    }
}

/// What the weeks to come bring of a shopper under one commitment; minor units, on average.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Prospect {
    pub margin: f64,
    pub discount: f64,
}

impl Life<'_> {
    /// For every shopper, one after another, what each commitment would bring over so many weeks: the mean over `futures` of
    /// them, whose luck is not that of the life to come. All commitments meet the same futures. `None` once it does not go on.
    #[must_use]
    pub fn prospects(
        &self,
        commitments: &[Commitment],
        weeks: u32,
        futures: u32,
        goes_on: &dyn Fn() -> bool,
    ) -> Option<Vec<Prospect>> {
        let truth = self.crowd().truth();
        let all = self.crowd().shoppers().iter().zip(self.states());
        let mut prospects = Vec::with_capacity(self.states().len() * commitments.len());
        for (number, (shopper, now)) in all.enumerate() {
            if number.is_multiple_of(ASKED_EVERY) && !goes_on() {
                return None;
            }
            for commitment in commitments {
                let tenths = shopper.tenths(truth, commitment.rate);
                // Visits in weeks without the rate, and with it: sums of their probabilities, which vary less than visits.
                let mut visits = [0.0; 2];
                for future in 0..futures {
                    let luck = shopper.chance.other(future);
                    let mut state = *now;
                    let mut here = if state.has_left { 0.0 } else { 1.0 };
                    for week in self.week()..self.week().saturating_add(weeks) {
                        if here == 0.0 {
                            break;
                        }
                        let is_on = week.is_multiple_of(commitment.every.max(1));
                        let offered = if is_on { tenths } else { 0.0 };
                        let comes = shopper.probability(truth, &state, week, offered);
                        visits[usize::from(is_on)] += here * comes;
                        let came = luck.uniform(Purpose::Comes, week, 0) < comes;
                        shopper.remember(truth, &mut state, offered, came);
                        here *= 1.0 - shopper.leaves(truth, &state);
                    }
                }
                let mut prospect = Prospect::default();
                for (visits, tenths) in visits.into_iter().zip([0.0, tenths]) {
                    let visits: f64 = visits / f64::from(futures.max(1));
                    let (margin, discount) = shopper.mean_visit(truth, tenths);
                    prospect.margin += visits * margin;
                    prospect.discount += visits * discount;
                }
                prospects.push(prospect);
            }
        }
        Some(prospects)
    }
}

/// Shoppers between one question whether to go on and the next.
const ASKED_EVERY: usize = 500;
