//! `kava bench preferences`: who buys what next, and what else goes into a basket.
//!
//! The invoices of online_retail, at several cuts: what is known before is learned from, and what each customer buys in the four
//! weeks after is to be among the first ten. Things that are bought again count, because that is most of what customers buy, and the
//! peers may name them as well. The peers (popularity, the last purchase again, EASE, and item-kNN and ALS of
//! Python's implicit) choose their parameters on the four weeks before the first cut, as ours does before each.
//!
//! Groceries: a fifth of the baskets, one item hidden in each, is to be completed.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, ensure};
use chrono::NaiveDateTime;
use preferences::ranking::{Facts, Model, Params, fit};
use preferences::{Counts, History, Neighbours, Purchase};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use serde::Deserialize;
use serde_json::{Value, json};

use super::load::{Folder, quantile, rounded};
use super::machine::machine;
use super::python;

const DATA: &str = "../shared/data";
const SEED: u64 = 20_261_127;
const DAY: i64 = 1_440;
const FIRST: usize = 10;
/// After a cut, in days.
const WINDOW: i64 = 28;
const PEERS: [&str; 5] = ["popularity", "repeat_last", "ease", "item_knn", "als"];
const RESAMPLES: usize = 1_000;
/// Of the published protocol.
const GROCERIES_RIDGE: f64 = 1_000.0;

#[derive(Deserialize)]
struct Theirs {
    version: String,
    chosen: Value,
    seconds: BTreeMap<String, f64>,
}

/// Prints the figures; the last line is one JSON object.
///
/// # Errors
/// When the data or implicit is not there, or a fit fails.
pub async fn run(quick: bool) -> anyhow::Result<()> {
    let cuts: &[i64] = if quick { &[28] } else { &[28, 42, 56, 70, 84] };
    let mut figures = retail(cuts).await?;
    let groceries = groceries(if quick { 3 } else { 10 })?;
    for (figure, value) in groceries.as_object().into_iter().flatten() {
        figures[figure] = value.clone();
    }
    println!("{}", json!({"bench": "preferences", "figures": figures, "machine": machine()}));
    Ok(())
}

/// A moment to foretell from.
struct Cut {
    name: String,
    at: i64,
    known: History,
    asked: Vec<Asked>,
}

/// Somebody who bought before and after.
struct Asked {
    customer: u32,
    history: Vec<Purchase>,
    wanted: BTreeSet<u32>,
}

impl Cut {
    fn at(name: &str, history: &History, at: i64) -> Self {
        let asked = history.customers().filter_map(|own| {
            let (before, after) = own.split_at(own.partition_point(|purchase| purchase.at < at));
            let soon = after.iter().filter(|purchase| purchase.at < at + WINDOW * DAY);
            let wanted: BTreeSet<u32> = soon.flat_map(|purchase| purchase.items.iter().copied()).collect();
            let customer = before.first()?.customer;
            (!wanted.is_empty()).then(|| Asked { customer, history: before.to_vec(), wanted })
        });
        Self { name: name.to_owned(), at, known: history.before(at), asked: asked.collect() }
    }

    fn write(&self, folder: &Path) -> anyhow::Result<()> {
        let (mut bought, mut last) = (BTreeMap::<(u32, u32), u32>::new(), Vec::new());
        for own in self.known.customers() {
            for purchase in own {
                purchase.items.iter().for_each(|item| *bought.entry((purchase.customer, *item)).or_default() += 1);
            }
            let newest = own.last().into_iter();
            last.extend(newest.flat_map(|purchase| purchase.items.iter().flat_map(|item| [purchase.customer, *item])));
        }
        let file = |ending: &str| folder.join(format!("{}.{ending}", self.name));
        let bought: Vec<u32> = bought.iter().flat_map(|((customer, item), times)| [*customer, *item, *times]).collect();
        write_numbers(&file("train"), &bought)?;
        write_numbers(&file("last"), &last)?;
        write_numbers(&file("asked"), &self.asked.iter().map(|asked| asked.customer).collect::<Vec<_>>())?;
        let wanted = self.asked.iter().flat_map(|asked| asked.wanted.iter().flat_map(|item| [asked.customer, *item]));
        write_numbers(&file("wanted"), &wanted.collect::<Vec<_>>())
    }
}

/// Of one list: the gain, and the share of what was wanted that it has.
#[derive(Clone, Copy)]
struct Scores {
    ndcg: f64,
    recall: f64,
}

async fn retail(days: &[i64]) -> anyhow::Result<Value> {
    let history = invoices()?;
    let end = history.end().context("there are invoices")?;
    let folder = Folder::new()?;
    let cuts: Vec<Cut> = days.iter().map(|days| Cut::at(&format!("cut_{days}"), &history, end - days * DAY)).collect();
    let first = cuts.iter().map(|cut| cut.at).min().context("there is a cut")?;
    let tuning = Cut::at("tuning", &history.before(first), first - WINDOW * DAY);
    for cut in cuts.iter().chain([&tuning]) {
        cut.write(&folder.0)?;
    }
    let names: Vec<&str> = cuts.iter().map(|cut| cut.name.as_str()).collect();
    std::fs::write(folder.0.join("plan.json"), json!({"items": history.items(), "cuts": names}).to_string())?;
    let theirs: Theirs = python::ask("preferences", &folder.0, 1).await?;
    println!("implicit {}; chosen by the peers: {}", theirs.version, theirs.chosen);

    let mut scores: BTreeMap<&str, Vec<Scores>> = BTreeMap::new();
    let (mut fits, mut ranks) = (Vec::new(), Vec::new());
    for cut in &cuts {
        let started = Instant::now();
        let model = fit(&cut.known, &Params::default().check()?, &mut |_, _| ControlFlow::Continue(()))?;
        fits.push(started.elapsed().as_secs_f64());
        let mut ours = Vec::new();
        for asked in &cut.asked {
            let started = Instant::now();
            let facts =
                Facts { customer: Some(asked.customer), history: &asked.history, now: cut.at, ..Facts::default() };
            let ranked = model.rank(&facts, FIRST);
            ranks.push(started.elapsed().as_secs_f64() * 1e6);
            ours.push(ranked.into_iter().map(|ranked| ranked.item).collect());
        }
        let mut lists = vec![("ours", ours)];
        for peer in PEERS {
            lists.push((peer, read_lists(&folder.0.join(format!("{}.{peer}.top", cut.name)), cut.asked.len())?));
        }
        for (name, lists) in lists {
            let scored = lists.iter().zip(&cut.asked).map(|(list, asked)| score(list, asked));
            scores.entry(name).or_default().extend(scored);
        }
        println!("{}: {} customers, {}", cut.name, cut.asked.len(), told(model.report()));
    }

    let mean = |name: &str, of: fn(&Scores) -> f64| {
        let all = scores.get(name).map(Vec::as_slice).unwrap_or_default();
        all.iter().map(of).sum::<f64>() / all.len().max(1) as f64
    };
    let mut figures = json!({"peer": format!("implicit {}", theirs.version), "customers": scores["ours"].len()});
    for name in ["ours"].into_iter().chain(PEERS) {
        let ending = if name == "ours" { String::new() } else { format!("_{name}") };
        figures[format!("ndcg10{ending}")] = json!(rounded4(mean(name, |s| s.ndcg)));
        figures[format!("recall10{ending}")] = json!(rounded4(mean(name, |s| s.recall)));
        let [ndcg, recall] = [mean(name, |s| s.ndcg), mean(name, |s| s.recall)];
        println!("{name:12} NDCG@10 {ndcg:.4}, recall@10 {recall:.4}");
    }
    let best =
        PEERS.into_iter().max_by(|a, b| mean(a, |s| s.ndcg).total_cmp(&mean(b, |s| s.ndcg))).context("a peer")?;
    let (low, high) = interval(&scores["ours"], &scores[best]);
    let over = mean("ours", |s| s.ndcg) / mean(best, |s| s.ndcg);
    println!("over the best, {best}: {over:.3} ({low:.3} to {high:.3}, 95 %, paired over customers)");
    figures["best_peer"] = json!(best);
    figures["ndcg10_over_best"] = json!(rounded(over));
    figures["ndcg10_over_best_low"] = json!(rounded(low));
    figures["ndcg10_over_best_high"] = json!(rounded(high));
    figures["fit_s"] = json!(rounded(quantile(&fits, 0.5)));
    for peer in ["ease", "als"] {
        figures[format!("fit_s_{peer}")] = json!(rounded(theirs.seconds.get(peer).copied().unwrap_or(f64::NAN)));
    }
    figures["rank_us"] = json!(quantile(&ranks, 0.5).round());
    figures["rank_p99_us"] = json!(quantile(&ranks, 0.99).round());
    Ok(figures)
}

fn told(report: &preferences::ranking::Report) -> String {
    let parts = report.ndcg10_of_parts.iter().map(|(part, alone)| format!("{part} {alone:.3}")).collect::<Vec<_>>();
    format!(
        "learned on {} before: {:.3}, its parts alone: {}",
        report.customers,
        report.ndcg10.unwrap_or(0.0),
        parts.join(", ")
    )
}

fn score(list: &[u32], asked: &Asked) -> Scores {
    let found = list.iter().filter(|item| asked.wanted.contains(item)).count();
    Scores { ndcg: ndcg(list, &asked.wanted), recall: found as f64 / asked.wanted.len() as f64 }
}

/// Normalised and discounted; every wanted item is worth the same.
fn ndcg(list: &[u32], wanted: &BTreeSet<u32>) -> f64 {
    let gain = |rank: usize| 1.0 / ((rank + 2) as f64).log2();
    let got: f64 = list.iter().enumerate().filter(|(_, item)| wanted.contains(item)).map(|(rank, _)| gain(rank)).sum();
    got / (0..wanted.len().min(FIRST)).map(gain).sum::<f64>()
}

/// Of the ratio of the means, by drawing customers again, both lists of each together.
fn interval(ours: &[Scores], theirs: &[Scores]) -> (f64, f64) {
    let mut rng = StdRng::seed_from_u64(SEED);
    let ratios: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let (mut a, mut b) = (0.0, 0.0);
            for _ in 0..ours.len() {
                let n = rng.random_range(0..ours.len());
                a += ours[n].ndcg;
                b += theirs[n].ndcg;
            }
            a / b
        })
        .collect();
    (quantile(&ratios, 0.025), quantile(&ratios, 0.975))
}

/// Purchases of known customers, without cancellations.
fn invoices() -> anyhow::Result<History> {
    let path = Path::new(DATA).join("online_retail.csv.gz");
    let file = std::fs::File::open(&path).with_context(|| format!("{} is needed", path.display()))?;
    let mut reader = csv::Reader::from_reader(flate2::read::GzDecoder::new(file));
    let (mut items, mut customers) = (BTreeMap::new(), BTreeMap::new());
    let mut purchases: BTreeMap<(u32, i64), Vec<u32>> = BTreeMap::new();
    for row in reader.records() {
        let row = row?;
        if row[0].starts_with('C') || row[3].parse::<i64>()? <= 0 || row[6].is_empty() {
            continue;
        }
        let at = ["%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S"]
            .iter()
            .find_map(|form| NaiveDateTime::parse_from_str(&row[4], form).ok())
            .with_context(|| format!("{} is no moment", &row[4]))?;
        let (next_item, next_customer) = (u32::try_from(items.len())?, u32::try_from(customers.len())?);
        let item = *items.entry(row[1].to_owned()).or_insert(next_item);
        let customer = *customers.entry(row[6].to_owned()).or_insert(next_customer);
        // 1970 began on a Thursday, and day 0 is a Monday.
        let minute = at.and_utc().timestamp() / 60 + 3 * DAY;
        purchases.entry((customer, minute)).or_default().push(item);
    }
    let purchases = purchases.into_iter().map(|((customer, at), items)| Purchase { customer, at, items }).collect();
    Ok(History::new(u32::try_from(items.len())?, purchases)?)
}

/// One hidden item of each of a fifth of the baskets, among the first five.
fn groceries(seeds: u64) -> anyhow::Result<Value> {
    let path = Path::new(DATA).join("groceries.csv.gz");
    let file = std::fs::File::open(&path).with_context(|| format!("{} is needed", path.display()))?;
    let mut reader = csv::Reader::from_reader(flate2::read::GzDecoder::new(file));
    let mut items = BTreeMap::new();
    let mut baskets: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
    for row in reader.records() {
        let row = row?;
        let next = u32::try_from(items.len())?;
        baskets.entry(row[0].to_owned()).or_default().insert(*items.entry(row[1].to_owned()).or_insert(next));
    }
    let all = u32::try_from(items.len())?;
    let baskets: Vec<Vec<u32>> = baskets.into_values().map(|items| items.into_iter().collect()).collect();
    let (mut ours, mut ease, mut apart) = (Vec::new(), Vec::new(), Vec::new());
    for seed in 0..seeds {
        let mut rng = StdRng::seed_from_u64(SEED + seed);
        let mut order: Vec<usize> = (0..baskets.len()).collect();
        order.shuffle(&mut rng);
        let (known, hidden) = order.split_at(baskets.len() * 4 / 5);
        // Baskets have no dates: a fifth of the known ones comes later, so that the mixture is learned on it.
        let early = known.len() * 4 / 5;
        let at = |place: usize| if place < early { 0 } else { (WINDOW + 2) * DAY };
        let purchases = known.iter().enumerate().map(|(place, basket)| {
            Ok(Purchase { customer: u32::try_from(*basket)?, at: at(place), items: baskets[*basket].clone() })
        });
        let history = History::new(all, purchases.collect::<anyhow::Result<_>>()?)?;
        let params = Params {
            ridges: vec![100.0, 300.0, GROCERIES_RIDGE],
            validation_samples: 3_000,
            seed,
            ..Params::default()
        };
        let model = fit(&history, &params.check()?, &mut |_, _| ControlFlow::Continue(()))?;
        let plain =
            Neighbours::ease(&Counts::of(&history), GROCERIES_RIDGE, usize::MAX, &mut || ControlFlow::Continue(()));
        let plain = plain.context("EASE is not called off")?;
        let (mut hits, mut plain_hits, mut asked) = (0_u32, 0_u32, 0_u32);
        for basket in hidden.iter().map(|basket| &baskets[*basket]).filter(|basket| basket.len() > 1) {
            let mut rest = basket.clone();
            let wanted = rest.remove(rng.random_range(0..rest.len()));
            asked += 1;
            hits += u32::from(completed(&model, &rest).contains(&wanted));
            plain_hits += u32::from(completed_by(&plain, &rest, all).contains(&wanted));
        }
        ensure!(asked > 0, "there are baskets to complete");
        let share = |hits: u32| f64::from(hits) / f64::from(asked);
        println!("groceries, seed {seed}: {asked} baskets, {:.4}, EASE {:.4}", share(hits), share(plain_hits));
        ours.push(share(hits));
        ease.push(share(plain_hits));
        apart.push(share(hits) - share(plain_hits));
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let error = |values: &[f64]| {
        let mean = mean(values);
        let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (values.len() as f64 - 1.0).max(1.0);
        (variance / values.len() as f64).sqrt()
    };
    Ok(json!({
        "groceries_hr5": rounded4(mean(&ours)), "groceries_hr5_se": rounded4(error(&ours)),
        "groceries_hr5_ease": rounded4(mean(&ease)), "groceries_hr5_ease_se": rounded4(error(&ease)),
        "groceries_hr5_over_ease": rounded4(mean(&apart)), "groceries_hr5_over_ease_se": rounded4(error(&apart)),
        "groceries_seeds": seeds,
    }))
}

fn completed(model: &Model, basket: &[u32]) -> Vec<u32> {
    let facts = Facts { basket, now: (WINDOW + 3) * DAY, ..Facts::default() };
    model.rank(&facts, 5).into_iter().map(|ranked| ranked.item).collect()
}

fn completed_by(neighbours: &Neighbours, basket: &[u32], items: u32) -> Vec<u32> {
    let mut scores: Vec<(f32, u32)> = (0..items).map(|item| (0.0, item)).collect();
    for (other, alike) in basket.iter().flat_map(|item| neighbours.of_item(*item)) {
        scores[*other as usize].0 += alike;
    }
    scores.retain(|(_, item)| !basket.contains(item));
    scores.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    scores.into_iter().take(5).map(|(_, item)| item).collect()
}

fn rounded4(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

/// As numpy reads them: 32-bit integers, little end first.
fn write_numbers(path: &Path, numbers: &[u32]) -> anyhow::Result<()> {
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    std::fs::write(path, bytes).with_context(|| format!("{} cannot be written", path.display()))
}

fn read_lists(path: &Path, lists: usize) -> anyhow::Result<Vec<Vec<u32>>> {
    let bytes = std::fs::read(path).with_context(|| format!("{} was not left there", path.display()))?;
    ensure!(bytes.len() == lists * FIRST * 4, "{} has {} bytes for {lists} customers", path.display(), bytes.len());
    let number = |bytes: &[u8]| bytes.try_into().map(u32::from_le_bytes).unwrap_or(u32::MAX);
    Ok(bytes.chunks(FIRST * 4).map(|list| list.chunks(4).map(number).collect()).collect())
}
