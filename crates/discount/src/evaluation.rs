//! What another policy would have brought, told from the log of the one that was in use: before anything goes live.
//!
//! Each logged decision has the probability with which chance made it. The doubly robust estimate (Dudík, Langford and Li 2011) is
//! right where either those probabilities or the foretold rewards are; the self-normalised one (Swaminathan and Joachims 2015)
//! stands beside it and needs no foretelling. Where the log holds too little of what the other policy would do, the answer is
//! [`Verdict::NotDecidable`] and not a number to be believed.

use serde::{Deserialize, Serialize};

use crate::experiment::Interval;

/// One decision of the log, and what another policy thinks of it.
#[derive(Clone, Debug)]
pub struct Logged<'a> {
    /// Whose decision: what one customer does twice is not seen twice.
    pub customer: u64,
    /// The place of what was done.
    pub action: u8,
    /// The probability with which it was done.
    pub propensity: f64,
    pub reward: f64,
    /// Of each action: the probability with which the other policy would do it.
    pub would: &'a [f64],
    /// Of each action: the reward that a model which has not seen this customer foretells.
    pub foretold: &'a [f64],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The other policy brings more: the interval of its gain is above nothing.
    Better,
    Worse,
    /// The log cannot tell.
    NotDecidable,
}

/// What the other policy would gain a decision over the one in the log.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gain {
    pub robust: Interval,
    pub self_normalised: f64,
    /// By the foretold rewards alone: a diagnosis, wrong wherever they are.
    pub foretold: f64,
    /// As many decisions of the other policy would tell as much (Kish 1965).
    pub effective: f64,
    /// The weight of the decision that weighs most.
    pub heaviest: f64,
    pub verdict: Verdict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    #[error("decision {0}: its propensity is not above 0 and at most 1")]
    Propensity(usize),
    #[error("decision {0}: a reward, or a foretold one, is not a number")]
    Reward(usize),
    #[error("decision {0}: what the other policy would do are not probabilities of the same actions")]
    Probabilities(usize),
    #[error("decisions of at least two customers are needed")]
    TooFew,
}

/// Fewer effective decisions, or a heavier one, and nothing is decided.
const LEAST_EFFECTIVE: f64 = 1_000.0;
const HEAVIEST: f64 = 50.0;
const Z: f64 = 1.959_963_984_540_054;

/// The gain of another policy; decisions of one customer must follow one another.
///
/// # Errors
/// The first decision that makes no sense.
pub fn gain<'a>(log: impl IntoIterator<Item = Logged<'a>>) -> Result<Gain, LogError> {
    // By customer: the sum of what the estimate says, and how many decisions.
    let mut customers: Vec<(u64, f64, f64)> = Vec::new();
    let (mut weights, mut squares, mut heaviest) = (0.0, 0.0, 0.0_f64);
    let (mut weighed, mut rewards, mut foretold) = (0.0, 0.0, 0.0);
    for (place, one) in log.into_iter().enumerate() {
        let action = usize::from(one.action);
        if !(one.propensity > 0.0 && one.propensity <= 1.0) {
            return Err(LogError::Propensity(place));
        }
        if !(one.reward.is_finite() && one.foretold.iter().all(|reward| reward.is_finite())) {
            return Err(LogError::Reward(place));
        }
        let whole: f64 = one.would.iter().sum();
        let are_probabilities = one.would.iter().all(|share| (0.0..=1.0).contains(share)) && (whole - 1.0).abs() < 1e-6;
        if !are_probabilities || one.foretold.len() != one.would.len() || action >= one.would.len() {
            return Err(LogError::Probabilities(place));
        }
        let weight = one.would[action] / one.propensity;
        let would_bring: f64 = one.would.iter().zip(one.foretold).map(|(share, reward)| share * reward).sum();
        let robust = would_bring + weight * (one.reward - one.foretold[action]) - one.reward;
        (weights, squares, heaviest) = (weights + weight, squares + weight * weight, heaviest.max(weight));
        weighed += weight * one.reward;
        (rewards, foretold) = (rewards + one.reward, foretold + would_bring - one.reward);
        match customers.last_mut() {
            Some((customer, sum, count)) if *customer == one.customer => (*sum, *count) = (*sum + robust, *count + 1.0),
            _ => customers.push((one.customer, robust, 1.0)),
        }
    }
    if customers.len() < 2 {
        return Err(LogError::TooFew);
    }
    let decisions: f64 = customers.iter().map(|(_, _, count)| count).sum();
    let estimate = customers.iter().map(|(_, sum, _)| sum).sum::<f64>() / decisions;
    // Of a ratio of sums over customers.
    let deviations = customers.iter().map(|(_, sum, count)| (sum - estimate * count).powi(2)).sum::<f64>();
    let number = customers.len() as f64;
    let error = (deviations * number / (number - 1.0)).sqrt() / decisions;
    let robust = Interval { estimate, low: estimate - Z * error, high: estimate + Z * error };
    let effective = if squares > 0.0 { weights * weights / squares } else { 0.0 };
    let verdict = match robust {
        _ if effective < LEAST_EFFECTIVE || heaviest > HEAVIEST => Verdict::NotDecidable,
        Interval { low, .. } if low > 0.0 => Verdict::Better,
        Interval { high, .. } if high < 0.0 => Verdict::Worse,
        _ => Verdict::NotDecidable,
    };
    Ok(Gain {
        robust,
        self_normalised: if weights > 0.0 { weighed / weights } else { 0.0 } - rewards / decisions,
        foretold: foretold / decisions,
        effective,
        heaviest,
        verdict,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pilot::by_chance;

    const ACTIONS: usize = 4;

    /// Whether somebody of this context buys after this action.
    fn buys(context: f64, action: usize) -> f64 {
        (0.1 + 0.25 * context * action as f64 / 3.0 - 0.04 * action as f64).clamp(0.01, 0.9)
    }

    /// The policy in use: by the context, but a share by chance.
    fn in_use(context: f64, by_chance: f64) -> [f64; ACTIONS] {
        let mut shares = [by_chance / ACTIONS as f64; ACTIONS];
        shares[usize::from(context > 0.8)] += 1.0 - by_chance;
        shares
    }

    /// The other one gives most to who is moved.
    fn other(context: f64) -> [f64; ACTIONS] {
        let mut shares = [0.0; ACTIONS];
        shares[if context > 0.5 { 3 } else { 0 }] = 1.0;
        shares
    }

    struct Row {
        action: u8,
        propensity: f64,
        reward: f64,
        would: [f64; ACTIONS],
        foretold: [f64; ACTIONS],
    }

    impl Row {
        fn of(&self, customer: u64) -> Logged<'_> {
            let Self { action, propensity, reward, would, foretold } = self;
            Logged { customer, action: *action, propensity: *propensity, reward: *reward, would, foretold }
        }
    }

    struct World {
        rows: Vec<Row>,
    }

    impl World {
        /// `off`: by how much the foretold rewards are wrong.
        fn log(seed: u64, rows: u64, chance: f64, off: f64) -> Self {
            let row = |row: u64| {
                let context = by_chance(seed, row, 0);
                let shares = in_use(context, chance);
                let (mut up_to, drawn) = (0.0, by_chance(seed, row, 1));
                let action = (0..ACTIONS).find(|action| {
                    up_to += shares[*action];
                    drawn < up_to
                });
                let action = action.unwrap_or(ACTIONS - 1);
                let reward = f64::from(u8::from(by_chance(seed, row, 2) < buys(context, action)));
                let mut foretold = [0.0; ACTIONS];
                for (action, foretold) in foretold.iter_mut().enumerate() {
                    *foretold = buys(context, action) + off * action as f64;
                }
                Row { action: action as u8, propensity: shares[action], reward, would: other(context), foretold }
            };
            Self { rows: (0..rows).map(row).collect() }
        }

        fn gain(&self) -> Gain {
            gain(self.rows.iter().zip(0..).map(|(row, customer)| row.of(customer))).unwrap()
        }
    }

    /// What the other policy really gains over one that leaves this share to chance.
    fn truth(chance: f64) -> f64 {
        let steps = 10_000;
        let at = |step: i32| {
            let context = (f64::from(step) + 0.5) / f64::from(steps);
            let brings =
                |shares: [f64; ACTIONS]| (0..ACTIONS).map(|action| shares[action] * buys(context, action)).sum::<f64>();
            brings(other(context)) - brings(in_use(context, chance))
        };
        (0..steps).map(at).sum::<f64>() / f64::from(steps)
    }

    #[test]
    fn of_a_hundred_intervals_ninety_five_hold_the_truth_even_where_the_foretelling_is_wrong() {
        for off in [0.0, 0.1] {
            let truth = truth(0.4);
            let (mut covered, mut sum) = (0, 0.0);
            let worlds = 400;
            for seed in 0..worlds {
                let gain = World::log(seed, 4_000, 0.4, off).gain();
                covered += u32::from(gain.robust.covers(truth));
                sum += gain.robust.estimate;
                assert!(off == 0.0 || (gain.foretold - truth).abs() > 0.05, "the model alone is led astray");
            }
            assert!((366..=394).contains(&covered), "{covered} of {worlds}");
            assert!((sum / worlds as f64 - truth).abs() < 0.003, "{} {truth}", sum / worlds as f64);
        }
    }

    #[test]
    fn a_log_that_holds_too_little_decides_nothing() {
        assert_eq!(World::log(1, 60_000, 0.4, 0.0).gain().verdict, Verdict::Better);
        let few = World::log(1, 600, 0.4, 0.0).gain();
        assert!(few.effective < 600.0 && few.verdict == Verdict::NotDecidable);
        let nearly_nothing_by_chance = World::log(1, 60_000, 0.01, 0.0).gain();
        assert!(nearly_nothing_by_chance.heaviest > 50.0 && nearly_nothing_by_chance.verdict == Verdict::NotDecidable);
    }

    #[test]
    fn what_one_customer_does_many_times_is_not_many_customers() {
        let world = World::log(3, 500, 0.4, 0.0);
        let once = world.gain();
        let often = world.rows.iter().zip(0..).flat_map(|(row, customer)| std::iter::repeat_n(row.of(customer), 9));
        let nine = gain(often).unwrap();
        assert!((nine.robust.estimate - once.robust.estimate).abs() < 1e-12);
        assert!((nine.robust.high - once.robust.high).abs() < 1e-12);
    }

    #[test]
    fn nonsense_is_named() {
        let one = || Logged {
            customer: 1,
            action: 0,
            propensity: 0.5,
            reward: 1.0,
            would: &[1.0, 0.0],
            foretold: &[0.5, 0.5],
        };
        let error = |change: fn(&mut Logged<'static>)| {
            let mut wrong = one();
            change(&mut wrong);
            gain([wrong]).unwrap_err()
        };
        assert_eq!(error(|one| one.propensity = 0.0), LogError::Propensity(0));
        assert_eq!(error(|one| one.propensity = f64::NAN), LogError::Propensity(0));
        assert_eq!(error(|one| one.reward = f64::INFINITY), LogError::Reward(0));
        assert_eq!(error(|one| one.would = &[0.7, 0.7]), LogError::Probabilities(0));
        assert_eq!(error(|one| one.action = 9), LogError::Probabilities(0));
        assert_eq!(gain([one()]), Err(LogError::TooFew));
        assert_eq!(gain([]), Err(LogError::TooFew));
    }
}
