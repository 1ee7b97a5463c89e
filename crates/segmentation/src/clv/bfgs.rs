//! The least value of a smooth function of a few positive numbers, by BFGS over their logarithms (Nocedal and Wright
//! 2006, algorithm 6.1) with a weak Wolfe line search by bracketing (Lewis and Overton 2013) that also knows when the
//! digits of the function end (Hager and Zhang 2005, approximate Wolfe).

/// Where a search ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Minimum<const N: usize> {
    /// The logarithms of the numbers.
    pub logs: [f64; N],
    pub value: f64,
    /// Euclidean, over the logarithms.
    pub gradient_norm: f64,
    pub iterations: u32,
    pub evaluations: u32,
}

/// The gradient is flat under this.
const FLAT: f64 = 1e-8;
/// Where the digits end before that, this is flat enough.
const FLAT_ENOUGH: f64 = 1e-5;
/// Values that differ by less are the same value, to the digits of a sum over many customers; the slope tells more than
/// they do.
const DIGITS: f64 = 1e-12;
/// Beyond e^±20 nothing is looked for: what tends there has no minimum.
const FARTHEST: f64 = 20.0;
/// A later start that comes this close to where an earlier one ended would only end there again.
const MET: f64 = 0.01;

struct Point<const N: usize> {
    logs: [f64; N],
    value: f64,
    gradient: [f64; N],
}

/// The best of several starts, given as the numbers themselves; `function` takes the numbers and gives its value and
/// its gradient over them. Iterations and evaluations are those of all starts together.
///
/// # Errors
/// Where the best start ended, if none ended in a flat place.
pub(super) fn minimise<const N: usize>(
    starts: &[[f64; N]],
    max_iterations: u32,
    function: impl Fn(&[f64; N]) -> (f64, [f64; N]),
) -> Result<Minimum<N>, Minimum<N>> {
    let mut best: Option<Minimum<N>> = None;
    let (mut iterations, mut evaluations) = (0, 0);
    for start in starts {
        let known = best.filter(|best| best.gradient_norm <= FLAT_ENOUGH).map(|best| best.logs);
        let found = descend(start.map(f64::ln), known, max_iterations, &function);
        iterations += found.iterations;
        evaluations += found.evaluations;
        let better = best.is_none_or(|best| {
            let (flat, was_flat) = (found.gradient_norm <= FLAT_ENOUGH, best.gradient_norm <= FLAT_ENOUGH);
            if flat == was_flat { found.value < best.value } else { flat }
        });
        if better && !known.is_some_and(|known| meets(&known, &found.logs)) {
            best = Some(found);
        }
    }
    let nowhere = Minimum { logs: [0.0; N], value: f64::NAN, gradient_norm: f64::NAN, iterations, evaluations };
    let best = best.map_or(nowhere, |best| Minimum { iterations, evaluations, ..best });
    if best.value.is_finite() && best.gradient_norm <= FLAT_ENOUGH { Ok(best) } else { Err(best) }
}

fn descend<const N: usize>(
    start: [f64; N],
    known: Option<[f64; N]>,
    max_iterations: u32,
    function: &impl Fn(&[f64; N]) -> (f64, [f64; N]),
) -> Minimum<N> {
    let mut evaluations = 0;
    let mut look = |logs: [f64; N]| {
        if logs.iter().any(|log| log.is_nan() || log.abs() > FARTHEST) {
            return Point { logs, value: f64::INFINITY, gradient: [0.0; N] };
        }
        evaluations += 1;
        let at = logs.map(f64::exp);
        let (value, gradient) = function(&at);
        // d/d(ln x) = x d/dx.
        Point { logs, value, gradient: std::array::from_fn(|n| gradient[n] * at[n]) }
    };
    let mut here = look(start);
    let mut inverse = diagonal(1.0);
    let mut iterations = 0;
    while iterations < max_iterations && norm(&here.gradient) > FLAT {
        if known.is_some_and(|known| meets(&known, &here.logs)) {
            break;
        }
        let mut step: [f64; N] = std::array::from_fn(|row| -dot(&inverse[row], &here.gradient));
        if dot(&step, &here.gradient) >= 0.0 {
            // The curvature that was learned leads uphill: forget it.
            inverse = diagonal(1.0);
            step = here.gradient.map(|slope| -slope);
        }
        // A step of more than e^2 at once trusts the curvature too far; the very first one knows none.
        let longest = step.iter().fold(0.0_f64, |longest, by| longest.max(by.abs()));
        let first = if longest > 2.0 { 2.0 / longest } else { 1.0 };
        let Some(next) = search(&here, &step, first, &mut look) else { break };
        iterations += 1;
        let moved: [f64; N] = std::array::from_fn(|n| next.logs[n] - here.logs[n]);
        let turned: [f64; N] = std::array::from_fn(|n| next.gradient[n] - here.gradient[n]);
        let curvature = dot(&moved, &turned);
        if curvature > 0.0 {
            if iterations == 1 {
                inverse = diagonal(curvature / dot(&turned, &turned));
            }
            learn(&mut inverse, &moved, &turned, curvature);
        }
        here = next;
    }
    Minimum { logs: here.logs, value: here.value, gradient_norm: norm(&here.gradient), iterations, evaluations }
}

/// A point along the step where the function fell enough and flattened enough; None where the digits end.
fn search<const N: usize>(
    here: &Point<N>,
    step: &[f64; N],
    first: f64,
    look: &mut impl FnMut([f64; N]) -> Point<N>,
) -> Option<Point<N>> {
    let slope = dot(step, &here.gradient);
    let noise = DIGITS * (1.0 + here.value.abs());
    let (mut low, mut high, mut along) = (0.0, f64::INFINITY, first);
    let (mut low_value, mut low_slope) = (here.value, slope);
    for _ in 0..60 {
        let there = look(std::array::from_fn(|n| here.logs[n] + along * step[n]));
        let there_slope = dot(step, &there.gradient);
        let fell = there.value <= here.value + 1e-4 * along * slope;
        let same = there.value <= here.value + noise && there_slope <= -0.8 * slope;
        if !there.value.is_finite() || !(fell || same) {
            high = along;
            let apart = high - low;
            let bend = 2.0 * (there.value - low_value - low_slope * apart);
            // The lowest point of the parabola, kept off the ends.
            let lowest = -low_slope * apart / bend;
            along = low + apart * if lowest.is_finite() { lowest.clamp(0.1, 0.9) } else { 0.5 };
        } else if there_slope < 0.9 * slope {
            (low, low_value, low_slope) = (along, there.value, there_slope);
            along = if high.is_finite() { 0.5 * (low + high) } else { 2.0 * along };
        } else {
            return Some(there);
        }
        if high.is_finite() && high - low <= 1e-15 * high {
            return None;
        }
    }
    None
}

/// The update of the inverse curvature by what one step taught.
fn learn<const N: usize>(inverse: &mut [[f64; N]; N], moved: &[f64; N], turned: &[f64; N], curvature: f64) {
    let through: [f64; N] = std::array::from_fn(|row| dot(&inverse[row], turned));
    let scale = (1.0 + dot(turned, &through) / curvature) / curvature;
    for (row, line) in inverse.iter_mut().enumerate() {
        for (column, cell) in line.iter_mut().enumerate() {
            *cell += scale * moved[row] * moved[column]
                - (through[row] * moved[column] + moved[row] * through[column]) / curvature;
        }
    }
}

fn meets<const N: usize>(known: &[f64; N], logs: &[f64; N]) -> bool {
    known.iter().zip(logs).all(|(known, log)| (known - log).abs() < MET)
}

fn diagonal<const N: usize>(value: f64) -> [[f64; N]; N] {
    std::array::from_fn(|row| std::array::from_fn(|column| if row == column { value } else { 0.0 }))
}

fn dot<const N: usize>(a: &[f64; N], b: &[f64; N]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn norm<const N: usize>(a: &[f64; N]) -> f64 {
    dot(a, a).sqrt()
}
