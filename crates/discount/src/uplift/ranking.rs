//! How well an order by uplift is: scikit-uplift's definitions, so that figures can be held against published ones.

/// Rows from the greatest uplift down; of equals the later first, as scikit-uplift turns its stable order round.
fn downwards(uplift: &[f64]) -> Vec<usize> {
    let mut rows: Vec<usize> = (0..uplift.len()).collect();
    rows.sort_by(|one, two| uplift[*two].total_cmp(&uplift[*one]).then(two.cmp(one)));
    rows
}

/// What treating the best so many gained, for each number at which the uplift changes: the area under it, by trapezes, and its
/// last value.
fn area(outcomes: &[f64], uplift: &[f64], treated: &[bool]) -> (f64, f64) {
    let rows = downwards(uplift);
    let (mut with, mut without, mut count_with) = (0.0, 0.0, 0.0);
    let (mut area, mut at, mut before) = (0.0, 0.0, 0.0);
    for (place, row) in rows.iter().enumerate() {
        if treated[*row] {
            (with, count_with) = (with + outcomes[*row], count_with + 1.0);
        } else {
            without += outcomes[*row];
        }
        let changes = rows.get(place + 1).is_none_or(|next| uplift[*next] != uplift[*row]);
        if changes {
            let all = (place + 1) as f64;
            let count_without = all - count_with;
            let gained = with - if count_without > 0.0 { without * count_with / count_without } else { 0.0 };
            area += (all - at) * (gained + before) / 2.0;
            (at, before) = (all, gained);
        }
    }
    (area, before)
}

/// The Qini coefficient: the area between the gain of this order and of none, over the same of the perfect order. One is perfect, zero
/// is no order. Not a number where there is nothing to order.
///
/// All slices must be of one length.
#[must_use]
pub fn qini(outcomes: &[f64], uplift: &[f64], treated: &[bool]) -> f64 {
    let (actual, _) = area(outcomes, uplift, treated);
    let best: Vec<f64> = outcomes.iter().zip(treated).map(|(y, treated)| if *treated { *y } else { -y }).collect();
    let (perfect, last) = area(outcomes, &best, treated);
    let none = outcomes.len() as f64 * last / 2.0;
    (actual - none) / (perfect - none)
}

/// The mean outcome of the treated among the best share, less that of the others among them.
#[must_use]
pub fn uplift_at(share: f64, outcomes: &[f64], uplift: &[f64], treated: &[bool]) -> f64 {
    let mut rows = downwards(uplift);
    rows.truncate((outcomes.len() as f64 * share) as usize);
    let mean = |of: bool| {
        let group = rows.iter().filter(|row| treated[**row] == of);
        let (sum, count) = group.fold((0.0, 0.0), |(sum, count), row| (sum + outcomes[*row], count + 1.0));
        sum / count
    };
    mean(true) - mean(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_a_pencil() {
        // From the top: treated bought, other did not, treated did not, other bought.
        let (outcomes, uplift, treated) = ([1.0, 0.0, 0.0, 1.0], [4.0, 3.0, 2.0, 1.0], [true, false, true, false]);
        // Gains after 1, 2, 3, 4: 1, 1 - 0, 1 - 0, 1 - 1: 1, 1, 1, 0. Area 0.5 + 1 + 1 + 0.5 = 3.
        // Perfect: treated buyer, then the two that did not (equal), then the other's buyer: gains 1, 1, 0 at 1, 3, 4: 0.5 + 2 + 0.5.
        assert_eq!(area(&outcomes, &uplift, &treated), (3.0, 0.0));
        assert_eq!(qini(&outcomes, &uplift, &treated), 1.0);
        let worst: Vec<f64> = uplift.iter().map(|uplift| -uplift).collect();
        assert!(qini(&outcomes, &worst, &treated) < 0.0);
        assert_eq!(uplift_at(0.5, &outcomes, &uplift, &treated), 1.0);
        assert_eq!(uplift_at(1.0, &outcomes, &uplift, &treated), 0.0);
    }

    #[test]
    fn no_order_at_all_is_nothing() {
        let (outcomes, treated) = ([1.0, 0.0, 1.0, 0.0, 1.0, 1.0], [true, true, false, false, true, false]);
        assert!(qini(&outcomes, &[0.5; 6], &treated).abs() < 1e-12);
    }
}
