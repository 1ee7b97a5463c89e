//! The fit: kinds by expectation and maximisation, what all share by scoring, in turns.

use serde::{Deserialize, Serialize};

use super::baskets::Baskets;
use super::belief::{leave, step};
use super::{Effects, History, Kinds, Levels, Memory, Response, odds, tenths};

/// Customers by whom it is found what all share, and then how the kinds are spread; of more, every so many-th.
const SHARED_BY: usize = 2_000;
const SPREAD_OVER: usize = 50_000;
const ROUNDS: usize = 4;
const SCORING: usize = 2;
/// Turns of expectation and maximisation: few enough that the spread stays smooth.
const MIXING: usize = 25;
const LAST_MIXING: usize = 20;
/// Rarer kinds are dropped, until the last mixing and from the model.
const RARE: f32 = 1e-3;
const RAREST: f32 = 2e-4;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FitReport {
    pub customers: usize,
    pub visits: u64,
    /// Of the customers looked at, natural, a customer-week.
    pub log_likelihood: f64,
    pub kinds: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FitError {
    #[error("at least {0} customers with as many purchases are needed")]
    TooFew(usize),
    #[error("of every week it must be known what was offered and what was bought")]
    Ragged,
    #[error("an offer is not one of the levels")]
    Level,
    #[error("an amount is not a number, or below zero")]
    NotANumber,
    #[error("stopped before the end")]
    Stopped,
}

/// Fits to logged offers. They must have differed by chance: from a log in which everybody always got the same nothing can be
/// learned, and the spread of answers is then as wide as the grid.
///
/// # Errors
/// When there is too little, or the histories do not fit together.
pub fn fit(histories: &[History], levels: &Levels) -> Result<(Response, FitReport), FitError> {
    fit_told(histories, levels, &|_| true)
}

/// The same for who waits: `told` is given what of it is done, from 0 to 1, and says whether to go on.
///
/// # Errors
/// As [`fit`], and [`FitError::Stopped`].
pub fn fit_told(
    histories: &[History],
    levels: &Levels,
    told: &dyn Fn(f64) -> bool,
) -> Result<(Response, FitReport), FitError> {
    const FEWEST: usize = 50;
    if histories.iter().any(|one| one.offered.len() != one.bought.len()) {
        return Err(FitError::Ragged);
    }
    if histories.iter().flat_map(|one| &one.offered).any(|level| usize::from(*level) >= levels.rates().len()) {
        return Err(FitError::Level);
    }
    let is_amount = |amount: f32| amount.is_finite() && amount >= 0.0;
    let bought = || histories.iter().flat_map(|one| &one.bought).flatten();
    if bought().any(|one| ![one.gross, one.cost, one.discount].into_iter().all(is_amount)) {
        return Err(FitError::NotANumber);
    }
    let visits = bought().count();
    if histories.len() < FEWEST || visits < FEWEST {
        return Err(FitError::TooFew(FEWEST));
    }
    let mut fitting = Fitting {
        sample: every_so_many(histories, SHARED_BY),
        levels,
        kinds: grid(),
        effects: start(),
        odds: Vec::new(),
    };
    // A round, and the last mixing over many more customers, take about as long.
    let go_on = |steps: usize| {
        let done = steps as f64 / (ROUNDS * (SCORING + 1) + 2) as f64;
        if told(done) { Ok(()) } else { Err(FitError::Stopped) }
    };
    let mut steps = 0..;
    for _ in 0..ROUNDS {
        go_on(steps.next().unwrap_or_default())?;
        fitting.mix(MIXING);
        fitting.kinds = fitting.kinds.without(RARE);
        for _ in 0..SCORING {
            go_on(steps.next().unwrap_or_default())?;
            fitting.score();
        }
    }
    go_on(steps.next().unwrap_or_default())?;
    fitting.sample = every_so_many(histories, SPREAD_OVER);
    fitting.kinds = grid();
    fitting.mix(LAST_MIXING);
    fitting.kinds = fitting.kinds.without(RAREST);
    fitting.odds = odds(levels, &fitting.kinds);
    go_on(steps.next().unwrap_or_default())?;
    let log_likelihood: f64 = fitting.each(&fitting.effects).iter().sum();
    let weeks: usize = fitting.sample.iter().map(|history| history.offered.len()).sum();
    let report = FitReport {
        customers: histories.len(),
        visits: visits as u64,
        log_likelihood: log_likelihood / weeks as f64,
        kinds: fitting.kinds.len(),
    };
    let Fitting { effects, kinds, .. } = fitting;
    let baskets = Baskets::of(histories, levels);
    let response = Response {
        levels: levels.clone(),
        effects,
        kinds,
        taken_off: baskets.taken_off,
        larger: baskets.larger,
        gross: baskets.gross,
        cost_share: baskets.cost_share,
        gross_weight: baskets.gross_weight,
        odds: Vec::new(),
    };
    Ok((response.ready(), report))
}

fn start() -> Effects {
    Effects {
        reference: 0.1,
        reference_keeps: 0.8,
        patience: 0.1,
        habit: 0.5,
        habit_keeps: 0.8,
        rest: 0.1,
        season: [0.0; 2],
        leaving: 0.005,
    }
}

/// From hardly ever to always, and from deaf to where half of the grid's step would do.
fn grid() -> Kinds {
    let answers: Vec<f32> = std::iter::once(0.0).chain((0..12).map(|step| 0.06 * 1.42_f32.powi(step))).collect();
    let mut kinds = Kinds { a: Vec::new(), b: Vec::new(), share: Vec::new() };
    for step in 0..20 {
        for answer in &answers {
            kinds.a.push(-6.0 + 0.5 * step as f32);
            kinds.b.push(*answer);
        }
    }
    kinds.share = vec![1.0 / kinds.a.len() as f32; kinds.a.len()];
    kinds
}

impl Kinds {
    fn without(&self, rarer: f32) -> Self {
        let keeps: Vec<usize> = (0..self.len()).filter(|kind| self.share[*kind] >= rarer).collect();
        let whole: f32 = keeps.iter().map(|kind| self.share[*kind]).sum();
        let of = |all: &[f32]| keeps.iter().map(|kind| all[*kind]).collect::<Vec<_>>();
        let share = of(&self.share).into_iter().map(|share| share / whole).collect();
        Self { a: of(&self.a), b: of(&self.b), share }
    }
}

fn every_so_many(histories: &[History], at_most: usize) -> Vec<&History> {
    histories.iter().step_by(histories.len().div_ceil(at_most)).collect()
}

struct Fitting<'a> {
    sample: Vec<&'a History>,
    levels: &'a Levels,
    kinds: Kinds,
    effects: Effects,
    odds: Vec<f32>,
}

impl Fitting<'_> {
    /// A customer's likelihood under each kind, up to a factor whose logarithm is returned.
    fn likelihood(&self, history: &History, effects: &Effects, here: &mut [f32], gone: &mut [f32]) -> f64 {
        here.fill(1.0);
        gone.fill(0.0);
        let kinds = self.kinds.len();
        let (mut memory, mut log) = (Memory::default(), 0.0_f64);
        for ((week, level), bought) in (history.first_week..).zip(&history.offered).zip(&history.bought) {
            let tenths = tenths(self.levels.rates()[usize::from(*level)]);
            let shared = effects.shared(&memory, week, tenths);
            let odds = &self.odds[usize::from(*level) * kinds..][..kinds];
            log += f64::from(step(odds, shared, bought.is_some(), here, gone)).ln();
            memory.after(effects, tenths, bought.is_some());
            leave(effects.leaving * (1.0 - memory.habit), here, gone);
        }
        for (here, gone) in here.iter_mut().zip(gone) {
            *here += *gone;
        }
        log
    }

    /// The shares of kinds, by expectation and maximisation.
    fn mix(&mut self, times: usize) {
        self.odds = odds(self.levels, &self.kinds);
        let kinds = self.kinds.len();
        let mut all = vec![0.0_f32; self.sample.len() * kinds];
        let mut gone = vec![0.0; kinds];
        for (history, here) in self.sample.iter().zip(all.chunks_exact_mut(kinds)) {
            self.likelihood(history, &self.effects, here, &mut gone);
        }
        for _ in 0..times {
            let mut sums = vec![0.0_f32; kinds];
            for row in all.chunks_exact(kinds) {
                let whole: f32 = row.iter().zip(&self.kinds.share).map(|(l, share)| l * share).sum();
                if whole > 0.0 {
                    let scale = whole.recip();
                    for ((sum, l), share) in sums.iter_mut().zip(row).zip(&self.kinds.share) {
                        *sum += l * share * scale;
                    }
                }
            }
            let whole: f32 = sums.iter().sum();
            self.kinds.share = sums.into_iter().map(|sum| sum / whole.max(f32::MIN_POSITIVE)).collect();
        }
    }

    /// Each customer's log-likelihood.
    fn each(&self, effects: &Effects) -> Vec<f64> {
        let kinds = self.kinds.len();
        let (mut here, mut gone) = (vec![0.0; kinds], vec![0.0; kinds]);
        let one = |history: &&History| {
            let log = self.likelihood(history, effects, &mut here, &mut gone);
            let mixed: f32 = here.iter().zip(&self.kinds.share).map(|(l, share)| l * share).sum();
            log + f64::from(mixed.max(f32::MIN_POSITIVE)).ln()
        };
        self.sample.iter().map(one).collect()
    }

    /// One step of scoring (Berndt, Hall, Hall and Hausman 1974): the customers' own gradients say how steep the hill is.
    fn score(&mut self) {
        self.odds = odds(self.levels, &self.kinds);
        let at = free(&self.effects);
        let now = self.each(&self.effects);
        let sum = |all: &[f64]| all.iter().sum::<f64>();
        const NUDGE: f64 = 1e-2;
        let slopes: Vec<Vec<f64>> = (0..at.len())
            .map(|place| {
                let mut nudged = at;
                nudged[place] += NUDGE;
                let there = self.each(&bound(&nudged));
                there.iter().zip(&now).map(|(there, now)| (there - now) / NUDGE).collect()
            })
            .collect();
        let mut matrix = [[0.0; FREE]; FREE];
        let mut gradient = [0.0; FREE];
        for row in 0..FREE {
            gradient[row] = sum(&slopes[row]);
            for column in 0..FREE {
                matrix[row][column] = slopes[row].iter().zip(&slopes[column]).map(|(a, b)| a * b).sum();
            }
            // Where nothing is to be learned nothing moves.
            matrix[row][row] += 1.0 + 1e-6 * matrix[row][row];
        }
        let direction = solve(matrix, gradient);
        let before = sum(&now);
        let mut length = 1.0;
        while length > 0.02 {
            let mut there = at;
            for (value, towards) in there.iter_mut().zip(direction) {
                *value += (length * towards).clamp(-2.0, 2.0);
            }
            let effects = bound(&there);
            let after = sum(&self.each(&effects));
            if after > before {
                self.effects = effects;
                return;
            }
            length /= 3.0;
        }
    }
}

const FREE: usize = 9;

/// Effects as numbers without bounds.
fn free(effects: &Effects) -> [f64; FREE] {
    let logit = |share: f64| (share / (1.0 - share)).ln();
    [
        effects.reference,
        effects.habit,
        effects.rest,
        effects.season[0],
        effects.season[1],
        logit(effects.reference_keeps),
        logit(effects.habit_keeps),
        logit(effects.leaving),
        effects.patience,
    ]
}

fn bound(free: &[f64; FREE]) -> Effects {
    let share = |x: f64, low: f64, high: f64| (1.0 / (1.0 + (-x).exp())).clamp(low, high);
    Effects {
        reference: free[0].clamp(0.0, 10.0),
        habit: free[1].clamp(-5.0, 10.0),
        rest: free[2].clamp(-5.0, 10.0),
        season: [free[3].clamp(-5.0, 5.0), free[4].clamp(-5.0, 5.0)],
        reference_keeps: share(free[5], 0.05, 0.98),
        habit_keeps: share(free[6], 0.05, 0.98),
        leaving: share(free[7], 1e-6, 0.5),
        patience: free[8].clamp(0.0, 10.0),
    }
}

/// Of a symmetric matrix above zero: Cholesky.
fn solve(matrix: [[f64; FREE]; FREE], right: [f64; FREE]) -> [f64; FREE] {
    let dot = |one: &[f64], two: &[f64]| one.iter().zip(two).map(|(one, two)| one * two).sum::<f64>();
    let mut lower = [[0.0; FREE]; FREE];
    for row in 0..FREE {
        for column in 0..row {
            let rest = matrix[row][column] - dot(&lower[row][..column], &lower[column][..column]);
            lower[row][column] = rest / lower[column][column];
        }
        let rest = matrix[row][row] - dot(&lower[row][..row], &lower[row][..row]);
        lower[row][row] = rest.max(1e-12).sqrt();
    }
    let mut halfway = [0.0; FREE];
    for row in 0..FREE {
        halfway[row] = (right[row] - dot(&lower[row][..row], &halfway[..row])) / lower[row][row];
    }
    let mut solved = [0.0; FREE];
    for row in (0..FREE).rev() {
        let below: f64 = (row + 1..FREE).map(|below| lower[below][row] * solved[below]).sum();
        solved[row] = (halfway[row] - below) / lower[row][row];
    }
    solved
}

#[cfg(test)]
mod tests {
    use domain::Rate;

    use super::*;
    use crate::pilot::{self, by_chance};
    use crate::response::{Basket, Belief};

    fn levels() -> Levels {
        Levels::new([0, 500, 1_000, 1_500, 2_000, 2_500].map(Rate).to_vec()).unwrap()
    }

    fn truth() -> Effects {
        Effects {
            reference: 0.3,
            reference_keeps: 0.85,
            patience: 0.4,
            habit: 1.0,
            habit_keeps: 0.8,
            rest: 0.4,
            season: [0.3, -0.2],
            leaving: 0.01,
        }
    }

    /// Customers as the model has them: half are deaf, the others gain 0.8 by ten percent; all are at -1.
    fn log(customers: u64, weeks: u32) -> Vec<History> {
        let (levels, effects) = (levels(), truth());
        let one = |customer: u64| {
            let b = if customer.is_multiple_of(2) { 0.0 } else { 0.8 };
            let (mut memory, mut here, mut history) = (Memory::default(), true, History::default());
            for week in 0..weeks {
                let (level, _) = pilot::offer(levels.rates().len(), 3, customer, u64::from(week));
                let tenths = tenths(levels.rates()[usize::from(level)]);
                let odds = -1.0 + b * tenths + effects.shared(&memory, week, tenths);
                let draw = |round: u64| by_chance(17 + round, customer, u64::from(week));
                let came = here && draw(0) < 1.0 / (1.0 + (-odds).exp());
                memory.after(&effects, tenths, came);
                here = here && draw(1) >= effects.leaving * (1.0 - memory.habit);
                // Some spend twice as much as others, a third of it cost; ten percent make it a tenth more.
                let gross = (400.0 + 400.0 * (customer % 3) as f64) * (1.0 + 0.1 * tenths) * (0.5 + draw(2));
                let gross = gross as f32;
                let discount = gross * tenths as f32 / 10.0;
                history.offered.push(level);
                history.bought.push(came.then_some(Basket { gross, cost: gross / 3.0, discount }));
            }
            history
        };
        (0..customers).map(one).collect()
    }

    #[test]
    fn what_was_planted_is_found_again() {
        let log = log(4_000, 80);
        let (response, report) = fit(&log, &levels()).unwrap();
        let (found, planted) = (response.effects, truth());
        let near =
            |found: f64, planted: f64, by: f64| assert!((found - planted).abs() < by, "{found} {planted}: {report:?}");
        near(found.reference, planted.reference, 0.12);
        near(found.patience, planted.patience, 0.15);
        near(found.habit, planted.habit, 0.2);
        near(found.rest, planted.rest, 0.12);
        near(found.season[0], planted.season[0], 0.08);
        near(found.season[1], planted.season[1], 0.08);
        near(found.leaving, planted.leaving, 0.003);
        near(response.larger, 0.1, 0.02);
        near(response.cost_share, 1.0 / 3.0, 0.01);
        near(response.taken_off[2], 0.1, 0.001);
        // Half are deaf, and the mean answer is 0.4.
        let share = |of: &dyn Fn(f32) -> bool| {
            let kinds = response.kinds.b.iter().zip(&response.kinds.share);
            f64::from(kinds.filter(|(b, _)| of(**b)).map(|(_, share)| share).sum::<f32>())
        };
        near(share(&|b| b < 0.3), 0.5, 0.12);
        let mean: f32 = response.kinds.b.iter().zip(&response.kinds.share).map(|(b, share)| b * share).sum();
        near(f64::from(mean), 0.4, 0.06);
        // And who is who is mostly known after a while.
        let answers = |history: &History| {
            let belief = Belief::of(&response, history);
            let here: f32 = belief.here().iter().sum();
            let b: f32 = belief.here().iter().zip(&response.kinds.b).map(|(here, b)| here * b).sum();
            (here > 0.5).then_some(b / here)
        };
        let right = |odd: usize| {
            let told: Vec<f32> = log.iter().skip(odd).step_by(2).filter_map(answers).collect();
            told.iter().filter(|b| (**b > 0.4) == (odd == 1)).count() as f64 / told.len() as f64
        };
        assert!(right(0) > 0.75 && right(1) > 0.75, "{} {}", right(0), right(1));
        // The value is stored and read whole.
        let stored = serde_json::to_string(&response).unwrap();
        assert_eq!(serde_json::from_str::<Response>(&stored).unwrap().ready(), response);
    }

    #[test]
    fn what_cannot_be_learned_from_is_refused() {
        let log = log(200, 20);
        assert_eq!(fit(&[], &levels()).unwrap_err(), FitError::TooFew(50));
        assert_eq!(fit(&log[..20], &levels()).unwrap_err(), FitError::TooFew(50));
        let mut ragged = log.clone();
        ragged[7].bought.pop();
        assert_eq!(fit(&ragged, &levels()).unwrap_err(), FitError::Ragged);
        let mut unknown = log.clone();
        unknown[7].offered[3] = 6;
        assert_eq!(fit(&unknown, &levels()).unwrap_err(), FitError::Level);
        let mut hostile = log;
        for history in hostile.iter_mut().step_by(3) {
            for bought in history.bought.iter_mut().flatten() {
                bought.gross = f32::NAN;
            }
        }
        assert_eq!(fit(&hostile, &levels()).unwrap_err(), FitError::NotANumber);
    }

    #[test]
    fn a_fit_can_be_stopped_and_says_how_far_it_is() {
        let (log, told) = (log(200, 20), std::cell::RefCell::new(Vec::new()));
        let watch = |most: usize| {
            let told = &told;
            move |done: f64| {
                told.borrow_mut().push(done);
                told.borrow().len() < most
            }
        };
        assert!(fit_told(&log, &levels(), &watch(usize::MAX)).is_ok());
        let whole = told.take();
        assert!(whole.is_sorted() && whole[0] == 0.0 && whole.last().is_some_and(|last| (0.8..1.0).contains(last)));
        for most in [1, 5, whole.len()] {
            assert_eq!(fit_told(&log, &levels(), &watch(most)).unwrap_err(), FitError::Stopped);
            told.take();
        }
    }

    /// Offers that never differ teach nothing about answers, but must not break anything either.
    #[test]
    fn a_log_of_one_offer_gives_a_model_of_numbers() {
        let mut log = log(300, 30);
        for level in log.iter_mut().flat_map(|history| &mut history.offered) {
            *level = 2;
        }
        let (response, _) = fit(&log, &levels()).unwrap();
        assert_eq!(response.check(), Ok(()));
    }
}
