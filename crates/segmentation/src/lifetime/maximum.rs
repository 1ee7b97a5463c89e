//! The maximum of a smooth function of a few positive numbers: BFGS over their logarithms (Nocedal and Wright 2006, 6.1).

use serde::{Deserialize, Serialize};

use super::LifetimeError;

/// A fitted model, and how the fit went.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fit<M> {
    pub model: M,
    pub log_likelihood: f64,
    pub customers: usize,
    pub iterations: u32,
}

/// Where a function is greatest.
pub(super) struct Top<const N: usize> {
    pub at: [f64; N],
    pub value: f64,
    pub iterations: u32,
}

const ITERATIONS: u32 = 500;
/// Of the gradient over the logarithms, with a mean of a customer as the function.
const FLAT: f64 = 1e-9;
/// A step that gains less than this share of the value gains nothing that the digits could tell.
const NOTHING: f64 = 1e-14;
/// Beyond e^±20 a likelihood is flat: there is no maximum there.
const FARTHEST: f64 = 20.0;

/// The best of several starts. `function` gives its value and its gradient over the numbers themselves.
pub(super) fn maximum<const N: usize>(
    starts: &[[f64; N]],
    function: impl Fn(&[f64; N]) -> (f64, [f64; N]),
) -> Result<Top<N>, LifetimeError> {
    let mut best: Option<Top<N>> = None;
    for start in starts {
        let Some(top) = climb(start, &function) else { continue };
        if best.as_ref().is_none_or(|best| top.value > best.value) {
            best = Some(top);
        }
    }
    best.ok_or(LifetimeError::NoMaximum)
}

fn climb<const N: usize>(start: &[f64; N], function: &impl Fn(&[f64; N]) -> (f64, [f64; N])) -> Option<Top<N>> {
    // Minimises the negative over the logarithms: d/d(ln x) = x d/dx.
    let down = |logs: &[f64; N]| {
        let at = logs.map(f64::exp);
        let (value, gradient) = function(&at);
        (-value, std::array::from_fn(|n| -gradient[n] * at[n]))
    };
    let mut logs: [f64; N] = start.map(f64::ln);
    let (mut value, mut gradient): (f64, [f64; N]) = down(&logs);
    let mut inverse: [[f64; N]; N] =
        std::array::from_fn(|row| std::array::from_fn(|column| f64::from(u8::from(row == column))));
    for iteration in 1..=ITERATIONS {
        if gradient.iter().all(|slope| slope.abs() < FLAT) {
            return found(&logs, value, iteration);
        }
        let mut step: [f64; N] = std::array::from_fn(|row| -dot(&inverse[row], &gradient));
        if dot(&step, &gradient) >= 0.0 {
            // Lost its sense of direction: straight down, and begins to learn anew.
            step = gradient.map(|slope| -slope);
            inverse = std::array::from_fn(|row| std::array::from_fn(|column| f64::from(u8::from(row == column))));
        }
        let longest = step.iter().fold(0.0_f64, |longest, by| longest.max(by.abs()));
        let mut along = if longest > 2.0 { 2.0 / longest } else { 1.0 };
        let slope = dot(&step, &gradient);
        let mut next = None;
        while along > 1e-12 {
            let there: [f64; N] = std::array::from_fn(|n| (logs[n] + along * step[n]).clamp(-FARTHEST, FARTHEST));
            let (lower, steeper) = down(&there);
            if lower.is_finite() && lower <= value + 1e-4 * along * slope {
                next = Some((there, lower, steeper));
                break;
            }
            along /= 2.0;
        }
        // No step goes down any more: as far as the digits reach, this is it.
        let Some((there, lower, steeper)) = next else { return found(&logs, value, iteration) };
        if value - lower <= NOTHING * value.abs() {
            return found(&there, lower, iteration);
        }
        let moved: [f64; N] = std::array::from_fn(|n| there[n] - logs[n]);
        let turned: [f64; N] = std::array::from_fn(|n| steeper[n] - gradient[n]);
        let curved = dot(&moved, &turned);
        if curved > 1e-14 {
            let bent: [f64; N] = std::array::from_fn(|row| dot(&inverse[row], &turned));
            let whole = (1.0 + dot(&turned, &bent) / curved) / curved;
            for row in 0..N {
                for column in 0..N {
                    inverse[row][column] += whole * moved[row] * moved[column]
                        - (bent[row] * moved[column] + moved[row] * bent[column]) / curved;
                }
            }
        }
        (logs, value, gradient) = (there, lower, steeper);
    }
    None
}

fn found<const N: usize>(logs: &[f64; N], value: f64, iterations: u32) -> Option<Top<N>> {
    let inside = logs.iter().all(|log| log.abs() < FARTHEST) && value.is_finite();
    inside.then(|| Top { at: logs.map(f64::exp), value: -value, iterations })
}

fn dot<const N: usize>(a: &[f64; N], b: &[f64; N]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}
