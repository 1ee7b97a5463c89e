//! `kava bench boosting`: gradient boosting's training against LightGBM's, and predictions against XGBoost's, each on one thread and
//! in processor time, on the same rows.

use std::hint::black_box;
use std::time::Instant;

use anyhow::Context;
use discount::boosting::{Forest, Growth, Table, probability};
use discount::commitment::{Futures, UsedTo};
use discount::pilot;
use discount::response::{Basket, Belief, History, Levels};
use domain::Rate;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::Deserialize;
use serde_json::json;

use super::load::{Folder, quantile, rounded};
use super::machine::machine;
use super::python;

const SEED: u64 = 20_261_128;
const FEATURES: usize = 30;

#[derive(Deserialize)]
struct Theirs {
    versions: String,
    train_seconds: f64,
    auc: f64,
    xgboost_auc: f64,
    predict_seconds: f64,
}

/// Prints the figures; the last line is one JSON object.
///
/// # Errors
/// When a package is not there.
pub async fn run(quick: bool) -> anyhow::Result<()> {
    let (rows, unseen, rounds) = if quick { (50_000, 20_000, 1) } else { (200_000, 50_000, 3) };
    let mut rng = StdRng::seed_from_u64(SEED);
    let (seen, outcomes) = sample(&mut rng, rows)?;
    let (rest, rest_outcomes) = sample(&mut rng, unseen)?;
    let growth =
        Growth { trees: 300, depth: 5, learning_rate: 0.05, columns: 0.5, l2: 5.0, least: 5.0, ..Growth::default() };
    let folder = Folder::new()?;
    for (name, table, outcomes) in [("seen", &seen, &outcomes), ("unseen", &rest, &rest_outcomes)] {
        let columns = (0..FEATURES).flat_map(|feature| (0..table.rows()).map(move |row| table.value(row, feature)));
        python::write_rows(&folder.0.join(format!("{name}.rows")), &columns.collect::<Vec<_>>())?;
        python::write_rows(&folder.0.join(format!("{name}.outcomes")), outcomes)?;
    }
    let plan = json!({
        "rows": rows, "unseen": unseen, "features": FEATURES, "trees": growth.trees, "depth": growth.depth,
        "learning_rate": growth.learning_rate, "columns": growth.columns, "l2": growth.l2, "least": growth.least,
    });
    std::fs::write(folder.0.join("plan.json"), plan.to_string())?;
    let theirs: Theirs = python::ask("boosting", &folder.0, rounds).await?;

    let weights = vec![1.0; rows];
    let (train, forest) = python::median_seconds(rounds, || Forest::grow(&seen, &outcomes, &weights, &growth))?;
    let (predict, told) = python::median_seconds(rounds.max(3), || anyhow::Ok(forest.predict_all(&rest)))?;
    let ours = auc(&rest_outcomes, &told);
    println!(
        "training {train:.2} s, LightGBM {:.2} s; AUC {ours:.5}, LightGBM {:.5}, XGBoost {:.5}",
        theirs.train_seconds, theirs.auc, theirs.xgboost_auc
    );
    let micros = |seconds: f64| seconds * 1e6 / unseen as f64;
    println!("a row of {unseen} in {:.2} us, XGBoost {:.2} us", micros(predict), micros(theirs.predict_seconds));
    let one = one_customer()?;
    println!(
        "what one customer would do at 8 levels: {:.1} us at the median, {:.1} at the 99th percentile",
        one.0, one.1
    );
    let figures = json!({
        "auc_gap": (1e6 * (ours - theirs.auc)).round() / 1e6,
        "auc": (1e5 * ours).round() / 1e5,
        "train_ratio": rounded(train / theirs.train_seconds),
        "train_s": rounded(train),
        "predict_ratio": rounded(predict / theirs.predict_seconds),
        "predict_us_row": rounded(micros(predict)),
        "customer_8_levels_p50_us": rounded(one.0),
        "customer_8_levels_p99_us": rounded(one.1),
        "rows": rows,
        "peer": theirs.versions,
        "quick": quick,
    });
    println!("{}", json!({"bench": "boosting", "figures": figures, "machine": machine()}));
    Ok(())
}

/// Thirty features of which ten matter, some together; noise enough that nobody foretells it well.
fn sample(rng: &mut StdRng, rows: usize) -> anyhow::Result<(Table, Vec<f64>)> {
    let values: Vec<f64> = (0..rows * FEATURES).map(|_| rng.random_range(-1.0..1.0)).collect();
    let table = Table::new(rows, values).context("there are rows")?;
    let outcomes = (0..rows).map(|row| {
        let at = |feature| table.value(row, feature);
        let odds = at(0) + at(1) * at(2) + (3.0 * at(3)).sin() + at(4).max(0.0) * at(5) - at(6).abs()
            + 0.5 * at(7) * at(7)
            + if at(8) > 0.3 { at(9) } else { 0.0 }
            - 0.4;
        f64::from(u8::from(rng.random::<f64>() < probability(odds)))
    });
    let outcomes = outcomes.collect();
    Ok((table, outcomes))
}

/// The area under the receiver's curve: by ranks, equals in the middle.
fn auc(outcomes: &[f64], told: &[f64]) -> f64 {
    let mut rows: Vec<usize> = (0..told.len()).collect();
    rows.sort_by(|a, b| told[*a].total_cmp(&told[*b]));
    let (mut ranks, mut positives, mut at) = (0.0, 0.0, 0);
    while at < rows.len() {
        let equals = rows[at..].iter().take_while(|row| told[**row] == told[rows[at]]).count();
        let rank = at as f64 + (equals as f64 + 1.0) / 2.0;
        let of_equals = rows[at..at + equals].iter().filter(|row| outcomes[**row] == 1.0).count() as f64;
        (ranks, positives, at) = (ranks + rank * of_equals, positives + of_equals, at + equals);
    }
    let negatives = told.len() as f64 - positives;
    (ranks - positives * (positives + 1.0) / 2.0) / (positives * negatives)
}

/// Microseconds, at the median and the 99th percentile, to say what one customer's margin and discount would be at eight levels: a week is
/// learned, and the model asked.
fn one_customer() -> anyhow::Result<(f64, f64)> {
    let levels = [0, 250, 500, 750, 1_000, 1_500, 2_000, 2_500].map(Rate).to_vec();
    let levels = Levels::new(levels).context("they rise")?;
    let mut rng = StdRng::seed_from_u64(SEED);
    let history = |customer: u64| {
        let mut history = History::default();
        for week in 0..26 {
            let (level, _) = pilot::offer(levels.rates().len(), SEED, customer, week);
            let comes = rng.random::<f64>() < 0.2 + 0.02 * f64::from(level);
            history.offered.push(level);
            history.bought.push(comes.then_some(Basket { gross: 600.0, cost: 240.0, discount: 0.0 }));
        }
        history
    };
    let histories: Vec<History> = (0..2_000).map(history).collect();
    let (response, _) = discount::response::fit(&histories, &levels)?;
    let futures = Futures::follow(&response, 26, 26, 1, true);
    let mut belief = Belief::new(&response);
    let mut prospects = Vec::new();
    let mut taken: Vec<f64> = (0..20_000_u32)
        .map(|week| {
            let began = Instant::now();
            belief.learn(&response, week % 52, (week % 8) as u8, None);
            futures.of(&response, black_box(&belief), UsedTo::Level(2), &mut prospects);
            black_box(&prospects);
            began.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    taken.sort_by(f64::total_cmp);
    Ok((quantile(&taken, 0.5), quantile(&taken, 0.99)))
}
