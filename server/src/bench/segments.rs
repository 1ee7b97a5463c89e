//! `kava bench segments`: K-Means and DBSCAN of our own against scikit-learn's, each on one thread, on the same rows.
//!
//! `kmeans_speedup` and `inertia_ratio`: ten runs over overlapping groups of customers. `dbscan_speedup`: dense groups with
//! people between them. `dbscan_dup_speedup`: the same with every third row a repeated one, as customers of one purchase are.
//! DBSCAN's labels must be scikit-learn's, row by row. `refit_*` and `assign_*`: the whole segmentation, on a million customers.

mod refit;

use std::path::PathBuf;

use anyhow::{Context, ensure};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use segmentation::clustering::{DbscanParams, KMeansParams};
use serde::Deserialize;
use serde_json::json;

use super::load::{Folder, rounded};
use super::machine::machine;
use super::python;

const SEED: u64 = 20_261_127;
const COLUMNS: usize = 10;
const CLUSTERS: usize = 8;
const RUNS: usize = 10;
const DENSE_ROWS: usize = 20_000;
const DENSE_COLUMNS: usize = 4;
const REACH: f64 = 0.6;
const MIN_POINTS: usize = 10;

#[derive(Deserialize)]
struct Theirs {
    version: String,
    kmeans: TheirKMeans,
    dbscan: Taken,
    duplicates: Taken,
}

#[derive(Deserialize)]
struct TheirKMeans {
    seconds: f64,
    inertia: f64,
}

#[derive(Deserialize)]
struct Taken {
    seconds: f64,
}

/// Prints the figures; the last line is one JSON object.
///
/// # Errors
/// When scikit-learn is not there, or DBSCAN's labels are not its.
pub async fn run(quick: bool) -> anyhow::Result<()> {
    let (rows, rounds) = if quick { (30_000, 3) } else { (100_000, 5) };
    let folder = Folder::new()?;
    let mut rng = StdRng::seed_from_u64(SEED);
    let customers = groups(&mut rng, rows, COLUMNS, CLUSTERS, 1.0);
    let dense = groups(&mut rng, DENSE_ROWS, DENSE_COLUMNS, 12, 0.35);
    let duplicates = with_duplicates(&mut rng, dense.clone());
    for (name, flat) in [("kmeans", &customers), ("dbscan", &dense), ("duplicates", &duplicates)] {
        python::write_rows(&folder.0.join(format!("{name}.rows")), flat)?;
    }
    let plan = json!({
        "kmeans_columns": COLUMNS, "clusters": CLUSTERS, "runs": RUNS,
        "dbscan_columns": DENSE_COLUMNS, "reach": REACH, "min_points": MIN_POINTS,
    });
    std::fs::write(folder.0.join("plan.json"), plan.to_string())?;
    let theirs: Theirs = python::ask("segments", &folder.0, rounds).await?;
    println!(
        "scikit-learn {}, {rows} customers of {COLUMNS} columns, {CLUSTERS} clusters, {RUNS} runs",
        theirs.version
    );

    let rules = KMeansParams::new(CLUSTERS).runs(RUNS).seed(1).check()?;
    let (seconds, found) = python::median_seconds(rounds, || rules.fit_rows(customers.clone(), COLUMNS))?;
    let inertia_ratio = found.inertia() / theirs.kmeans.inertia;
    println!(
        "K-Means: {:.1} ms, theirs {:.1} ms; inertia {:.1}, theirs {:.1}",
        seconds * 1e3,
        theirs.kmeans.seconds * 1e3,
        found.inertia(),
        theirs.kmeans.inertia
    );
    let mut figures = json!({
        "kmeans_speedup": rounded(theirs.kmeans.seconds / seconds),
        "inertia_ratio": (inertia_ratio * 1e6).round() / 1e6,
        "kmeans_ms": rounded(seconds * 1e3),
        "rows": rows,
        "peer": format!("scikit-learn {}", theirs.version),
    });
    let rules = DbscanParams::new(REACH, MIN_POINTS).check()?;
    for (name, figure, flat, taken) in [
        ("dbscan", "dbscan", &dense, theirs.dbscan.seconds),
        ("duplicates", "dbscan_dup", &duplicates, theirs.duplicates.seconds),
    ] {
        let (seconds, found) = python::median_seconds(rounds, || rules.fit_rows(flat.clone(), DENSE_COLUMNS))?;
        let labels = read(&folder.0.join(format!("{name}.labels")))?;
        let same = found
            .labels()
            .iter()
            .zip(&labels)
            .filter(|(ours, theirs)| ours.map_or(-1, |label| label as i32) == **theirs);
        let identical = same.count() == labels.len() && labels.len() == found.labels().len();
        println!(
            "DBSCAN, {name}: {:.1} ms, theirs {:.1} ms; {} clusters, labels {}",
            seconds * 1e3,
            taken * 1e3,
            found.clusters(),
            if identical { "identical" } else { "DIFFERENT" }
        );
        ensure!(identical, "DBSCAN's labels are not scikit-learn's");
        figures[format!("{figure}_speedup")] = json!(rounded(taken / seconds));
        figures[format!("{figure}_ms")] = json!(rounded(seconds * 1e3));
    }
    let refit = refit::measure(if quick { 100_000 } else { 1_000_000 })?;
    for (figure, value) in refit.as_object().into_iter().flatten() {
        figures[figure] = value.clone();
    }
    println!("{}", json!({"bench": "segments", "figures": figures, "machine": machine()}));
    Ok(())
}

/// Groups around random centres, in a cube of side ten; a twentieth of the rows is anywhere.
fn groups(rng: &mut StdRng, rows: usize, columns: usize, groups: usize, spread: f64) -> Vec<f64> {
    let centres: Vec<f64> = (0..groups * columns).map(|_| rng.random_range(0.0..10.0)).collect();
    let mut flat = Vec::with_capacity(rows * columns);
    for row in 0..rows {
        let own = rng.random_range(0..groups);
        for column in 0..columns {
            let bell: f64 = (0..12).map(|_| rng.random_range(0.0..1.0)).sum::<f64>() - 6.0;
            let anywhere = rng.random_range(0.0..10.0);
            flat.push(if row % 20 == 0 { anywhere } else { centres[own * columns + column] + bell * spread });
        }
    }
    flat
}

/// Every third row becomes one of the others.
fn with_duplicates(rng: &mut StdRng, mut flat: Vec<f64>) -> Vec<f64> {
    for row in (0..DENSE_ROWS).step_by(3) {
        let other = rng.random_range(0..DENSE_ROWS);
        flat.copy_within(other * DENSE_COLUMNS..(other + 1) * DENSE_COLUMNS, row * DENSE_COLUMNS);
    }
    flat
}

fn read(path: &PathBuf) -> anyhow::Result<Vec<i32>> {
    let bytes = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    Ok(bytes.as_chunks::<4>().0.iter().map(|label| i32::from_le_bytes(*label)).collect())
}
