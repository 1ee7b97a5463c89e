//! The special functions that the two likelihoods and the forecasts are made of.

use std::f64::consts::TAU;

/// `ln Γ(x)` and its derivative, the digamma function, for x > 0; both good to about 1e-15 of their terms. They are
/// asked for together, and share the logarithm. Stirling's series after a shift to ten (Abramowitz and Stegun 6.1.40,
/// 6.3.18, 6.3.5).
pub(super) fn ln_gamma_and_digamma(x: f64) -> (f64, f64) {
    let (mut x, mut product, mut slope) = (x, 1.0, 0.0);
    while x < 10.0 {
        slope = slope * x + product;
        product *= x;
        x += 1.0;
    }
    let log = x.ln();
    let shifted = if product == 1.0 { 0.0 } else { product.ln() };
    ((x - 0.5) * log - x + 0.5 * TAU.ln() + stirling(x) - shifted, log - 0.5 / x - stirling_slope(x) - slope / product)
}

/// What is left of `ln Γ(x)` after Stirling's formula, for x from ten on.
fn stirling(x: f64) -> f64 {
    let y = 1.0 / (x * x);
    let inner = 1.0 / 1188.0 - y * (691.0 / 360_360.0 - y / 156.0);
    (1.0 / 12.0 - y * (1.0 / 360.0 - y * (1.0 / 1260.0 - y * (1.0 / 1680.0 - y * inner)))) / x
}

/// The derivative of [`stirling`], with the sign turned.
fn stirling_slope(x: f64) -> f64 {
    let y = 1.0 / (x * x);
    let inner = 1.0 / 132.0 - y * (691.0 / 32_760.0 - y / 12.0);
    y * (1.0 / 12.0 - y * (1.0 / 120.0 - y * (1.0 / 252.0 - y * (1.0 / 240.0 - y * inner))))
}

/// `ln Γ(x + n) - ln Γ(x)` and its derivative by x, for x > 0. It is never made of two large numbers, so that it stays
/// exact where x is in the millions and a likelihood lives off the difference.
pub(super) fn ln_rising_and_slope(x: f64, n: u32) -> (f64, f64) {
    const FACTORS: u32 = 16;
    let (mut y, mut product, mut slope) = (x, 1.0, 0.0);
    for _ in 0..n.min(FACTORS) {
        slope = slope * y + product;
        product *= y;
        y += 1.0;
    }
    let first = (product.ln(), slope / product);
    if n <= FACTORS {
        return first;
    }
    // The rest by the difference of two Stirling formulas, whose large parts cancel on paper.
    let rest = f64::from(n - FACTORS);
    let (z, apart) = (y + rest, (rest / y).ln_1p());
    let ln = (z - 0.5) * apart + rest * (y.ln() - 1.0) + stirling(z) - stirling(y);
    (first.0 + ln, first.1 + apart + 0.5 * rest / (y * z) - stirling_slope(z) + stirling_slope(y))
}

/// A power series summed up, and its largest term: their ratio tells how many digits cancelled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sum {
    pub value: f64,
    pub largest: f64,
}

/// `c (2F1(a, b; c; z) - 1) / b` for z from 0 to under 1 and c > -1: how the hypergeometric function leaves 1, without
/// the poles that the function and the forecasts have at c = 0 and b = 0. None where the series is too long or too
/// large to be summed.
///
/// The callers bring the function into this form by Euler's transform, `2F1(a, b; c; z) = (1 - z)^(c-a-b) 2F1(c-a, c-b;
/// c; z)`, which leaves small parameters where the ones of the papers grow with the purchases and overflow.
pub(super) fn rise_of_2f1(a: f64, b: f64, c: f64, z: f64) -> Option<Sum> {
    const TERMS: u32 = 1_500;
    let mut term = a * z;
    let mut sum = Sum { value: term, largest: term.abs() };
    for n in 1..TERMS {
        let n = f64::from(n);
        term *= (a + n) * (b + n) / ((c + n) * (n + 1.0)) * z;
        sum.value += term;
        sum.largest = sum.largest.max(term.abs());
        // What follows is like a geometric series, unless this term is small by chance (a close to a whole number under
        // zero).
        let falls = || ((a + n + 1.0) * (b + n + 1.0) * z).abs() < (c + n + 1.0) * (n + 2.0);
        if term == 0.0 || (term.abs() <= 1e-16 * (1.0 - z) * sum.value.abs() && falls()) {
            return sum.value.is_finite().then_some(sum);
        }
    }
    None
}

/// The mean of a function `f` of p over a beta distribution of p. `f` is positive, varies on no finer scale than that
/// of `ln p`, is as good as constant for p under `flat`, and falls no faster than 1/p. Never fails and never cancels,
/// whatever the shape of the distribution, but costs some thousand evaluations: for where a series does not do.
///
/// Gauss and Legendre's rule in panels over `ln(p / (1 - p))`, where the density is log-concave, outwards from its
/// mode; the tails beyond, which are long where a or b is tiny, in closed form. Both weights and values are summed, so
/// that no normalising constant is needed.
pub(super) fn mean_over_beta(a: f64, b: f64, flat: f64, f: impl Fn(f64) -> f64) -> f64 {
    // Eight nodes of the rule on (-1, 1), one side.
    const NODES: [(f64, f64); 4] = [
        (0.183_434_642_495_649_8, 0.362_683_783_378_362),
        (0.525_532_409_916_329, 0.313_706_645_877_887_27),
        (0.796_666_477_413_626_7, 0.222_381_034_453_374_48),
        (0.960_289_856_497_536_3, 0.101_228_536_290_376_26),
    ];
    /// Under e^-120 of the mode's weight nothing counts, as `f` falls by less than e^75 on the way.
    const NEGLIGIBLE: f64 = -120.0;
    let weight = |y: f64| -a * softplus(-y) - b * softplus(y);
    let low = (1e-17_f64 * flat.min(1.0 / (1.0 + b))).ln();
    let high = -(1e-17_f64 / (1.0 + a)).ln();
    let mode = (a / b).ln().clamp(low, high);
    let top = weight(mode);
    let (mut mass, mut sum) = (0.0, 0.0);
    let mut add = |weight: f64, value: f64| {
        mass += weight;
        sum += weight * value;
    };
    let spread = (1.0 / a + 1.0 / b).sqrt();
    for (side, end) in [(-1.0, mode - low), (1.0, high - mode)] {
        let (mut from, mut width) = (0.0, spread.min(1.0));
        let mut panels = 0;
        while from < end && weight(mode + side * from) - top > NEGLIGIBLE {
            // Narrow panels see the mode, wider ones what is beyond it.
            if panels >= 12 {
                width = (width * 2.0).min(1.0);
            }
            panels += 1;
            let half = 0.5 * width.min(end - from);
            for (node, share) in NODES {
                for at in [from + half * (1.0 - node), from + half * (1.0 + node)] {
                    let y = mode + side * at;
                    add(share * half * (weight(y) - top).exp(), f((-softplus(-y)).exp()));
                }
            }
            from += 2.0 * half;
        }
    }
    add((a * low - top).exp() / a, f(0.0));
    add((-b * high - top).exp() / b, f(1.0));
    sum / mass
}

/// `ln(1 + e^x)`.
pub(super) fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}
