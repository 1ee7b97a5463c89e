//! What is believed of one customer, and kept up week by week.

use super::{Effects, History, Response, tenths};

/// What is known of a customer without any doubt.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Memory {
    /// The offers that they are used to, in tenths, and those after a week in which they came or did not.
    pub remembered: f64,
    pub after_coming: f64,
    pub after_waiting: f64,
    /// 0 to 1.
    pub habit: f64,
    pub came: bool,
}

impl Memory {
    pub(crate) fn after(&mut self, effects: &Effects, tenths: f64, came: bool) {
        let blend = |keeps: f64, old: f64, new: f64| keeps * old + (1.0 - keeps) * new;
        self.remembered = blend(effects.reference_keeps, self.remembered, tenths);
        let led = if self.came { &mut self.after_coming } else { &mut self.after_waiting };
        *led = blend(effects.reference_keeps, *led, tenths);
        self.habit = blend(effects.habit_keeps, self.habit, f64::from(u8::from(came)));
        self.came = came;
    }
}

/// A probability for each kind, and for each kind of still being a customer.
#[derive(Clone, Debug, PartialEq)]
pub struct Belief {
    pub memory: Memory,
    /// Of this kind and here; and of this kind and gone. All of both together are one.
    here: Vec<f32>,
    gone: Vec<f32>,
    visits: u32,
    gross: f64,
    cost: f64,
}

impl Belief {
    /// Of somebody of whom nothing is known.
    #[must_use]
    pub fn new(response: &Response) -> Self {
        let here = response.kinds.share.clone();
        let gone = vec![0.0; here.len()];
        Self { memory: Memory::default(), here, gone, visits: 0, gross: 0.0, cost: 0.0 }
    }

    /// Of somebody whose weeks were logged.
    #[must_use]
    pub fn of(response: &Response, history: &History) -> Self {
        let mut belief = Self::new(response);
        for ((week, level), bought) in (history.first_week..).zip(&history.offered).zip(&history.bought) {
            belief.learn(response, week, *level, *bought);
        }
        belief
    }

    /// How likely they were thought to come in this week at this level.
    #[must_use]
    pub fn comes(&self, response: &Response, week: u32, level: u8) -> f64 {
        let level = level.min(response.levels.highest());
        let tenths = tenths(response.levels.rates()[usize::from(level)]);
        let scale = (-response.effects.shared(&self.memory, week, tenths).clamp(-40.0, 40.0)).exp() as f32;
        let each = response.odds_at(level).iter().zip(&self.here).map(|(odds, here)| here / (1.0 + odds * scale));
        f64::from(each.sum::<f32>())
    }

    /// The same, had nothing been seen of what they buy when they come.
    #[must_use]
    pub(crate) fn without_baskets(&self) -> Self {
        Self { visits: 0, gross: 0.0, cost: 0.0, ..self.clone() }
    }

    /// The same, had nothing been seen of when they come.
    #[must_use]
    pub(crate) fn without_visits(&self, response: &Response) -> Self {
        let Self { visits, gross, cost, .. } = *self;
        Self { visits, gross, cost, ..Self::new(response) }
    }

    /// A week went by. A level that there is not is taken for the highest.
    pub fn learn(&mut self, response: &Response, week: u32, level: u8, bought: Option<super::Basket>) {
        let level = level.min(response.levels.highest());
        let tenths = tenths(response.levels.rates()[usize::from(level)]);
        let shared = response.effects.shared(&self.memory, week, tenths);
        step(response.odds_at(level), shared, bought.is_some(), &mut self.here, &mut self.gone);
        self.memory.after(&response.effects, tenths, bought.is_some());
        let leaves = response.effects.leaving * (1.0 - self.memory.habit);
        leave(leaves, &mut self.here, &mut self.gone);
        if let Some(bought) = bought {
            self.visits += 1;
            // As it would have been without a discount.
            self.gross += f64::from(bought.gross) / (1.0 + response.larger * tenths).max(0.1);
            self.cost += f64::from(bought.cost) / (1.0 + response.larger * tenths).max(0.1);
        }
    }

    /// The probability of each kind that is still here; together, of being here.
    #[must_use]
    pub fn here(&self) -> &[f32] {
        &self.here
    }

    /// A purchase at shelf prices without a discount, and its cost, as is to be expected of them; minor units.
    #[must_use]
    pub fn basket(&self, response: &Response) -> (f64, f64) {
        let weight = f64::from(self.visits) + response.gross_weight;
        let gross = (self.gross + response.gross_weight * response.gross) / weight;
        let cost = (self.cost + response.gross_weight * response.gross * response.cost_share) / weight;
        (gross, cost)
    }
}

/// Bayes' rule over one week; what it was worth is returned, so that its logarithms add up to the likelihood.
pub(crate) fn step(odds: &[f32], shared: f64, came: bool, here: &mut [f32], gone: &mut [f32]) -> f32 {
    let scale = (-shared.clamp(-40.0, 40.0)).exp() as f32;
    let mut all = 0.0_f32;
    if came {
        for ((odds, here), gone) in odds.iter().zip(&mut *here).zip(&mut *gone) {
            *here /= 1.0 + odds * scale;
            *gone = 0.0;
            all += *here;
        }
    } else {
        for ((odds, here), gone) in odds.iter().zip(&mut *here).zip(&mut *gone) {
            *here -= *here / (1.0 + odds * scale);
            all += *here + *gone;
        }
    }
    let all = all.max(f32::MIN_POSITIVE);
    let whole = all.recip();
    for (here, gone) in here.iter_mut().zip(gone) {
        *here *= whole;
        *gone *= whole;
    }
    all
}

pub(crate) fn leave(leaves: f64, here: &mut [f32], gone: &mut [f32]) {
    let leaves = leaves.clamp(0.0, 1.0) as f32;
    for (here, gone) in here.iter_mut().zip(gone) {
        *gone += *here * leaves;
        *here -= *here * leaves;
    }
}

#[cfg(test)]
mod tests {
    use domain::Rate;

    use super::*;
    use crate::response::{Basket, Kinds, Levels};

    fn response() -> Response {
        Response {
            levels: Levels::new(vec![Rate(0), Rate(1_000)]).unwrap(),
            effects: Effects {
                reference: 0.2,
                reference_keeps: 0.7,
                patience: 0.3,
                habit: 0.9,
                habit_keeps: 0.6,
                rest: 0.3,
                season: [0.1, 0.2],
                leaving: 0.2,
            },
            kinds: Kinds { a: vec![-1.0, 0.5, -2.0], b: vec![0.0, 0.4, 1.5], share: vec![0.5, 0.2, 0.3] },
            taken_off: vec![0.0, 0.1],
            larger: 0.0,
            gross: 500.0,
            cost_share: 0.4,
            gross_weight: 3.0,
            odds: Vec::new(),
        }
        .ready()
    }

    /// By the definition: every kind and every week in which they may have left, weighed by what was seen.
    #[test]
    fn belief_is_bayes_rule_over_kinds_and_weeks_of_leaving() {
        let response = response();
        let seen = [(0, true), (1, false), (1, true), (0, false), (1, false), (0, false)];
        let mut belief = Belief::new(&response);
        for (week, (level, came)) in (10..).zip(seen) {
            belief.learn(&response, week, level, came.then_some(Basket { gross: 600.0, cost: 240.0, discount: 0.0 }));
        }
        let kinds = 0..3;
        let mut here = [0.0; 3];
        let mut whole = 0.0;
        for kind in kinds {
            let (a, b) = (f64::from(response.kinds.a[kind]), f64::from(response.kinds.b[kind]));
            // Left after this many weeks; as many as were seen is not at all.
            for left_after in 1..=seen.len() + 1 {
                let (mut memory, mut likelihood) = (Memory::default(), f64::from(response.kinds.share[kind]));
                for (place, (level, came)) in seen.into_iter().enumerate() {
                    let week = 10 + place as u32;
                    let tenths = f64::from(level);
                    let odds = a + b * tenths + response.effects.shared(&memory, week, tenths);
                    let comes = if place >= left_after { 0.0 } else { 1.0 / (1.0 + (-odds).exp()) };
                    likelihood *= if came { comes } else { 1.0 - comes };
                    memory.after(&response.effects, tenths, came);
                    let leaves = response.effects.leaving * (1.0 - memory.habit);
                    if place + 1 == left_after {
                        likelihood *= leaves;
                    } else if place + 1 < left_after {
                        likelihood *= 1.0 - leaves;
                    }
                }
                whole += likelihood;
                if left_after > seen.len() {
                    here[kind] += likelihood;
                }
            }
        }
        for (found, wanted) in belief.here().iter().zip(here) {
            assert!((f64::from(*found) - wanted / whole).abs() < 1e-5, "{found} {}", wanted / whole);
        }
        // Two purchases of 600 beside three like everybody's of 500.
        let (gross, cost) = belief.basket(&response);
        assert!((gross - 540.0).abs() < 1e-3 && (cost - 216.0).abs() < 1e-3, "{gross} {cost}");
    }

    #[test]
    fn a_stored_response_that_is_none_is_found_out() {
        use crate::response::ResponseError;
        assert_eq!(response().check(), Ok(()));
        let broken = |change: fn(&mut Response)| {
            let mut response = response();
            change(&mut response);
            response.check().unwrap_err()
        };
        assert_eq!(broken(|one| one.effects.habit = f64::NAN), ResponseError::NotANumber);
        assert_eq!(broken(|one| one.kinds.a[1] = f32::INFINITY), ResponseError::NotANumber);
        assert_eq!(broken(|one| one.kinds.b[1] = -0.1), ResponseError::NotANumber);
        assert_eq!(broken(|one| one.kinds.share.clear()), ResponseError::Ragged);
        assert_eq!(broken(|one| one.taken_off.push(0.2)), ResponseError::Ragged);
        assert_eq!(broken(|one| one.gross = 1e300), ResponseError::NotANumber);
        assert_eq!(broken(|one| one.odds.clear()), ResponseError::NotReady);
        // And what is asked of it beyond its levels does not break it.
        Belief::new(&response()).learn(&response(), u32::MAX, 200, None);
    }
}
