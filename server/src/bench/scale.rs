//! `kava bench scale`: how what is done at night grows. Histories of four sizes are imported, their features computed from
//! scratch, segments fitted, and rules mined; then, with four numbers of products, rules mined and what goes with what counted and
//! worked out (EASE). docs/scale.md says what follows from it.
//!
//! `growth_*` is by how much the cost of a line (of a customer, for the fit) changes from the smallest size to the largest: 1 is
//! linear.

use std::fmt::Write as _;
use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, ensure};
use preferences::{Baskets, Bounds, Counts, Empty, MinSupport, Neighbours, Params, Ratio, frequent, rules};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use services::import::Progress;
use store::Store;
use store::import::bare;
use store::segments::{Whose, refresh};

use super::import::{request, shop};
use super::load::{Folder, on_private_postgres, rounded};
use super::machine::{forget_peak_memory, machine, peak_memory_mib};

const SEED: u64 = 20_261_127;
const PRODUCTS: u32 = 400;
/// Of EASE.
const RIDGE: f64 = 200.0;
const NEIGHBOURS: usize = 300;
/// Of the baskets, for rules.
const SUPPORT: (u32, u32) = (1, 1_000);

/// Prints the figures; the last line is one JSON object.
///
/// # Errors
/// When PostgreSQL does not start, or an import or a fit fails.
pub async fn run(quick: bool) -> anyhow::Result<()> {
    let customers: [u32; 4] = if quick { [500, 2_000, 8_000, 32_000] } else { [4_000, 20_000, 100_000, 400_000] };
    let (products, baskets): ([u32; 4], u32) =
        if quick { ([100, 200, 400, 800], 100_000) } else { ([500, 1_000, 2_000, 4_000], 1_000_000) };
    let folder = Folder::new()?;
    let by_customers = on_private_postgres(&folder.0, async |postgres| {
        let mut measured = Vec::new();
        for (n, customers) in customers.into_iter().enumerate() {
            let database = format!("size_{n}");
            postgres.ensure_database(&database)?;
            measured.push(night(&postgres.url(&database), &folder.0, customers).await?);
        }
        Ok(measured)
    })
    .await?;
    let by_products: Vec<Value> =
        products.into_iter().map(|products| mined(baskets, products)).collect::<anyhow::Result<_>>()?;
    let growth = |figure: &str, unit: &str| {
        let cost = |size: &Value| size[figure].as_f64().unwrap_or(f64::NAN) / size[unit].as_f64().unwrap_or(f64::NAN);
        json!(by_customers.first().zip(by_customers.last()).map(|(small, large)| rounded(cost(large) / cost(small))))
    };
    let figures = json!({
        "growth_import": growth("import_s", "lines"),
        "growth_features": growth("features_s", "lines"),
        "growth_fit": growth("fit_s", "customers"),
        "growth_rules": growth("rules_s", "lines"),
        "by_customers": by_customers,
        "by_products": by_products,
    });
    println!("{}", json!({"bench": "scale", "figures": figures, "machine": machine()}));
    Ok(())
}

/// A history imported, its features computed, segments fitted, rules mined.
async fn night(url: &str, folder: &Path, customers: u32) -> anyhow::Result<Value> {
    let file = folder.join("receipts.csv");
    let baskets = sold(customers, PRODUCTS);
    let lines: usize = baskets.iter().map(|basket| basket.skus.len()).sum();
    write(&file, &baskets)?;
    let lists: Vec<Vec<u32>> = baskets.into_iter().map(|basket| basket.skus).collect();
    let store = Store::connect(url, 4).await?;
    store.migrate().await?;
    let shop = shop(&store);

    let started = Instant::now();
    let report = shop.import_receipts(request(&file), Arc::new(Progress::default())).await?;
    let import_s = started.elapsed().as_secs_f64();
    ensure!(report.lines == lines as u64 && report.adds_up(), "the import does not account for every line: {report:?}");
    std::fs::remove_file(&file).context("the generated receipts cannot be removed")?;
    bare::rest(&store).await?;

    let started = Instant::now();
    let mut tx = store.begin().await?;
    let repaired = refresh(&mut tx, Whose::Everybody).await?;
    store::commit(tx).await?;
    let features_s = started.elapsed().as_secs_f64();
    ensure!(repaired == 0, "{repaired} customers had other features than their receipts say");

    forget_peak_memory();
    let started = Instant::now();
    let fitted = services::segment::fit(&shop).await?;
    let (fit_s, fit_mib) = (started.elapsed().as_secs_f64(), peak_memory_mib());

    let (rules_s, rules, rules_mib) = mine(&lists)?;
    println!(
        "{customers} customers, {} receipts, {lines} lines: import {import_s:.1} s, features {features_s:.1} s, fit {fit_s:.1} s \
         ({fit_mib} MiB, {} segments), {rules} rules {rules_s:.2} s ({rules_mib} MiB)",
        lists.len(),
        fitted.segments.len(),
    );
    Ok(json!({
        "customers": fitted.samples, "receipts": lists.len(), "lines": lines,
        "import_s": rounded(import_s), "features_s": rounded(features_s),
        "fit_s": rounded(fit_s), "fit_mib": fit_mib,
        "rules_s": rounded(rules_s), "rules_mib": rules_mib, "rules": rules,
    }))
}

/// Rules, and what goes with what, of so many baskets with so many products.
fn mined(baskets: u32, products: u32) -> anyhow::Result<Value> {
    let sold = sold(baskets / PER_CUSTOMER, products);
    forget_peak_memory();
    let started = Instant::now();
    let mut counts = Counts::new(products);
    for basket in &sold {
        counts.add(basket.customer, &basket.skus);
    }
    let counts_s = started.elapsed().as_secs_f64();
    let started = Instant::now();
    let ease = Neighbours::ease(&counts, RIDGE, NEIGHBOURS, &mut || ControlFlow::Continue(()));
    let (ease_s, ease_mib) = (started.elapsed().as_secs_f64(), peak_memory_mib());
    ensure!(ease.is_some(), "nobody calls EASE off");
    drop(counts);
    let lists: Vec<Vec<u32>> = sold.into_iter().map(|basket| basket.skus).collect();
    let (rules_s, rules, rules_mib) = mine(&lists)?;
    println!(
        "{products} products in {} baskets: counted in {counts_s:.1} s, EASE {ease_s:.1} s ({ease_mib} MiB), {rules} rules {rules_s:.2} s \
         ({rules_mib} MiB)",
        lists.len()
    );
    Ok(json!({
        "products": products, "receipts": lists.len(), "counts_s": rounded(counts_s), "ease_s": rounded(ease_s),
        "ease_mib": ease_mib, "rules_s": rounded(rules_s), "rules_mib": rules_mib, "rules": rules,
    }))
}

/// Seconds, rules, and the peak of memory, of which the lists themselves are a part.
fn mine(lists: &[Vec<u32>]) -> anyhow::Result<(f64, usize, u64)> {
    forget_peak_memory();
    let started = Instant::now();
    let baskets = Baskets::from_lists(lists.iter().map(|list| list.iter().copied()), Empty::Count)?;
    let support = Ratio::new(SUPPORT.0, SUPPORT.1).context("a support over zero")?;
    let bounds = Bounds { max_len: 4, ..Bounds::default() };
    let sets = frequent(&baskets, MinSupport::Share(support), bounds, &mut |_, _| ControlFlow::Continue(()))?;
    let params = Params { min_confidence: Ratio::basis_points(1_000), drop_redundant: true, ..Params::default() };
    let found = rules(&sets, baskets.len(), &params)?;
    Ok((started.elapsed().as_secs_f64(), found.len(), peak_memory_mib()))
}

/// Groups of products that go together.
const GROUPS: u32 = 40;
/// Receipts that a customer has on average.
const PER_CUSTOMER: u32 = 6;

struct Basket {
    customer: u32,
    /// Minutes since the beginning of the history.
    minute: u32,
    skus: Vec<u32>,
}

/// Half a year of customers who come from once to a dozen times and each have favourites; a few products sell most, as in
/// shops (a share that falls with the square of the rank), and half of the baskets have several of a few that go together.
fn sold(customers: u32, products: u32) -> Vec<Basket> {
    let mut rng = StdRng::seed_from_u64(SEED);
    let mut baskets = Vec::new();
    for customer in 0..customers {
        let any = |rng: &mut StdRng| (rng.random::<f64>().powi(2) * f64::from(products)) as u32;
        let favourites = [any(&mut rng), any(&mut rng), any(&mut rng)];
        for _ in 0..rng.random_range(1..2 * PER_CUSTOMER) {
            let wanted = rng.random_range(1..=4);
            let mut skus: Vec<u32> = (0..wanted)
                .map(|_| if rng.random_bool(0.5) { favourites[rng.random_range(0..3)] } else { any(&mut rng) })
                .collect();
            if rng.random_bool(0.5) {
                let group = (rng.random::<f64>().powi(2) * f64::from(GROUPS)) as u32;
                skus.extend((0..4).filter(|_| rng.random_bool(0.7)).map(|n| (group * 7 + n * 3) % products));
            }
            skus.sort_unstable();
            skus.dedup();
            baskets.push(Basket { customer, minute: rng.random_range(0..182 * 24 * 60), skus });
        }
    }
    baskets
}

/// The file that such a history comes in, as `kava import receipts` reads it.
fn write(path: &Path, baskets: &[Basket]) -> anyhow::Result<()> {
    const THINGS: [&str; 8] = ["MUG", "LANTERN", "BAG", "CANDLE", "CLOCK", "CUSHION", "TIN", "PLATE"];
    let file = std::fs::File::create(path).with_context(|| format!("{} cannot be made", path.display()))?;
    let mut file = BufWriter::new(file);
    writeln!(file, "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country")?;
    let mut text = String::new();
    for (basket, invoice) in baskets.iter().zip(1_000_000_u32..) {
        let (day, minute) = (basket.minute / 1_440, basket.minute % 1_440);
        // Months of four weeks, so that no day has to be looked up.
        let (month, day) = (1 + day / 28 % 7, 1 + day % 28);
        text.clear();
        for sku in &basket.skus {
            let (thing, price) = (THINGS[*sku as usize % THINGS.len()], 100 + sku % 900);
            writeln!(
                text,
                "{invoice},{}S,PAINTED {thing} NO {sku},1,2011-{month:02}-{day:02} {:02}:{:02},{}.{:02},{},United Kingdom",
                20_000 + sku,
                minute / 60,
                minute % 60,
                price / 100,
                price % 100,
                10_000 + basket.customer,
            )?;
        }
        file.write_all(text.as_bytes())?;
    }
    Ok(file.flush()?)
}
