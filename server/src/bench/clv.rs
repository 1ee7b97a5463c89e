//! `kava bench clv`: BG/NBD fitted by us and by the Python package `lifetimes`, on CDNOW (Fader and Hardie's public data), each on
//! one thread, on the same histories. Both must stand on the same maximum.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, ensure};
use chrono::NaiveDate;
use segmentation::lifetime::{BgNbd, History};
use serde::Deserialize;
use serde_json::json;

use super::load::{Folder, rounded};
use super::machine::machine;
use super::python;

const DATA: &str = "../shared/data";
/// The papers fit the first 39 weeks.
const UNTIL: &str = "19970930";
/// How far the log-likelihoods may be apart.
const SAME: f64 = 0.01;

#[derive(Deserialize)]
struct Theirs {
    version: String,
    sample: Fitted,
    master: Fitted,
}

#[derive(Deserialize)]
struct Fitted {
    seconds: f64,
    /// r, alpha, a, b.
    model: BgNbd,
}

/// Prints the figures; the last line is one JSON object.
///
/// # Errors
/// When the data or `lifetimes` is not there, or the two do not agree.
pub async fn run(quick: bool) -> anyhow::Result<()> {
    let rounds = if quick { 3 } else { 9 };
    let folder = Folder::new()?;
    let mut histories = BTreeMap::new();
    for name in ["sample", "master"] {
        let customers = histories_of(&Path::new(DATA).join(format!("cdnow_{name}.txt.gz")), name == "sample")?;
        let flat: Vec<f64> = customers.iter().flat_map(|c| [f64::from(c.repeats), c.last, c.age]).collect();
        python::write_rows(&folder.0.join(format!("{name}.rows")), &flat)?;
        histories.insert(name, customers);
    }
    let theirs: Theirs = python::ask("clv", &folder.0, rounds).await?;
    let mut figures = json!({"peer": format!("lifetimes {}", theirs.version)});
    for (name, fitted) in [("sample", &theirs.sample), ("master", &theirs.master)] {
        let customers = &histories[name];
        let (seconds, fit) = python::median_seconds(rounds, || BgNbd::fit(customers))?;
        let other = fitted.model.log_likelihood(customers);
        let BgNbd { r, alpha, a, b } = fit.model;
        println!(
            "{name}, {} customers: {:.2} ms, theirs {:.1} ms; log-likelihood {:.5}, theirs {other:.5}; r {r:.6} alpha {alpha:.6} a {a:.6} b {b:.6}",
            customers.len(),
            seconds * 1e3,
            fitted.seconds * 1e3,
            fit.log_likelihood,
        );
        ensure!(fit.log_likelihood >= other - SAME, "theirs is a better maximum");
        figures[format!("log_likelihood_{name}")] = json!((fit.log_likelihood * 1e5).round() / 1e5);
        figures[format!("{name}_ms")] = json!(rounded(seconds * 1e3));
        let speedup = if name == "master" { "speedup_lifetimes" } else { "speedup_lifetimes_sample" };
        figures[speedup] = json!(rounded(fitted.seconds / seconds));
    }
    println!("{}", json!({"bench": "clv", "figures": figures, "machine": machine()}));
    Ok(())
}

/// Histories in weeks at the end of the 39th. The sample's file has a number of its own before each customer's purchases.
fn histories_of(path: &Path, is_sample: bool) -> anyhow::Result<Vec<History>> {
    let file = std::fs::File::open(path).with_context(|| format!("{} is needed", path.display()))?;
    let mut text = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text)?;
    let until = date(UNTIL)?;
    let mut days: BTreeMap<&str, Vec<NaiveDate>> = BTreeMap::new();
    for line in text.lines() {
        let fields: Vec<&str> = line.split_whitespace().skip(usize::from(is_sample)).collect();
        let (Some(customer), Some(day)) = (fields.first(), fields.get(1)) else { continue };
        // The head of the file names its columns.
        let Ok(day) = date(day) else { continue };
        if day <= until {
            days.entry(customer).or_default().push(day);
        }
    }
    let weeks = |from: NaiveDate, to: NaiveDate| (to - from).num_days() as f64 / 7.0;
    let history = |mut days: Vec<NaiveDate>| {
        days.sort_unstable();
        days.dedup();
        let (first, last) = (*days.first()?, *days.last()?);
        let repeats = u32::try_from(days.len() - 1).ok()?;
        Some(History { repeats, last: weeks(first, last), age: weeks(first, until) })
    };
    Ok(days.into_values().filter_map(history).collect())
}

fn date(text: &str) -> anyhow::Result<NaiveDate> {
    NaiveDate::parse_from_str(text, "%Y%m%d").with_context(|| format!("{text} is no date"))
}
