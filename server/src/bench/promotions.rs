//! `kava bench promotions`: how long a decision takes, how that grows, and that no cart breaks a law of money.
//!
//! In process and on one thread: no server, no database. Times are of `promotions::evaluate` alone, on facts that are ready.

mod laws;
mod world;

use std::hint::black_box;
use std::time::Instant;

use anyhow::ensure;
use promotions::{Facts, Rules, evaluate};
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::machine::machine;
use world::World;

const SEED: u64 = 20_261_121;

struct Plan {
    /// Decisions timed, of the small and of the large kind.
    small: usize,
    large: usize,
    /// Carts that go through every law, and rule sets that they meet.
    carts: usize,
    rule_sets: usize,
}

/// Prints the figures; the last line is one JSON object.
///
/// # Errors
/// When a cart breaks a law, or the bench itself makes a rule set that is refused.
pub fn run(quick: bool) -> anyhow::Result<()> {
    let plan = if quick {
        Plan { small: 20_000, large: 400, carts: 100_000, rule_sets: 500 }
    } else {
        Plan { small: 200_000, large: 4_000, carts: 1_000_000, rule_sets: 5_000 }
    };
    let mut world = World::new(StdRng::seed_from_u64(SEED));
    let small = timed(&mut world, 20, 100, plan.small)?;
    let large = timed(&mut world, 200, 1_000, plan.large)?;
    let growth = growth(&mut world, plan.large)?;
    let (carts, violations) = lawful(&mut world, &plan)?;
    let figures = serde_json::json!({
        "p50_us_20x100": tenths(small.at(0.5)),
        "p99_us_20x100": tenths(small.at(0.99)),
        "p50_us_200x1000": tenths(large.at(0.5)),
        "p99_us_200x1000": tenths(large.at(0.99)),
        "growth": (growth * 1_000.0).round() / 1_000.0,
        "carts": carts,
        "violations": violations,
        "quick": quick,
    });
    println!("{}", serde_json::json!({"bench": "promotions", "figures": figures, "machine": machine()}));
    ensure!(violations == 0, "{violations} laws of money were broken");
    Ok(())
}

/// Microseconds, sorted.
struct Times(Vec<f64>);

impl Times {
    fn of(facts: &[Facts], rules: &Rules, times: usize) -> Self {
        for facts in facts {
            black_box(evaluate(black_box(facts), rules));
        }
        let mut taken: Vec<f64> = (0..times)
            .map(|turn| {
                let facts = &facts[turn % facts.len()];
                let started = Instant::now();
                black_box(evaluate(black_box(facts), rules));
                started.elapsed().as_secs_f64() * 1e6
            })
            .collect();
        taken.sort_by(f64::total_cmp);
        Self(taken)
    }

    /// The q-quantile, by the nearest rank.
    fn at(&self, q: f64) -> f64 {
        let rank = (self.0.len() as f64 * q).ceil() as usize;
        self.0.get(rank.max(1) - 1).copied().unwrap_or(f64::NAN)
    }
}

/// Baskets of so many lines against so many running campaigns of every kind.
fn timed(world: &mut World, lines: usize, campaigns: usize, times: usize) -> anyhow::Result<Times> {
    let rules = world.shop_window(campaigns).check()?;
    let facts: Vec<Facts> = (0..200).map(|_| world.basket(lines, 1)).collect();
    let applied: usize = facts.iter().map(|facts| applied(facts, &rules)).sum();
    let times = Times::of(&facts, &rules, times);
    println!(
        "{lines} lines x {campaigns} campaigns: p50 {:.1} us, p99 {:.1} us ({:.1} campaigns apply to a basket)",
        times.at(0.5),
        times.at(0.99),
        applied as f64 / facts.len() as f64,
    );
    Ok(times)
}

fn applied(facts: &Facts, rules: &Rules) -> usize {
    let verdicts = promotions::explain(facts, rules).verdicts;
    verdicts.iter().filter(|verdict| matches!(verdict.outcome, promotions::Outcome::Applied { .. })).count()
}

/// The exponent by which time grows with the campaigns that match: 1 is linear.
fn growth(world: &mut World, times: usize) -> anyhow::Result<f64> {
    let mut points = Vec::new();
    let facts = [world.basket(20, 1)];
    for matching in [100, 200, 400, 700, 1_000] {
        let rules = world.matching(&facts[0], matching).check()?;
        let p50 = Times::of(&facts, &rules, times.min(1_000)).at(0.5);
        println!("20 lines x {matching} campaigns that all match: p50 {p50:.1} us");
        points.push(((matching as f64).ln(), p50.ln()));
    }
    Ok(slope(&points))
}

/// Least squares.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0 / count, y + point.1 / count));
    let (up, across) = points
        .iter()
        .fold((0.0, 0.0), |(up, across), point| (up + (point.0 - x) * (point.1 - y), across + (point.0 - x).powi(2)));
    up / across
}

/// Random carts against random rule sets; gives how many, and how many laws they broke.
fn lawful(world: &mut World, plan: &Plan) -> anyhow::Result<(usize, u64)> {
    let started = Instant::now();
    let (mut carts, mut violations, mut discounted, mut clipped) = (0, 0, 0, 0);
    for _ in 0..plan.rule_sets {
        let rules = world.anything().check()?;
        for _ in 0..plan.carts / plan.rule_sets {
            let facts = world.any_facts(&rules);
            let decision = evaluate(&facts, &rules);
            carts += 1;
            violations += laws::broken(&facts, &rules, &decision);
            discounted += u64::from(decision.discount.minor() > 0);
            clipped += u64::from(decision.effects.iter().any(|effect| {
                matches!(effect, promotions::Effect::MarginClipped { .. } | promotions::Effect::BudgetClipped { .. })
            }));
        }
    }
    println!(
        "{carts} carts in {:.1} s: {discounted} with a discount, {clipped} clipped by floor or budget, {violations} broken laws",
        started.elapsed().as_secs_f64()
    );
    Ok((carts, violations))
}

fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_straight_line_has_its_slope() {
        let points = [(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)];
        assert!((slope(&points) - 2.0).abs() < 1e-12);
    }

    #[test]
    fn the_bench_makes_rule_sets_that_are_taken_and_carts_that_break_no_law() {
        let mut world = World::new(StdRng::seed_from_u64(1));
        assert!(world.shop_window(100).check().is_ok());
        let plan = Plan { small: 0, large: 0, carts: 2_000, rule_sets: 20 };
        assert_eq!(lawful(&mut world, &plan).unwrap(), (2_000, 0));
    }

    #[test]
    fn a_law_that_is_broken_is_counted() {
        let mut world = World::new(StdRng::seed_from_u64(1));
        let rules = world.shop_window(1).check().unwrap();
        let facts = world.basket(3, 1);
        let mut decision = evaluate(&facts, &rules);
        decision.total += domain::Amount(1);
        assert!(laws::broken(&facts, &rules, &decision) > 0);
    }
}
