//! `kava bench rules`: association rules of `preferences`, and of Python's mlxtend and efficient-apriori, each on one thread and
//! from the same lists of baskets. Ours must be those that exact counting in integers makes, rule by rule; how many the
//! others find is told beside it, because floats lose some at the threshold.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::Path;

use anyhow::{Context, ensure};
use preferences::{Baskets, Bounds, Empty, MinSupport, Params, Ratio, Rhs, frequent, rules};
use serde::Deserialize;
use serde_json::json;

use super::load::{Folder, rounded};
use super::machine::machine;
use super::python;

const DATA: &str = "../shared/data";

/// Which baskets, and the thresholds as fractions.
struct Market {
    name: &'static str,
    file: &'static str,
    /// The columns of the basket and of the item.
    columns: (&'static str, &'static str),
    support: (u32, u32),
    confidence: (u32, u32),
}

const MARKETS: [Market; 2] = [
    Market {
        name: "groceries",
        file: "groceries.csv.gz",
        columns: ("transaction", "item"),
        support: (1, 1_000),
        confidence: (8, 10),
    },
    Market {
        name: "invoices",
        file: "online_retail.csv.gz",
        columns: ("InvoiceNo", "StockCode"),
        support: (1, 100),
        confidence: (5, 10),
    },
];

#[derive(Deserialize)]
struct Theirs {
    mlxtend: String,
    efficient_apriori: String,
    groceries: Mined,
    invoices: Mined,
}

#[derive(Deserialize)]
struct Mined {
    sets: usize,
    mlxtend_seconds: f64,
    mlxtend_rules: usize,
    efficient_apriori_seconds: f64,
    efficient_apriori_rules: usize,
}

/// Left side, right side, and the baskets with both, the left and the right.
type Counted = (Vec<u32>, Vec<u32>, u32, u32, u32);

/// Prints the figures; the last line is one JSON object.
///
/// # Errors
/// When the data or the packages are not there, or a rule is not what exact counting makes.
pub async fn run(quick: bool) -> anyhow::Result<()> {
    let rounds = if quick { 3 } else { 9 };
    let folder = Folder::new()?;
    let mut markets = Vec::new();
    let mut plan = Vec::new();
    for market in &MARKETS {
        let baskets = baskets_of(market)?;
        std::fs::write(folder.0.join(format!("{}.json", market.name)), serde_json::to_string(&baskets)?)?;
        plan.push(json!({"name": market.name, "support": market.support, "confidence": market.confidence}));
        markets.push((market, baskets));
    }
    std::fs::write(folder.0.join("plan.json"), json!(plan).to_string())?;
    let theirs: Theirs = python::ask("rules", &folder.0, rounds).await?;
    let peers = format!("mlxtend {}, efficient-apriori {}", theirs.mlxtend, theirs.efficient_apriori);
    println!("{peers}");
    let mut figures = json!({"peers": peers});
    let mut least = (f64::INFINITY, f64::INFINITY);
    for ((market, baskets), theirs) in markets.iter().zip([&theirs.groceries, &theirs.invoices]) {
        let name = market.name;
        let (seconds, (sets, found)) = python::median_seconds(rounds, || mine(market, baskets))?;
        ensure!(sets == theirs.sets, "{name}: {sets} item sets, and mlxtend has {}", theirs.sets);
        let exact = exact_rules(&folder.0.join(format!("{name}.rules")))?;
        ensure!(found == exact, "{name}: {} rules, and exact counting makes {}", found.len(), exact.len());
        let by_mlxtend = theirs.mlxtend_seconds / seconds;
        let by_apriori = theirs.efficient_apriori_seconds / seconds;
        least = (least.0.min(by_mlxtend), least.1.min(by_apriori));
        println!(
            "{name}, {} baskets: {sets} item sets and {} rules in {:.2} ms; mlxtend {} rules in {:.0} ms ({by_mlxtend:.0}x), \
             efficient-apriori {} in {:.0} ms ({by_apriori:.0}x)",
            baskets.len(),
            found.len(),
            seconds * 1e3,
            theirs.mlxtend_rules,
            theirs.mlxtend_seconds * 1e3,
            theirs.efficient_apriori_rules,
            theirs.efficient_apriori_seconds * 1e3,
        );
        for (figure, value) in [
            ("ms", json!(rounded(seconds * 1e3))),
            ("item_sets", json!(sets)),
            ("rules", json!(found.len())),
            ("rules_mlxtend", json!(theirs.mlxtend_rules)),
            ("rules_efficient_apriori", json!(theirs.efficient_apriori_rules)),
            ("speedup_mlxtend", json!(rounded(by_mlxtend))),
            ("speedup_efficient_apriori", json!(rounded(by_apriori))),
        ] {
            figures[format!("{name}_{figure}")] = value;
        }
    }
    figures["speedup_mlxtend"] = json!(rounded(least.0));
    figures["speedup_efficient_apriori"] = json!(rounded(least.1));
    println!("{}", json!({"bench": "rules", "figures": figures, "machine": machine()}));
    Ok(())
}

/// The whole way from lists to rules, as the peers go it: how many item sets, and the rules as they are compared.
fn mine(market: &Market, lists: &[Vec<u32>]) -> anyhow::Result<(usize, BTreeSet<Counted>)> {
    let ratio = |(part, whole)| Ratio::new(part, whole).context("a threshold over zero");
    let baskets = Baskets::from_lists(lists.iter().map(|list| list.iter().copied()), Empty::Count)?;
    let sets = frequent(&baskets, MinSupport::Share(ratio(market.support)?), Bounds::default(), &mut |_, _| {
        ControlFlow::Continue(())
    })?;
    let params = Params { min_confidence: ratio(market.confidence)?, rhs: Rhs::Any, ..Params::default() };
    let rules = rules(&sets, baskets.len(), &params)?;
    let named = |items: &[u32]| items.iter().filter_map(|item| baskets.name(*item).copied()).collect();
    let counted =
        rules.iter().map(|rule| (named(&rule.lhs), named(&rule.rhs), rule.count_xy, rule.count_x, rule.count_y));
    Ok((sets.len(), counted.collect()))
}

/// Baskets of a file, their items numbered as they come. Of the invoices those that sold something: no cancellation, and
/// more than nothing of it.
fn baskets_of(market: &Market) -> anyhow::Result<Vec<Vec<u32>>> {
    let path = Path::new(DATA).join(market.file);
    let file = std::fs::File::open(&path).with_context(|| format!("{} is needed", path.display()))?;
    let mut reader = csv::Reader::from_reader(flate2::read::GzDecoder::new(file));
    let head = reader.headers()?.clone();
    let column = |name: &str| head.iter().position(|title| title == name);
    let basket = column(market.columns.0).context("a column of baskets")?;
    let item = column(market.columns.1).context("a column of items")?;
    let quantity = column("Quantity");
    let mut numbers = BTreeMap::new();
    let mut baskets: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
    for row in reader.records() {
        let row = row?;
        let sold = quantity.is_none_or(|at| row[at].parse::<i64>().is_ok_and(|sold| sold > 0));
        if sold && !row[basket].starts_with('C') {
            let next = u32::try_from(numbers.len())?;
            let number = *numbers.entry(row[item].to_owned()).or_insert(next);
            baskets.entry(row[basket].to_owned()).or_default().insert(number);
        }
    }
    Ok(baskets.into_values().map(|items| items.into_iter().collect()).collect())
}

fn exact_rules(path: &Path) -> anyhow::Result<BTreeSet<Counted>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))?;
    text.lines().map(|line| serde_json::from_str(line).context("a rule of exact counting")).collect()
}
