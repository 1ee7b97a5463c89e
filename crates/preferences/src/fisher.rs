/// Fisher's exact test, one-sided: how likely the items of a rule meet so often, or more often, by chance alone.
///
/// Of `n` baskets `x` have the left side and `y` the right one; by chance what both are in is hypergeometric (Fisher
/// 1935). Keeps the logarithms of the factorials for one `n`.
#[derive(Clone, Debug)]
pub struct Fisher {
    n: u32,
    factorials: Vec<f64>,
}

/// Factorials that are kept; larger ones are computed each time.
const KEPT: u32 = 1 << 16;

impl Fisher {
    #[must_use]
    pub fn new(n: u32) -> Self {
        let factorials = (0..=n.min(KEPT)).map(ln_factorial).collect();
        Self { n, factorials }
    }

    fn ln_factorial(&self, k: u32) -> f64 {
        self.factorials.get(k as usize).copied().unwrap_or_else(|| ln_factorial(k))
    }

    /// P(at least `both` baskets in common); of more than there can be it is zero. A side of more than all baskets is all of them.
    #[must_use]
    pub fn p_value(&self, both: u32, x: u32, y: u32) -> f64 {
        let n = self.n;
        let (x, y) = (x.min(n), y.min(n));
        // The fewest and the most that can be in common.
        let (least, most) = (x.saturating_sub(n - y), x.min(y));
        if both <= least {
            return 1.0;
        }
        if both > most {
            return 0.0;
        }
        // On the side of the expected count where the terms only fall: the other tail is what is missing to one.
        if u64::from(both) * u64::from(n) >= u64::from(x) * u64::from(y) {
            self.upwards(both, x, y, most)
        } else {
            1.0 - self.downwards(both - 1, x, y, least)
        }
    }

    /// P(exactly `both`).
    fn point(&self, both: u32, x: u32, y: u32) -> f64 {
        let f = |k| self.ln_factorial(k);
        let margins = f(x) + f(self.n - x) + f(y) + f(self.n - y) - f(self.n);
        let cells = f(both) + f(x - both) + f(y - both) + f(self.n - x - (y - both));
        (margins - cells).exp()
    }

    fn upwards(&self, both: u32, x: u32, y: u32, most: u32) -> f64 {
        let first = self.point(both, x, y);
        let (mut term, mut sum) = (1.0, 1.0);
        let [mut k, mut a, mut b] = [both, x - both, y - both].map(f64::from);
        let mut d = f64::from(self.n - x - (y - both));
        for _ in both..most {
            term *= (a * b) / ((k + 1.0) * (d + 1.0));
            sum += term;
            if term < sum * 1e-16 {
                break;
            }
            (k, a, b, d) = (k + 1.0, a - 1.0, b - 1.0, d + 1.0);
        }
        (first * sum).min(1.0)
    }

    fn downwards(&self, both: u32, x: u32, y: u32, least: u32) -> f64 {
        let first = self.point(both, x, y);
        let (mut term, mut sum) = (1.0, 1.0);
        let [mut k, mut a, mut b] = [both, x - both, y - both].map(f64::from);
        let mut d = f64::from(self.n - x - (y - both));
        for _ in least..both {
            term *= (k * d) / ((a + 1.0) * (b + 1.0));
            sum += term;
            if term < sum * 1e-16 {
                break;
            }
            (k, a, b, d) = (k - 1.0, a + 1.0, b + 1.0, d - 1.0);
        }
        (first * sum).min(1.0)
    }
}

/// ln k!: the product itself while it is exact, then Stirling's series, whose error there is below 1e-16.
fn ln_factorial(k: u32) -> f64 {
    if k < 19 {
        return ((2..=u64::from(k)).product::<u64>() as f64).ln();
    }
    let x = f64::from(k) + 1.0;
    let y = 1.0 / (x * x);
    let series = (1.0 / 12.0 - y * (1.0 / 360.0 - y * (1.0 / 1_260.0 - y * (1.0 / 1_680.0 - y / 1_188.0)))) / x;
    (x - 0.5) * x.ln() - x + 0.5 * std::f64::consts::TAU.ln() + series
}
