//! `kava bench uplift`: whom an e-mail moves, in Hillstrom's trial (2008), against five learners over LightGBM, all scored by
//! scikit-uplift on the same rows that none has seen.
//!
//! Our own scores must be scikit-uplift's, or the bench fails. For the e-mail about men's goods nothing beats chance beyond the noise:
//! the figures carry the noise, so that it shows.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, ensure};
use discount::boosting::{Growth, Table};
use discount::uplift::{Chosen, Learner, Trial, Uplift, qini, uplift_at};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::Deserialize;
use serde_json::json;

use super::load::Folder;
use super::machine::machine;
use super::python;

const DATA: &str = "../shared/data/hillstrom_half.csv.gz";
const SEED: u64 = 20_261_128;
/// Of all rows, those that no learner sees.
const UNSEEN: f64 = 0.3;
/// Orders by chance, a split, against which noise is measured.
const BY_CHANCE: usize = 100;
const OURS: &str = "kava";

#[derive(Deserialize)]
struct Theirs {
    versions: String,
    /// By trial, learner and split: Qini and uplift at 30 %.
    scores: BTreeMap<String, BTreeMap<String, Vec<(f64, f64)>>>,
}

/// Prints the figures; the last line is one JSON object.
///
/// # Errors
/// When the data or a package is not there, or our scores are not scikit-uplift's.
pub async fn run(quick: bool) -> anyhow::Result<()> {
    let splits = if quick { 2 } else { 5 };
    let (table, groups, visits) = read()?;
    let folder = Folder::new()?;
    let write = |name: String, numbers: &[f64]| python::write_rows(&folder.0.join(name), numbers);
    let columns = (0..table.features()).flat_map(|feature| (0..table.rows()).map(move |row| (row, feature)));
    write("table.rows".to_owned(), &columns.map(|(row, feature)| table.value(row, feature)).collect::<Vec<_>>())?;
    let growth = Growth { trees: 100, depth: 3, learning_rate: 0.05, least: 20.0, columns: 0.7, ..Growth::default() };
    let mut ours: BTreeMap<&str, Vec<(f64, f64)>> = BTreeMap::new();
    let mut by_chance: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (name, group) in [("womens", "Womens E-Mail"), ("mens", "Mens E-Mail")] {
        let rows: Vec<usize> =
            (0..table.rows()).filter(|row| groups[*row] == group || groups[*row] == "No E-Mail").collect();
        let trial = Trial {
            table: table.only(&rows),
            treated: rows.iter().map(|row| groups[*row] == group).collect(),
            outcomes: rows.iter().map(|row| visits[*row]).collect(),
        };
        let number = |truth: &[bool]| truth.iter().map(|one| f64::from(u8::from(*one))).collect::<Vec<_>>();
        write(format!("{name}.of"), &rows.iter().map(|row| *row as f64).collect::<Vec<_>>())?;
        write(format!("{name}.treated"), &number(&trial.treated))?;
        write(format!("{name}.outcomes"), &trial.outcomes)?;
        for split in 0..splits {
            let mut rng = StdRng::seed_from_u64(SEED + split);
            let unseen: Vec<bool> = rows.iter().map(|_| rng.random::<f64>() < UNSEEN).collect();
            let (seen, rest) = (part(&trial, &unseen, false), part(&trial, &unseen, true));
            let Chosen { uplift, learner, scores } = Uplift::choose(&seen, &Growth { seed: split, ..growth.clone() })?;
            let told = uplift.predict_all(&rest.table);
            write(format!("{name}.{split}.unseen"), &number(&unseen))?;
            write(format!("{name}.{split}.kava"), &told)?;
            let score =
                (qini(&rest.outcomes, &told, &rest.treated), uplift_at(0.3, &rest.outcomes, &told, &rest.treated));
            println!("{name}, split {split}: {learner:?} of {}; Qini {:.4}", listed(&scores), score.0);
            ours.entry(name).or_default().push(score);
            for _ in 0..BY_CHANCE {
                let order: Vec<f64> = told.iter().map(|_| rng.random()).collect();
                by_chance.entry(name).or_default().push(qini(&rest.outcomes, &order, &rest.treated));
            }
        }
    }
    let plan = json!({
        "rows": table.rows(), "features": table.features(), "splits": splits,
        "trials": [{"name": "womens"}, {"name": "mens"}],
    });
    std::fs::write(folder.0.join("plan.json"), plan.to_string())?;
    let theirs: Theirs = python::ask("uplift", &folder.0, 1).await?;
    let mut figures = json!({"peer": theirs.versions, "splits": splits, "quick": quick});
    for (name, learners) in &theirs.scores {
        for (learner, scores) in learners {
            let (qini, noise) = mean(scores.iter().map(|score| score.0));
            let (uplift, _) = mean(scores.iter().map(|score| score.1));
            println!("{name:<8}{learner:<14} Qini {qini:.4} +- {noise:.4}   uplift at 30 % {uplift:.4}");
        }
        let told = &learners[OURS];
        let same =
            ours[name.as_str()].iter().zip(told).all(|(a, b)| (a.0 - b.0).abs() < 1e-9 && (a.1 - b.1).abs() < 1e-9);
        ensure!(same, "our Qini is not scikit-uplift's");
        let of = |learner: &str| mean(learners[learner].iter().map(|score| score.0));
        let best = learners.keys().filter(|learner| *learner != OURS).map(|learner| of(learner).0);
        let best = best.fold(f64::NEG_INFINITY, f64::max);
        let uplifts = |learner: &String| mean(learners[learner].iter().map(|score| score.1)).0;
        let best_uplift = learners.keys().filter(|learner| *learner != OURS).map(uplifts);
        let (qini, noise) = of(OURS);
        let (chance, chance_noise) = mean(by_chance[name.as_str()].iter().copied());
        let over = if name == "womens" { "qini_over_best".to_owned() } else { format!("qini_over_best_{name}") };
        figures[over] = json!(rounded(qini / best));
        figures[format!("qini_{name}")] = json!(rounded(qini));
        figures[format!("qini_{name}_noise")] = json!(rounded(noise));
        figures[format!("qini_{name}_chance")] = json!(rounded(chance));
        figures[format!("qini_{name}_best")] = json!(rounded(best));
        figures[format!("uplift30_{name}")] = json!(rounded(uplifts(&OURS.to_owned())));
        figures[format!("uplift30_{name}_best")] = json!(rounded(best_uplift.fold(f64::NEG_INFINITY, f64::max)));
        let decided = qini - chance > 2.0 * (noise.powi(2) + chance_noise.powi(2)).sqrt();
        figures[format!("beats_chance_{name}")] = json!(decided);
        if !decided {
            println!("{name}: no learner can be told from chance here.");
        }
    }
    println!("{}", json!({"bench": "uplift", "figures": figures, "machine": machine()}));
    Ok(())
}

fn rounded(figure: f64) -> f64 {
    (figure * 1e4).round() / 1e4
}

fn listed(scores: &[(Learner, f64)]) -> String {
    scores.iter().map(|(learner, score)| format!("{learner:?} {score:.5}")).collect::<Vec<_>>().join(", ")
}

/// And the deviation from split to split.
fn mean(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let values: Vec<f64> = values.collect();
    let count = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    (mean, (squares / (count - 1.0).max(1.0)).sqrt())
}

fn part(trial: &Trial, unseen: &[bool], wanted: bool) -> Trial {
    let rows: Vec<usize> = (0..unseen.len()).filter(|row| unseen[*row] == wanted).collect();
    Trial {
        table: trial.table.only(&rows),
        treated: rows.iter().map(|row| trial.treated[*row]).collect(),
        outcomes: rows.iter().map(|row| trial.outcomes[*row]).collect(),
    }
}

/// What is known of each customer, the group that chance put them in, and whether they visited.
fn read() -> anyhow::Result<(Table, Vec<String>, Vec<f64>)> {
    let file = std::fs::File::open(Path::new(DATA)).with_context(|| format!("{DATA} is needed"))?;
    let mut reader = csv::Reader::from_reader(flate2::read::GzDecoder::new(file));
    let (mut rows, mut groups, mut visits) = (Vec::new(), Vec::new(), Vec::new());
    let mut features = 0;
    for record in reader.records() {
        let record = record?;
        let mut row = Vec::new();
        for number in [0, 2, 3, 4, 6] {
            row.push(record[number].parse::<f64>()?);
        }
        // As the file spells them.
        row.extend(["Rural", "Surburban", "Urban"].map(|place| f64::from(u8::from(&record[5] == place))));
        row.extend(["Phone", "Web", "Multichannel"].map(|channel| f64::from(u8::from(&record[7] == channel))));
        features = row.len();
        rows.extend(row);
        groups.push(record[8].to_owned());
        visits.push(record[9].parse::<f64>()?);
    }
    Ok((Table::from_rows(features, &rows).context("the file has no rows")?, groups, visits))
}
