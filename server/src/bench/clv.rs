//! `kava bench clv`: BG/NBD fitted by us and by the Python package `lifetimes`, on CDNOW (Fader and Hardie's public data), each on
//! one thread, on the same histories. Both must stand on the same maximum.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, ensure};
use chrono::{Datelike, NaiveDate};
use segmentation::clv::{BgNbd, Params, Purchase, Summary, summaries};
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
        let customers = summaries_of(&Path::new(DATA).join(format!("cdnow_{name}.txt.gz")))?;
        let flat: Vec<f64> = customers.iter().flat_map(|c| [f64::from(c.frequency), c.recency, c.age]).collect();
        python::write_rows(&folder.0.join(format!("{name}.rows")), &flat)?;
        histories.insert(name, customers);
    }
    let theirs: Theirs = python::ask("clv", &folder.0, rounds).await?;
    let mut figures = json!({"peer": format!("lifetimes {}", theirs.version)});
    for (name, fitted) in [("sample", &theirs.sample), ("master", &theirs.master)] {
        let customers = &histories[name];
        let (seconds, fit) = python::median_seconds(rounds, || BgNbd::fit(customers, Params::default()))?;
        let other = fitted.model.log_likelihood(customers);
        let (r, alpha, a, b) = (fit.model.r(), fit.model.alpha(), fit.model.a(), fit.model.b());
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

/// Summaries in weeks at the end of the 39th. The sample's file has a number of its own before each customer's purchases.
fn summaries_of(path: &Path) -> anyhow::Result<Vec<Summary>> {
    let file = std::fs::File::open(path).with_context(|| format!("{} is needed", path.display()))?;
    let mut text = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text)?;
    let purchase = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [.., customer, when, _, _] = fields.as_slice() else { return None };
        // The head of the master file names its columns.
        Some(Purchase { customer: customer.parse::<u32>().ok()?, day: day(when).ok()?, value: 0.0 })
    };
    let purchases: Vec<_> = text.lines().filter_map(purchase).collect();
    Ok(summaries(&purchases, 7.0, day(UNTIL)?)?.into_iter().map(|customer| customer.summary).collect())
}

fn day(text: &str) -> anyhow::Result<i32> {
    let date = NaiveDate::parse_from_str(text, "%Y%m%d").with_context(|| format!("{text} is no date"))?;
    Ok(date.num_days_from_ce())
}
