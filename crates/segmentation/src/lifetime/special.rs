//! The special functions that the likelihoods are made of, for positive arguments.

/// ln of the gamma function (Lanczos's approximation, g = 7, nine terms): about 15 digits.
pub(super) fn ln_gamma(x: f64) -> f64 {
    const COEFFICIENTS: [f64; 8] = [
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    if x < 0.5 {
        // Away from the pole: gamma(x) = gamma(x + 1) / x.
        return ln_gamma(x + 1.0) - x.ln();
    }
    let x = x - 1.0;
    let series: f64 = COEFFICIENTS.iter().zip(1..).map(|(c, n)| c / (x + f64::from(n))).sum();
    let at = x + 7.5;
    0.5 * std::f64::consts::TAU.ln() + (x + 0.5) * at.ln() - at + (series + 0.999_999_999_999_809_9).ln()
}

/// The derivative of [`ln_gamma`]: up to ten by its recurrence, then by its asymptotic series.
pub(super) fn digamma(x: f64) -> f64 {
    let (mut x, mut sum) = (x, 0.0);
    while x < 10.0 {
        sum -= 1.0 / x;
        x += 1.0;
    }
    let y = 1.0 / (x * x);
    let series = y * (1.0 / 12.0 - y * (1.0 / 120.0 - y * (1.0 / 252.0 - y * (1.0 / 240.0 - y * (1.0 / 132.0)))));
    sum + x.ln() - 0.5 / x - series
}

/// `(1 - z)^a * 2F1(a, b; c; z)` for z from 0 to under 1, by Euler's transform: what is left are small parameters, whose series
/// ends soon also where a and b are in the thousands and the function itself would overflow.
pub(super) fn tamed_2f1(a: f64, b: f64, c: f64, z: f64) -> f64 {
    const TERMS: u32 = 20_000;
    // A pole of c is stepped aside from: the limit exists in the formulas that use this.
    let c = if c.abs() < 1e-9 { 1e-9 } else { c };
    let (p, q) = (c - a, c - b);
    let (mut term, mut sum) = (1.0_f64, 1.0_f64);
    for n in 0..TERMS {
        let n = f64::from(n);
        term *= (p + n) * (q + n) / ((c + n) * (n + 1.0)) * z;
        sum += term;
        if term.abs() <= 1e-15 * sum.abs() {
            break;
        }
    }
    (1.0 - z).powf(q) * sum
}
