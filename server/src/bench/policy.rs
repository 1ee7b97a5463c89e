//! `kava bench policy`: what the discount engine brings of what can be brought, by shoppers whose answers are known.
//!
//! Every seed is a contest of its own (`simulator::contest`): other shoppers, another pilot, another year. Two run at a time.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context, ensure};
use discount::allocation::{Level, Menus, allocate};
use domain::Amount;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use simulator::contest::{Contest, Report};
use simulator::{Spread, Truth};

use super::machine::machine;

/// Prints the figures; the last line is one JSON object.
///
/// # Errors
/// When a contest cannot be held, or a budget was exceeded.
pub fn run(quick: bool) -> anyhow::Result<()> {
    let (seeds, shoppers, alike_seeds) = if quick { (2, 16_000, 1) } else { (20, 20_000, 4) };
    println!("{seeds} seeds of {shoppers} shoppers whom discounts move differently");
    let reports = hold(&Truth::default(), seeds, shoppers)?;
    println!("{alike_seeds} seeds of {shoppers} shoppers whom discounts move alike");
    let alike = hold(&alike(), alike_seeds, shoppers)?;

    let allocations = allocate_many(if quick { 100_000 } else { 1_000_000 });

    let mean = |reports: &[Report], of: &dyn Fn(&Report) -> Option<f64>| {
        let all: Vec<f64> = reports.iter().filter_map(of).collect();
        rounded(all.iter().sum::<f64>() / all.len().max(1) as f64)
    };
    let least =
        |of: &dyn Fn(&Report) -> Option<f64>| rounded(reports.iter().filter_map(of).fold(f64::INFINITY, f64::min));
    let margin = |name: &'static str| {
        mean(&reports, &move |report| {
            report.policies.iter().find(|policy| policy.name == name).map(|policy| policy.incremental_margin)
        })
    };
    let intervals: Vec<_> = reports.iter().flat_map(|report| &report.learned.quarters).collect();
    let covered = intervals.iter().filter(|one| one.interval.covers(one.truth)).count() as f64;
    let coverage = (!intervals.is_empty()).then(|| rounded(covered / intervals.len() as f64));
    let violations: usize = reports.iter().chain(&alike).map(|report| report.budget_violations).sum();
    let figures = serde_json::json!({
        "oracle_share": mean(&reports, &|report| report.oracle_share),
        "oracle_share_least": least(&|report| report.oracle_share),
        "headroom_share": mean(&reports, &|report| report.headroom_share),
        "headroom_share_least": least(&|report| report.headroom_share),
        "headroom": mean(&reports, &|report| report.headroom),
        "ahead_of_simple": reports.iter().filter(|report| report.ahead_of_simple).count(),
        "seeds": seeds,
        "shoppers": shoppers,
        "budget_violations": violations,
        "coverage95": coverage,
        "intervals": intervals.len(),
        "waiting_gain_most": rounded(
            reports.iter().filter_map(|report| report.learned.waiting_gain).fold(f64::NEG_INFINITY, f64::max),
        ),
        "guarantee_costs": mean(&reports, &|report| Some(report.guarantee_costs)),
        "margin_best_uniform": margin("best uniform"),
        "margin_rfm": margin("RFM rules"),
        "margin_t_learner": margin("T-learner"),
        "margin_engine": margin("engine"),
        "margin_oracle": margin("oracle"),
        "alike_oracle_share": mean(&alike, &|report| report.oracle_share),
        "alike_headroom": mean(&alike, &|report| report.headroom),
        "allocation_gap_100k": allocations.gap_100k,
        "allocation_customers": allocations.customers,
        "allocation_s": rounded(allocations.seconds),
        "quick": quick,
    });
    println!("{}", serde_json::json!({"bench": "policy", "figures": figures, "machine": machine()}));
    ensure!(violations == 0, "{violations} policies spent more than their budget");
    Ok(())
}

struct Allocations {
    /// What a hundred thousand customers' allocation misses of the bound that nothing exceeds, as a share; the worst of three budgets.
    gap_100k: f64,
    customers: usize,
    seconds: f64,
}

/// Eight levels a customer, of whom each is moved differently.
fn allocate_many(customers: usize) -> Allocations {
    let mut rng = StdRng::seed_from_u64(5);
    let mut menus = |customers: usize| {
        let mut menus = Menus::default();
        for _ in 0..customers {
            let (basket, moved) = (rng.random_range(200.0..3_000.0), rng.random_range(0.0..1.5_f64));
            menus.push((1..=8).map(|level| {
                let rate = 0.03 * f64::from(level);
                let comes = 0.2 + 0.7 * (1.0 - (-moved * rate * 10.0).exp());
                Level {
                    cost: Amount((comes * rate * basket) as i64),
                    gain: comes * basket * (0.5 - rate) - 0.1 * basket,
                }
            }));
        }
        menus
    };
    let some = menus(100_000);
    let everything = allocate(&some, Amount(i64::MAX)).cost.0;
    let gap = |part: i64| {
        let allocation = allocate(&some, Amount(everything / part));
        (allocation.bound - allocation.gain) / allocation.bound
    };
    let gap_100k = [20, 5, 2].into_iter().map(gap).fold(0.0, f64::max);
    let all = menus(customers);
    let began = Instant::now();
    let allocation = allocate(&all, Amount(everything / 100_000 * customers as i64 / 5));
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{customers} customers x 8 levels in {seconds:.2} s; of 100,000 the bound is missed by {gap_100k:.1e}; shadow price {:.3}",
        allocation.shadow_price
    );
    Allocations { gap_100k, customers, seconds }
}

/// Where there is little to be gained by telling customers apart.
fn alike() -> Truth {
    let truth = Truth::default();
    Truth {
        deaf: 0.0,
        visits: Spread { deviation: 0.3, ..truth.visits },
        response: Spread { deviation: 0.03, ..truth.response },
        ..truth
    }
}

fn rounded(figure: f64) -> f64 {
    (figure * 10_000.0).round() / 10_000.0
}

fn hold(truth: &Truth, seeds: usize, shoppers: usize) -> anyhow::Result<Vec<Report>> {
    let (next, held) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || -> anyhow::Result<()> {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds {
                return Ok(());
            }
            let contest = Contest { seed: seed as u64 + 1, shoppers, ..Contest::default() };
            let report = contest.hold(truth.clone(), &())?;
            let share = |share: Option<f64>| share.map_or("-".to_owned(), |share| format!("{share:.3}"));
            println!(
                "  seed {:>2}: of the oracle's {}, of its lead {}, ahead of the simple ones: {}",
                contest.seed,
                share(report.oracle_share),
                share(report.headroom_share),
                report.ahead_of_simple
            );
            held.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(report);
        }
    };
    std::thread::scope(|scope| {
        let workers = [scope.spawn(work), scope.spawn(work)];
        workers.into_iter().try_for_each(|worker| worker.join().ok().context("a contest broke off")?)
    })?;
    let mut held = held.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    held.sort_by_key(|report| report.seed);
    Ok(held)
}
