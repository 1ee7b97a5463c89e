//! A fit of the whole segmentation on made-up customers, what memory it takes, and how long placing one customer does.

use std::hint::black_box;
use std::time::Instant;

use anyhow::ensure;
use domain::SegmentMethod;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use segmentation::{Facts, Model, Params, fit};
use serde_json::{Value, json};

use crate::bench::load::{quantile, rounded};
use crate::bench::machine::{forget_peak_memory, peak_memory_mib};

const SEED: u64 = 20_261_127;
const CATEGORIES: usize = 12;
/// Customers that are placed at a time: one alone is shorter than the clock is exact.
const TOGETHER: usize = 16;
/// Customers that density is asked about: it learns from a part of more.
const DENSE: usize = 100_000;

/// Four habits, each with its own recency, frequency, basket and two categories.
pub(super) fn measure(customers: usize) -> anyhow::Result<Value> {
    let mut rng = StdRng::seed_from_u64(SEED);
    forget_peak_memory();
    let samples: Vec<Facts> = (0..customers).map(|_| customer(&mut rng)).collect();
    let given = peak_memory_mib();
    let started = Instant::now();
    let model = fit(&samples, &Params::default().check()?, SEED)?;
    let (seconds, peak) = (started.elapsed().as_secs_f64(), peak_memory_mib());
    ensure!(model.segments().len() >= 3, "four habits make at least three segments");

    let [p50, p99] = placing(&model, &samples);
    println!(
        "Refit of {customers} customers: {seconds:.1} s, {} segments, {peak} MiB at most ({given} MiB of it the customers); placing one: \
         p50 {p50:.2} us, p99 {p99:.2} us",
        model.segments().len()
    );
    let rules = Params { method: SegmentMethod::Dbscan, ..Params::default() }.check()?;
    let dense = fit(&samples[..customers.min(DENSE)], &rules, SEED)?;
    let [dense_p50, dense_p99] = placing(&dense, &samples);
    println!(
        "By density: {} segments; placing one: p50 {dense_p50:.2} us, p99 {dense_p99:.2} us",
        dense.segments().len()
    );
    Ok(json!({
        "refit_customers": customers, "refit_seconds": rounded(seconds), "refit_peak_mib": peak,
        "assign_p50_us": rounded(p50), "assign_p99_us": rounded(p99),
        "assign_dense_p50_us": rounded(dense_p50), "assign_dense_p99_us": rounded(dense_p99),
    }))
}

/// Median and 99th percentile of the microseconds that placing one customer takes.
fn placing(model: &Model, samples: &[Facts]) -> [f64; 2] {
    let some = &samples[..samples.len().min(200_000)];
    let mut taken = Vec::with_capacity(some.len() / TOGETHER);
    for some in some.chunks_exact(TOGETHER) {
        let started = Instant::now();
        for facts in some {
            black_box(model.assign(black_box(facts)));
        }
        taken.push(started.elapsed().as_secs_f64() * 1e6 / TOGETHER as f64);
    }
    [quantile(&taken, 0.5), quantile(&taken, 0.99)]
}

fn customer(rng: &mut StdRng) -> Facts {
    let kind: usize = rng.random_range(0..4);
    let around =
        |rng: &mut StdRng, middle: f64| middle * (0.4 * (rng.random::<f64>() + rng.random::<f64>() - 1.0)).exp();
    let frequency = around(rng, [60.0, 12.0, 4.0, 1.5][kind]).round().max(1.0);
    let average_order = around(rng, [350.0, 900.0, 400.0, 1_500.0][kind]);
    let composition = (0..3)
        .map(|n| {
            let category = if n < 2 { 2 * kind + n } else { rng.random_range(0..CATEGORIES) };
            (format!("category-{category}"), around(rng, average_order * frequency / 3.0))
        })
        .collect();
    Facts {
        recency_days: around(rng, [3.0, 15.0, 60.0, 200.0][kind]),
        frequency: frequency as u32,
        monetary: frequency * average_order,
        average_order,
        composition,
    }
}
