//! What is bought by who comes.

use super::{History, Levels, tenths};

/// What purchases are worth, and what a discount makes of that.
pub(super) struct Baskets {
    pub(super) taken_off: Vec<f64>,
    pub(super) larger: f64,
    pub(super) gross: f64,
    pub(super) cost_share: f64,
    pub(super) gross_weight: f64,
}

impl Baskets {
    pub(super) fn of(histories: &[History], levels: &Levels) -> Self {
        let rates = levels.rates();
        let mut by_level = vec![(0.0, 0.0); rates.len()];
        let (mut gross, mut cost, mut count) = (0.0, 0.0, 0.0);
        // Within customers: what they buy at one rate against what the same ones buy at another.
        let (mut together, mut spread, mut within, mut freedom) = (0.0, 0.0, 0.0, 0.0);
        let mut means = Vec::new();
        for history in histories {
            let bought = history.offered.iter().zip(&history.bought).filter_map(|(level, one)| Some((*level, (*one)?)));
            let (mut n, mut rate_sum, mut gross_sum) = (0.0, 0.0, 0.0);
            for (level, basket) in bought.clone() {
                let (g, c) = (f64::from(basket.gross), f64::from(basket.cost));
                let level = &mut by_level[usize::from(level)];
                (level.0, level.1) = (level.0 + f64::from(basket.discount), level.1 + g);
                (gross, cost, count) = (gross + g, cost + c, count + 1.0);
                (n, gross_sum) = (n + 1.0, gross_sum + g);
            }
            for (level, _) in bought.clone() {
                rate_sum += tenths(rates[usize::from(level)]);
            }
            if n < 2.0 {
                continue;
            }
            for (level, basket) in bought {
                let (d, g) =
                    (tenths(rates[usize::from(level)]) - rate_sum / n, f64::from(basket.gross) - gross_sum / n);
                (together, spread, within) = (together + d * g, spread + d * d, within + g * g);
            }
            freedom += n - 1.0;
            means.push((gross_sum / n, n));
        }
        let mean = gross / f64::max(count, 1.0);
        let larger = if spread > 0.0 && mean > 0.0 { (together / spread / mean).clamp(0.0, 2.0) } else { 0.0 };
        // How customers' means are spread beyond what chance spreads them: the method of moments.
        let variance = within / f64::max(freedom, 1.0);
        let customers = means.len() as f64;
        let centre = means.iter().map(|(one, _)| one).sum::<f64>() / customers.max(1.0);
        let seen =
            means.iter().map(|(one, _)| (one - centre) * (one - centre)).sum::<f64>() / (customers - 1.0).max(1.0);
        let chance = means.iter().map(|(_, n)| variance / n).sum::<f64>() / customers.max(1.0);
        let between = (seen - chance).max(variance / 100.0).max(1e-9);
        let mean_rate =
            by_level.iter().zip(rates).map(|((_, g), rate)| g * tenths(*rate)).sum::<f64>() / gross.max(1.0);
        Self {
            taken_off: by_level
                .iter()
                .zip(rates)
                .map(|((discount, gross), rate)| if *gross > 0.0 { discount / gross } else { tenths(*rate) / 10.0 })
                .collect(),
            larger,
            gross: mean / (1.0 + larger * mean_rate),
            cost_share: if gross > 0.0 { cost / gross } else { 1.0 },
            gross_weight: (variance / between).clamp(0.1, 100.0),
        }
    }
}
