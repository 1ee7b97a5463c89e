//! Who gets which level while the budget lasts: the sum of gains is as large as the budget allows.
//!
//! A multiple-choice knapsack: of each customer's menu at most one level, all costs within the budget. Relaxed to shares of
//! levels it is solved by going up every menu's upper hull in order of gain a cost (Sinha and Zoltners 1979, "The
//! multiple-choice knapsack problem"); the step that no longer fits has the budget's shadow price, and the relaxed gain is a
//! bound that no allocation exceeds. What is left of the budget is given to whoever fits, so that what is missing to the bound
//! is less than one step of one customer.

use domain::Amount;

/// One choice of a menu.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Level {
    /// What giving it is expected to cost the budget, in minor units; below zero where it is expected to bring money in.
    pub cost: Amount,
    /// What it is expected to bring beyond giving nothing, in minor units. One that is not finite is not on the menu.
    pub gain: f64,
}

/// A menu a customer. Giving nothing, which costs and brings nothing, is always a choice and is not listed.
#[derive(Clone, Debug, Default)]
pub struct Menus {
    levels: Vec<Level>,
    /// Where each menu ends.
    ends: Vec<usize>,
}

impl Menus {
    pub fn push(&mut self, menu: impl IntoIterator<Item = Level>) {
        self.levels.extend(menu);
        self.ends.push(self.levels.len());
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    fn menu(&self, customer: usize) -> &[Level] {
        let begin = customer.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.levels[begin..self.ends[customer]]
    }
}

/// What everybody gets.
#[derive(Clone, Debug, PartialEq)]
pub struct Allocation {
    /// For each customer the place on their menu; `None` is nothing.
    pub chosen: Vec<Option<u16>>,
    /// At most the budget.
    pub cost: Amount,
    pub gain: f64,
    /// No allocation within the budget gains more.
    pub bound: f64,
    /// What one more minor unit of budget would bring; 0 where there is more of it than use for it.
    pub shadow_price: f64,
}

/// From one level of a menu's hull to the next.
#[derive(Clone, Copy, Debug)]
struct Step {
    /// Gain a cost.
    slope: f64,
    gain: f64,
    cost: i64,
    customer: u32,
    to: Option<u16>,
}

/// Gives out `budget`; one below zero is none. Customers beyond 2^32 and places beyond 2^16 get nothing.
#[must_use]
pub fn allocate(menus: &Menus, budget: Amount) -> Allocation {
    let mut chosen = vec![None; menus.len()];
    let (mut left, mut gain) = (i128::from(budget.0.max(0)), 0.0);
    let mut steps: Vec<Step> = Vec::with_capacity(menus.levels.len());
    let mut hull: Vec<Point> = Vec::new();
    for (customer, chosen) in chosen.iter_mut().enumerate().take(u32::MAX as usize) {
        upper_hull(menus.menu(customer), &mut hull);
        // The cheapest first: it costs nothing, or less.
        let Some(first) = hull.first() else { continue };
        (*chosen, left, gain) = (first.place, left - i128::from(first.cost), gain + first.gain);
        steps.extend(hull.windows(2).map(|pair| {
            let (cost, gain) = (pair[1].cost.saturating_sub(pair[0].cost), pair[1].gain - pair[0].gain);
            Step { slope: gain / cost as f64, gain, cost, customer: customer as u32, to: pair[1].place }
        }));
    }
    // Steps of one menu fall in slope, and where rounding makes them equal the sort keeps their order.
    steps.sort_by(|a, b| b.slope.total_cmp(&a.slope));

    let mut stuck = vec![false; menus.len()];
    let mut relaxed = None;
    for step in &steps {
        let customer = step.customer as usize;
        if stuck[customer] {
            continue;
        }
        if i128::from(step.cost) <= left {
            (chosen[customer], left, gain) = (step.to, left - i128::from(step.cost), gain + step.gain);
        } else {
            relaxed.get_or_insert((gain + step.slope * left as f64, step.slope));
            stuck[customer] = true;
        }
    }
    let (bound, shadow_price) = relaxed.unwrap_or((gain, 0.0));
    if relaxed.is_some() {
        fill(menus, &mut chosen, &mut left, &mut gain);
    }
    let spent = i128::from(budget.0.max(0)) - left;
    let cost = Amount(i64::try_from(spent).unwrap_or(if spent < 0 { i64::MIN } else { i64::MAX }));
    Allocation { chosen, cost, gain, bound: bound.max(gain), shadow_price }
}

/// What is left goes to whoever gains by it, level by level, those off the hull too.
fn fill(menus: &Menus, chosen: &mut [Option<u16>], left: &mut i128, gain: &mut f64) {
    for (customer, chosen) in chosen.iter_mut().enumerate() {
        if *left <= 0 {
            break;
        }
        let menu = menus.menu(customer);
        let now = chosen.and_then(|place| menu.get(usize::from(place))).map_or((0, 0.0), |l| (l.cost.0, l.gain));
        let more = |level: &Level| (i128::from(level.cost.0) - i128::from(now.0), level.gain - now.1);
        let best = (0..=u16::MAX)
            .zip(menu)
            .filter(|(_, level)| level.gain.is_finite())
            .map(|(place, level)| (place, more(level)))
            .filter(|(_, (cost, gain))| cost <= left && *gain > 0.0)
            .max_by(|a, b| a.1.1.total_cmp(&b.1.1));
        if let Some((place, (cost, brings))) = best {
            (*chosen, *left, *gain) = (Some(place), *left - cost, *gain + brings);
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Point {
    cost: i64,
    gain: f64,
    place: Option<u16>,
}

/// The levels of a menu, and nothing, that are best for some price: cheapest first, each gaining more than the one before, and
/// ever less a cost.
fn upper_hull(menu: &[Level], hull: &mut Vec<Point>) {
    let mut points: Vec<Point> = Vec::with_capacity(menu.len() + 1);
    points.push(Point { cost: 0, gain: 0.0, place: None });
    let on_menu = (0..=u16::MAX).zip(menu).filter(|(_, level)| level.gain.is_finite());
    points.extend(on_menu.map(|(place, level)| Point { cost: level.cost.0, gain: level.gain, place: Some(place) }));
    // Of equal costs the greatest gain; of equal both the first, and nothing before all.
    points.sort_by(|a, b| a.cost.cmp(&b.cost).then(b.gain.total_cmp(&a.gain)));
    hull.clear();
    for point in points {
        if hull.last().is_some_and(|last| point.gain <= last.gain || point.cost == last.cost) {
            continue;
        }
        while let [.., before, last] = hull.as_slice() {
            if slope(before, last) > slope(last, &point) {
                break;
            }
            hull.pop();
        }
        hull.push(point);
    }
}

fn slope(from: &Point, to: &Point) -> f64 {
    (to.gain - from.gain) / (to.cost as f64 - from.cost as f64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn menus(all: &[Vec<(i64, f64)>]) -> Menus {
        let mut menus = Menus::default();
        for menu in all {
            menus.push(menu.iter().map(|(cost, gain)| Level { cost: Amount(*cost), gain: *gain }));
        }
        menus
    }

    /// Cost and gain of what was chosen, from the menus themselves.
    fn tally(all: &[Vec<(i64, f64)>], chosen: &[Option<u16>]) -> (i64, f64) {
        let taken = all.iter().zip(chosen).filter_map(|(menu, place)| Some(menu[usize::from((*place)?)]));
        taken.fold((0, 0.0), |sum, level| (sum.0 + level.0, sum.1 + level.1))
    }

    /// The best of all combinations.
    fn by_trying(all: &[Vec<(i64, f64)>], budget: i64) -> f64 {
        let Some((menu, rest)) = all.split_first() else { return if budget >= 0 { 0.0 } else { f64::NEG_INFINITY } };
        let taken = menu.iter().map(|(cost, gain)| gain + by_trying(rest, budget - cost));
        taken.fold(by_trying(rest, budget), f64::max)
    }

    #[test]
    fn the_dearest_gain_a_cost_goes_first() {
        // Ten for five a unit is worth two, ten more for ten one.
        let all = [vec![(5, 10.0), (15, 20.0)], vec![(4, 6.0)]];
        let at = |budget| allocate(&menus(&all), Amount(budget));
        assert_eq!(at(5).chosen, [Some(0), None]);
        assert_eq!((at(9).chosen, at(9).shadow_price), (vec![Some(0), Some(0)], 1.0));
        assert_eq!(at(14).bound, 16.0 + 5.0, "half of the step from 10 to 20");
        let all_of_it = at(19);
        assert_eq!((all_of_it.chosen, all_of_it.cost, all_of_it.gain), (vec![Some(1), Some(0)], Amount(19), 26.0));
        assert_eq!((all_of_it.bound, all_of_it.shadow_price), (26.0, 0.0));
        assert_eq!(at(-3).chosen, [None, None]);
        assert_eq!(allocate(&Menus::default(), Amount(9)).gain, 0.0);
    }

    #[test]
    fn what_is_not_a_number_is_not_on_the_menu() {
        let all = [vec![(1, f64::NAN), (1, f64::INFINITY), (1, 1.0)], vec![(i64::MAX, 1.0), (i64::MIN, -1.0)]];
        let given = allocate(&menus(&all), Amount(1));
        assert_eq!(given.chosen[0], Some(2));
        assert!(given.gain.is_finite() && given.cost <= Amount(1), "{given:?}");
        // A menu that is longer than there are places: what lies beyond them is not given.
        let long: Vec<(i64, f64)> = (0..70_000).map(|n| (1, f64::from(n))).collect();
        let given = allocate(&menus(std::slice::from_ref(&long)), Amount(1));
        assert_eq!((given.chosen, given.gain), (vec![Some(u16::MAX)], 65_535.0));
    }

    fn menu() -> impl Strategy<Value = Vec<(i64, f64)>> {
        prop::collection::vec((-20_i64..60, (-50_i32..120).prop_map(|tenths| f64::from(tenths) / 10.0)), 0..4)
    }

    proptest! {
        #[test]
        fn nothing_within_the_budget_gains_more_than_the_bound(
            all in prop::collection::vec(menu(), 0..7), budget in -5_i64..150,
        ) {
            let given = allocate(&menus(&all), Amount(budget));
            let (cost, gain) = tally(&all, &given.chosen);
            let best = by_trying(&all, budget.max(0));
            prop_assert!(cost <= budget.max(0));
            prop_assert_eq!(given.cost, Amount(cost));
            prop_assert!((given.gain - gain).abs() < 1e-9);
            prop_assert!(best <= given.bound + 1e-9, "{} {:?}", best, given);
            prop_assert!(gain <= best + 1e-9);
            // Short of the bound by less than one customer's step.
            let dearest = all.iter().flatten().map(|level| level.1).fold(0.0, f64::max) + 5.0;
            prop_assert!(given.bound - gain <= dearest + 1e-9, "{given:?}");
        }

        #[test]
        fn more_budget_never_brings_less_and_its_price_falls(
            all in prop::collection::vec(menu(), 1..7), budget in 0_i64..100, more in 1_i64..50,
        ) {
            let (less, more) = (allocate(&menus(&all), Amount(budget)), allocate(&menus(&all), Amount(budget + more)));
            prop_assert!(less.bound <= more.bound + 1e-9);
            prop_assert!(less.shadow_price >= more.shadow_price - 1e-9);
        }
    }

    /// A crowd whose gains saturate, eight levels each, without a generator of its own: fractions of the golden ratio.
    fn crowd(customers: usize) -> Vec<Vec<(i64, f64)>> {
        let draw =
            |n: usize, salt: f64| (n as f64 * 0.618_033_988_749_895 + salt * n as f64 * 0.754_877_666_246_693).fract();
        (0..customers)
            .map(|n| {
                let (basket, lift, habit) =
                    (200.0 + 1_800.0 * draw(n, 0.0), 0.8 * draw(n, 1.0).powi(2), 0.2 + 0.6 * draw(n, 2.0));
                (1..=8)
                    .map(|level| {
                        let rate = 0.025 * f64::from(level);
                        let bought = habit + (1.0 - habit) * lift * (1.0 - (-rate * 12.0).exp());
                        let cost = basket * rate * bought;
                        (cost.round() as i64, basket * 0.6 * (bought - habit) - cost.round())
                    })
                    .collect()
            })
            .collect()
    }

    #[test]
    fn a_hundred_thousand_customers_are_within_a_ten_thousandth_of_the_bound() {
        let all = crowd(100_000);
        for share in [3, 10, 30] {
            let free = allocate(&menus(&all), Amount(i64::MAX)).cost.0;
            let budget = free / share;
            let given = allocate(&menus(&all), Amount(budget));
            let (cost, gain) = tally(&all, &given.chosen);
            assert!(cost <= budget && given.shadow_price > 0.0);
            assert!(gain >= 0.9999 * given.bound, "{gain} of {}", given.bound);
        }
    }
}
